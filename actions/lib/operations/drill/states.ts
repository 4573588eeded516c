import { z } from "zod";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import type { ManagementApi } from "../../supabase/management-api.ts";
import { removeProject } from "../../supabase/new-project/remove.ts";
import { provenBy } from "../../vault/configured.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { factsSchema } from "../recover/complete-loss/facts.ts";
import { type RecoveryState, readState, type StateAccess } from "../recover/state.ts";
import { vaultStates } from "../recover/state-store.ts";

/** What a drill notes beside the facts of a recovery. */
export const drillFactsSchema = factsSchema.extend({
  /** Refs that are production's, and never deleted. */
  production: z.array(z.string()),
  /** A month, where it could be asked. */
  dollarsAMonth: z.number().nullable().default(null),
});

/** Below it lie the states of drills, apart from those of recoveries: none takes the other's up. */
const prefix = "drills/";

/** The states of drills: sealed to the prover and signed by it, the one key that a drill has. */
export async function drillStates(
  config: Config,
  { vault, prover, clock }: { readonly vault: Vault; readonly prover: UnlockedKey; readonly clock: Clock },
): Promise<StateAccess> {
  const { recipients } = await readKeyring(config.publicKeys.armored);
  const keys = {
    opening: prover,
    sign: (bytes: Uint8Array) => signDetached(bytes, prover),
    verify: await provenBy(config),
    recipients: recipients.filter(({ fingerprint }) => fingerprint === prover.fingerprint),
  };
  return { store: vaultStates(vault, prefix), keys, clock };
}

/** A project that is asked for and never answered for may still appear; after so long it does not. */
const appearsWithinMinutes = 60;

/** Deletes the project of a drill, where it has made one. @returns when there is nothing left of it @throws as `removeProject` */
export async function clearDrill(
  state: RecoveryState,
  api: ManagementApi | undefined,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<boolean> {
  const { plan, ref, production } = state.facts(drillFactsSchema);
  const { project } = plan;
  if (project === null) return true;
  if (api === undefined)
    throw new ConfigurationError(
      "api-token-missing",
      `Drill ${state.id} may have left a project in ${project.organization}, and SUPABASE_ACCESS_TOKEN is not set.`,
      "Set the token of the drill's organisation, and run again.",
    );
  const name = `${project.name} ${state.id}`;
  const made = { by: "the drill", name, ref, organization: project.organization, production };
  const removed = await removeProject(api, made, { clock, log, signal });
  const old = clock.now() - Date.parse(state.begunAt) > appearsWithinMinutes * 60_000;
  return removed !== undefined || ref !== null || old;
}

/**
 * What drills left that have died: their projects are deleted. Staging is emptied by its own marker when the next drill takes it.
 * @returns ids of drills whose projects are not known to be gone yet
 */
export async function clearLeftovers(
  access: StateAccess,
  api: ManagementApi | undefined,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<string[]> {
  const left: string[] = [];
  for (const id of await access.store.list()) {
    const state = await readState(id, access, log);
    if (state === undefined || state.ended !== null) continue;
    try {
      log.info(`Drill ${id}, begun at ${state.begunAt}, did not come to its end: clearing what it left.`);
      if (await clearDrill(state, api, { clock: access.clock, log, signal })) await state.end("given up");
      else left.push(id);
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      log.warn(`What drill ${id} left could not be cleared: ${error.message}`);
      left.push(id);
    }
  }
  return left;
}
