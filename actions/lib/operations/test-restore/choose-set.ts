import type { Proof, Turn } from "../../vault/format/proof.ts";
import type { SetName } from "../../vault/sets/catalogue.ts";

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
 * Which set this test is to restore: by turns the newest, an older one, an archive. The turn after the last test's is next;
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

/** The turn after that of the last test that went by turns. A test that failed has had its turn too. */
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
