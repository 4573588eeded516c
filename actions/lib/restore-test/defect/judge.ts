import type { Difference } from "../../prove/difference.ts";
import type { Defect } from "./defect.ts";

export interface Judgement {
  readonly outcome: "found" | "missed" | "blamed-others";
  /** What the proof named that nobody has planted, `kind identity: aspect`. */
  readonly others: readonly string[];
}

const textOf = ({ kind, identity, aspect, verdict }: Difference) => `${kind} ${identity}: ${aspect} (${verdict})`;

/**
 * Whether the comparison found exactly what was planted. Pure.
 * @param before what it named while nothing was planted
 */
export function judgeDefect(
  { expected }: Pick<Defect, "expected">,
  before: readonly Difference[],
  after: readonly Difference[],
): Judgement {
  const known = new Set(before.map(textOf));
  const fresh = after.filter((one) => !known.has(textOf(one)));
  const isIt = (one: Difference) =>
    one.verdict === "failed" &&
    one.kind === expected.kind &&
    one.identity === expected.identity &&
    one.aspect === expected.aspect;
  const others = fresh.filter((one) => !isIt(one)).map(textOf);
  const outcome = !fresh.some(isIt) ? "missed" : others.length > 0 ? "blamed-others" : "found";
  return { outcome, others };
}
