import type { Difference } from "../../../compare/difference.ts";
import type { Defect } from "./defect.ts";

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
