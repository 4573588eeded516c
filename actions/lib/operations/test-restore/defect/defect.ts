import { createHash, randomBytes } from "node:crypto";
import type { Difference } from "../../../compare/difference.ts";

export const defectKinds = [
  "changed value",
  "lost row",
  "dropped policy",
  "re-granted function",
  "lowered sequence",
  "missing index",
] as const;
/** `extra view`: where a database has nothing of the others. */
export type DefectKind = (typeof defectKinds)[number] | "extra view";

/** A defect that can be planted, and what the proof has to say of it. */
export interface Defect {
  readonly kind: DefectKind;
  readonly expected: Pick<Difference, "kind" | "identity" | "aspect">;
  /** Statements, in order; each run of them is one transaction. */
  readonly plant: readonly string[];
  readonly undo: readonly string[];
  /**
   * A condition in SQL that holds once it is planted, asked in the same transaction: without the comparison's help, so that
   * what the comparison then misses is its own fault, never a statement that came to nothing.
   */
  readonly stands: string;
}

/** Makes the defect's statements for the database as it is; undefined where they would not work. */
export type Candidate = () => Promise<Defect | undefined>;

export interface Judgement {
  readonly outcome: "found" | "missed" | "blamed-others";
  /** What the proof named that nobody has planted, `kind identity: aspect`. */
  readonly others: readonly string[];
}

const placeOf = ({ kind, identity, aspect }: Difference) => `${kind} ${identity}: ${aspect}`;
const textOf = (one: Difference) => `${placeOf(one)} (${one.verdict})`;

/**
 * Whether the comparison found exactly what was planted. Pure. What was named before because rows are equal to those that break
 * it at the source too may be named otherwise while rows differ: that is no blame.
 * @param before what it named while nothing was planted
 */
export function judgeDefect(
  { expected }: Pick<Defect, "expected">,
  before: readonly Difference[],
  after: readonly Difference[],
): Judgement {
  const known = new Set(before.map(textOf));
  const named = new Set(before.map(placeOf));
  const fresh = after.filter((one) => !known.has(textOf(one)));
  const isIt = (one: Difference) =>
    one.verdict === "failed" &&
    one.kind === expected.kind &&
    one.identity === expected.identity &&
    one.aspect === expected.aspect;
  const toldAgain = (one: Difference) => expected.aspect === "rows" && named.has(placeOf(one));
  const others = fresh.filter((one) => !isIt(one) && !toldAgain(one)).map(textOf);
  const outcome = !fresh.some(isIt) ? "missed" : others.length > 0 ? "blamed-others" : "found";
  return { outcome, others };
}

/** 8 hex digits: `--seed` repeats a choice that was made with them. */
export const seedPattern = /^[0-9a-f]{8}$/;

export function newSeed(): string {
  return randomBytes(4).toString("hex");
}

/** Numbers that follow from a seed: equal seeds choose equally on every machine. */
export class SeededChoice {
  readonly #seed: string;
  #drawn = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    const digest = createHash("sha256")
      .update(`${this.#seed} ${this.#drawn++}`)
      .digest();
    return Number(digest.readBigUInt64BE(0) % BigInt(Math.max(1, count)));
  }

  /** The same things in an order that the seed decides. */
  shuffled<T>(things: readonly T[]): T[] {
    const left = [...things];
    const order: T[] = [];
    while (left.length > 0) order.push(...left.splice(this.below(left.length), 1));
    return order;
  }
}
