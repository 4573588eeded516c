import { createHash } from "node:crypto";
import { ConfigurationError } from "../../base/errors.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { stagingSchema } from "../../postgres/platform-owned.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { setPrefix } from "../../vault/format/manifest.ts";
import type { Proof, Turn } from "../../vault/format/proof.ts";
import { hiddenError } from "../../vault/published/publications.ts";
import { believed, manifestName, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { publishedSets, readSet, resolveSet, type SetName } from "../../vault/sets/catalogue.ts";
import { readSignedSet, type SignedSet } from "../../vault/sets/open-set.ts";
import type { StoredProof } from "../../vault/sets/proof-store.ts";

/** What the choice is made from: sets, newest first, and what earlier tests found out. */
export interface ChoiceFacts {
  readonly sets: readonly SetName[];
  /** Of this vault, oldest first. */
  readonly proofs: readonly Pick<Proof, "set" | "turn" | "finishedAt" | "outcome">[];
  readonly turns: readonly Exclude<Turn, "named">[];
}

export interface Choice extends SetName {
  readonly turn: Exclude<Turn, "named">;
  /** Why this one, as a sentence. */
  readonly why: string;
}

/**
 * Which set this test is to restore: the newest, an older one and an archive in rotation. The turn after the last test's is next;
 * where there is nothing for it, the newest set takes it. Among several the one that was never proven comes first, then the
 * one whose proof is oldest. Pure; undefined when there is no set at all.
 */
export function chooseSet({ sets, proofs, turns }: ChoiceFacts): Choice | undefined {
  const newest = sets.find(({ tier }) => tier !== "monthly") ?? sets[0];
  if (newest === undefined) return undefined;
  const turn = nextTurn(proofs, turns);
  const lastProven = new Map(
    proofs.filter(({ outcome }) => outcome === "proven").map((proof) => [proof.set, proof.finishedAt]),
  );
  const leastProven = (candidates: readonly SetName[]): SetName | undefined =>
    candidates.toSorted((a, b) => order(lastProven.get(a.set) ?? "", lastProven.get(b.set) ?? ""))[0];
  if (turn === "newest") return { ...newest, turn, why: "it is the newest" };
  const candidates = sets.filter(({ tier, set }) =>
    turn === "archive" ? tier === "monthly" : tier !== "monthly" && set !== newest.set,
  );
  // Archives are many and age slowly: the newest of the unproven. Other sets soon expire: the oldest of them.
  const found = leastProven(turn === "archive" ? candidates : candidates.toReversed());
  if (found === undefined) {
    return { ...newest, turn, why: `it is ${turnWord(turn)}'s turn, and there is none: the newest takes it` };
  }
  const when = lastProven.get(found.set);
  const proven = when === undefined ? "was never proven" : `was proven last on ${when.slice(0, 10)}`;
  return { ...found, turn, why: `it is ${turnWord(turn)}'s turn, and this one ${proven}` };
}

/** The turn after that of the last test that followed the rotation. A test that failed has had its turn too. */
export function nextTurn(proofs: readonly Pick<Proof, "turn">[], turns: ChoiceFacts["turns"]): Exclude<Turn, "named"> {
  const tests = proofs.filter(({ turn }) => turn !== "named").length;
  return turns[tests % turns.length] ?? "newest";
}

function turnWord(turn: Turn): string {
  return turn === "archive" ? "an archive" : "an older set";
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The set of this test, its manifest read and trusted. */
export interface SelectedSet {
  readonly signed: SignedSet;
  readonly turn: Turn;
  readonly why: string;
  /** Of the manifest's stored bytes, hex. */
  readonly manifestSha256: string;
}

/**
 * Finds the set: the named one, or that whose turn it is.
 * @param named a set's id or `latest`; undefined: the next of the rotation
 * @throws ConfigurationError `set-unknown`, `set-id`, `set-hidden`, `manifest-untrusted`, `set-of-staging`
 */
export async function selectSet(
  vault: Vault,
  options: {
    readonly named: string | undefined;
    readonly proofs: readonly StoredProof[];
    readonly policy: Policy;
    readonly trusted: readonly Signer[];
  },
): Promise<SelectedSet> {
  const { named, policy, trusted } = options;
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, trusted);
  const choice =
    named === undefined
      ? await byTurns(vault, { ...options, verify })
      : { ...(await resolveSet(vault, named, { verify })), turn: "named" as const, why: "it was named" };
  const { tier, set, turn, why } = choice;
  const before = await vault.get(setPrefix(tier, set) + manifestName);
  const signed = await readSignedSet(vault, { tier, set }, trusted);
  refuseStagings(signed, policy);
  return { signed, turn, why, manifestSha256: createHash("sha256").update(before.body).digest("hex") };
}

async function byTurns(
  vault: Vault,
  {
    proofs,
    policy,
    verify,
  }: { readonly proofs: readonly StoredProof[]; readonly policy: Policy; readonly verify: VerifySignature },
) {
  const sets: SetName[] = [];
  for await (const { tier, set, state, marker } of publishedSets(vault)) {
    if (state === "there") sets.push({ tier, set });
    // Passed over in silence, an older set would be tested as if it were the newest.
    else if (sets.length === 0) throw hiddenError(vault, { prefix: `database/${tier}/`, set, marker }, "latest");
  }
  for (const left = new Set(sets); ; ) {
    const facts = { proofs: proofs.map(({ proof }) => proof), turns: policy.restoreTest.turns };
    const choice = chooseSet({ sets: [...left], ...facts });
    if (choice === undefined) break;
    if (!(await isMarked(vault, choice, verify))) return choice;
    for (const one of left) if (one.set === choice.set) left.delete(one);
  }
  throw new ConfigurationError(
    "set-unknown",
    `There is no set yet in bucket ${vault.bucket}: nothing to test.`,
    "Make one with `lifeboat backup --tier daily`.",
  );
}

/** Made while an incident was on: it can be tested by its name, and has no turn. One that cannot be trusted is refused later, by name. */
async function isMarked(vault: Vault, { tier, set }: SetName, verify: VerifySignature): Promise<boolean> {
  const read = await believed(() => readSet(vault, tier, set, verify));
  return read !== undefined && "document" in read && read.document.manifest.incident !== undefined;
}

/** A set of the staging project itself proves nothing about production, and would bring a marker of its own. */
function refuseStagings({ set, manifest }: SignedSet, policy: Policy): void {
  const carries = manifest.artifacts.some(({ tables = [] }) =>
    tables.some((table) => table.startsWith(`${stagingSchema}.`)),
  );
  const sameRef = manifest.source.projectRef !== null && manifest.source.projectRef === policy.restoreTest.projectRef;
  if (!carries && !sameRef) return;
  throw new ConfigurationError(
    "set-of-staging",
    `Set ${set} was made of the staging project itself. Nothing has been touched.`,
    "Point DATABASE_URL of the backups at production, and test one of its sets (--set).",
  );
}
