import type { Log } from "../../base/log.ts";
import type { VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { describeIncident, readIncident } from "./state.ts";

/** What a run that makes a set or a snapshot has to know of incidents. */
export interface IncidentWatch {
  /** Whether one was on when the run began. */
  readonly on: boolean;
  /** Id of one that was on at any time since; undefined: none. For the manifest, asked when it is about to be signed. */
  mark(): Promise<string | undefined>;
}

/**
 * Begins to watch, before anything is read from the source. A run goes on during an incident, and what it makes bears a mark: it
 * is never the newest good one.
 */
export async function watchIncident(vault: Vault, verify: VerifySignature, log: Log): Promise<IncidentWatch> {
  const before = await readIncident(vault, verify);
  const tell = (id: string, what: string): string => {
    log.warn(
      `${what.charAt(0).toUpperCase()}${what.slice(1)}: what is made now bears its mark and is never the newest good one.`,
    );
    return id;
  };
  const atBegin = before.on ? tell(before.id, describeIncident(before)) : undefined;
  return {
    on: before.on,
    async mark() {
      if (atBegin !== undefined) return atBegin;
      const after = await readIncident(vault, verify);
      if (after.on) return tell(after.id, describeIncident(after));
      const meanwhile = after.ended.find((id) => !before.ended.includes(id));
      return meanwhile && tell(meanwhile, `incident ${meanwhile} was on meanwhile`);
    },
  };
}
