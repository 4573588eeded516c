import { ConfigurationError } from "../../base/errors.ts";
import type { Config } from "../../config/load.ts";
import { periodAround } from "../../policy/period.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { objectStates } from "../../vault/bucket/thaw.ts";
import { openingKey } from "../../vault/configured.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { StoredProof } from "../../vault/sets/proof-store.ts";
import { describeThaw, planThaw, thawSet } from "../thaw/thaw-set.ts";
import type { RestoreTestNotice, RestoreTestRequest } from "./request.ts";
import type { SelectedSet } from "./select-set.ts";
/**
 * The key that opens the set also signs the proof, so it must be the prover's: see runbooks/decisions/0011.
 * @throws ConfigurationError `prover-key`
 */
export async function proverKey(config: Config<"opening">): Promise<UnlockedKey> {
  const key = await openingKey(config);
  const pinned = config.policy.keys.recipients.prover;
  if (key.fingerprint === pinned) return key;
  throw new ConfigurationError(
    "prover-key",
    `RESTORE_PRIVATE_KEY is ${key.fingerprint}, and the policy's prover is ${pinned ?? "not pinned"}. Nothing has been touched.`,
    "Restore tests and drills use the prover key alone: its signature makes a set proven. Set the prover's private key.",
  );
}

/** The proof of this month that makes another attempt do nothing; undefined: there is none. */
export async function thisMonths(vault: Vault, proofs: readonly StoredProof[]): Promise<RestoreTestNotice | undefined> {
  const { from, until } = periodAround("month", await vault.serverTime());
  const inMonth = (time: string) => Date.parse(time) >= from.getTime() && Date.parse(time) < until.getTime();
  const found = proofs.findLast(
    // A drill asks other questions.
    ({ proof }) => proof.drill === undefined && proof.outcome === "proven" && inMonth(proof.finishedAt),
  );
  if (found === undefined) return undefined;
  const { set, proof, finishedAt } = found.proof;
  return { outcome: "nothing-to-do", set, proof, provenAt: finishedAt };
}

/**
 * An archive that lies in Glacier is asked for; unless the caller waits, a later attempt of the month finds it thawed.
 * @throws ConfigurationError `set-frozen` when the policy does not allow it
 */
export async function askGlacier(
  vault: Vault,
  { signed, why }: SelectedSet,
  request: RestoreTestRequest,
): Promise<RestoreTestNotice | undefined> {
  const { log, signal, dryRun = false, waitForThaw = false } = request;
  const states = await objectStates(vault, signed.prefix, signed.manifest.artifacts);
  if (!states.some(({ state }) => state === "frozen" || state === "thawing")) return undefined;
  if (!request.config.policy.restoreTest.thaw) {
    throw new ConfigurationError(
      "set-frozen",
      `Set ${signed.set} lies in Glacier, and the policy (restoreTest.thaw) does not ask for it. Nothing has been touched.`,
      `Bring it back with \`lifeboat thaw ${signed.set} --wait\`, or name another with --set.`,
    );
  }
  if (dryRun) {
    log.info(describeThaw(signed.set, planThaw(states, "Standard", thawDays), thawDays));
    return undefined;
  }
  const options = { tier: "Standard" as const, days: thawDays, dryRun: false, wait: waitForThaw, log, signal };
  const { expected, outcome } = await thawSet(vault, signed, options);
  return outcome === "ready" ? undefined : { outcome: "thawing", set: signed.set, why, expected };
}

/** Long enough for the later attempts of the month. */
const thawDays = 7;
