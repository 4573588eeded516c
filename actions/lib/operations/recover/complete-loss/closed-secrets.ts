import { LifeboatError } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import { openingKey } from "../../../vault/configured.ts";
import { bringRootKey, makeClosedSecrets } from "../../configuration/vault-key.ts";
import { openEscrow } from "../../escrow/run-list.ts";
import { targetConnector } from "../../target/sessions.ts";
import { openSourceSet } from "../sources.ts";
import type { Candidate } from "./facts.ts";
import type { LossWork, Place } from "./work.ts";

/**
 * Restores a set around the secrets of Vault that only the lost project's root key opens: the key comes first, while nothing is sealed
 * with the new project's own, and they are made when all else is there. What goes wrong with them keeps nothing else from coming back.
 *
 * @returns what `restore` gives, and what a person has to know of those secrets
 * @throws what `restore` throws, and what opening the set does
 */
export async function aroundClosedSecrets<Restored>(
  work: LossWork,
  candidate: Candidate,
  { ref, target }: Place,
  signal: AbortSignal,
  restore: () => Promise<Restored>,
): Promise<{ readonly restored: Restored; readonly byHand: readonly string[] }> {
  const { sources, log, clock, optionalApi: api, staysStaging } = work;
  // Staging is no place for secrets, and a project that nobody names gets no key.
  if (staysStaging || api === undefined || ref === null) return { restored: await restore(), byHand: [] };
  const { config, vault } = sources;
  const open = await openSourceSet(sources, candidate);
  const connect = targetConnector({ target, policy: config.policy }, "recover-vault", { log, signal });
  const attempt = async <T>(what: () => Promise<T>): Promise<T | string> => {
    try {
      return await what();
    } catch (error) {
      signal.throwIfAborted();
      return error instanceof LifeboatError ? error.message : "Vault's secrets could not be looked at.";
    }
  };
  const why = await attempt(async () => {
    const escrow = await openEscrow(vault, config, await openingKey(config));
    const key = escrow.values.get("vault-root-key")?.reveal();
    return bringRootKey(open, { api, ref, key, connect, clock, log, signal });
  });
  if (why !== undefined) log.warn(why);
  const restored = await restore();
  const counts = await attempt(() => makeClosedSecrets(open, connect));
  if (typeof counts === "string") return { restored, byHand: [counts] };
  if (counts.closed === 0) return { restored, byHand: [] };
  const made = `${counts.made} of ${countOf(counts.closed, "Vault secret")} whose value the backup could not read are here, opened by the lost project's root key.`;
  return { restored, byHand: [counts.made === counts.closed ? made : [made, why].filter(Boolean).join(" ")] };
}
