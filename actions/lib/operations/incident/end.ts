import { ConfigurationError } from "../../base/errors.ts";
import { recordVerifier, releaseSigner, releaseVerifier } from "../../vault/configured.ts";
import { endIncident } from "../../vault/incident/write.ts";
import type { Context } from "../context.ts";
import { openDataApi, type PutBack, putBack } from "./data-api.ts";
import { idsOn, readStates, trustedSigner } from "./vaults.ts";

export interface EndRequest {
  readonly reason: string;
  readonly leaveApiOff: boolean;
  readonly dryRun: boolean;
}

export interface Ended {
  readonly outcome: "ended" | "nothing-on" | "would-end";
  readonly incidents: readonly string[];
  readonly buckets: readonly string[];
  readonly dataApi: PutBack;
}

/**
 * Ends every incident that is on: puts the Data API back first, because an incident that is over cannot say how it was set;
 * then writes the signed ends, and looks whether none is on.
 * @throws ConfigurationError `signing-key-missing`, `incident-unreadable`; what `putBack` throws: then all stay on; OperationError `incident-still-on`
 */
export async function endRun(context: Context, { reason, leaveApiOff, dryRun }: EndRequest): Promise<Ended> {
  const config = context.config();
  const verify = await releaseVerifier(config);
  const sign = await trustedSigner(
    await releaseSigner(context.env),
    verify,
    "Set RESTORE_PRIVATE_KEY, the operations or escrow key, and RESTORE_PASSPHRASE. The jobs' signing key ends nothing.",
  );
  const states = await readStates(context, verify);
  const unreadable = states.find(({ state }) => state.on && state.unreadable === true);
  if (unreadable?.state.on === true)
    throw new ConfigurationError(
      "incident-unreadable",
      `Bucket ${unreadable.vault.bucket}: ${unreadable.state.reason}. It counts as an incident, and cannot be ended before it can be read.`,
      "Give this role the right to list and read `incident/`, or see runbooks/incident.md where it holds too much.",
    );
  const incidents = idsOn(states);
  const vaults = states.map(({ vault }) => vault);
  const common = { incidents, buckets: vaults.map(({ bucket }) => bucket) };
  const untouched = { state: "not-noted", distrusted: [] } as const;
  if (incidents.length === 0) return { ...common, outcome: "nothing-on", dataApi: untouched };
  if (dryRun) return { ...common, outcome: "would-end", dataApi: untouched };
  const dataApi = leaveApiOff
    ? ({ state: "left-off", distrusted: [] } as const)
    : await putBack(incidents, { vaults, verify: await recordVerifier(config) }, () =>
        openDataApi(config, context.signal),
      );
  const by = context.holder ?? `by hand, ${context.run.runId}`;
  for (const { vault, state } of states) {
    for (const { id } of state.on ? state.all : [])
      await endIncident(vault, { id, reason, by, at: new Date() }, sign, verify);
  }
  return { ...common, outcome: "ended", dataApi };
}
