import { judgeTroubles } from "../../../policy/monitor/vault.ts";
import { manifestVerifier } from "../../../vault/configured.ts";
import { setPrefix } from "../../../vault/format/manifest.ts";
import { inspectNewest } from "../../kit/inspect.ts";
import type { Check, Look } from "../check.ts";
import type { VaultReader } from "./read-vault.ts";

/** Whether people could recover without GitHub, npm and this repository. */
export function kitCheck({ context, now }: Look, reader: VaultReader): Omit<Check, "group"> {
  return {
    ...{ id: "rescue-kit", title: "Rescue kit", runbook: "runbooks/rescue-kit.md" },
    async look() {
      const config = context.config();
      const [vault, files, verify] = [await reader.vault(), await reader.files(), await manifestVerifier(config)];
      // Of the newest sets alone: these are known already. `lifeboat kit check` asks for all.
      const there = async (before: Date): Promise<string[]> => {
        const { sets } = await reader.standing();
        const old = sets.filter(({ snapshotAt }) => new Date(snapshotAt) < before);
        return old.map(({ tier, set }) => setPrefix(tier, set));
      };
      const replica = await context.replica();
      const { findings } = await inspectNewest({ vault, files, verify, config, replica, there, deep: false, now });
      const means =
        "Without it a recovery needs GitHub, npm and this repository, and sets whose keys are lost stay closed.";
      return judgeTroubles(findings, "The newest rescue kit is signed, whole, and has today's keys.", means);
    },
  };
}
