/**
 * `failed`: it should be equal and is not. `expected`: named in advance as something that this kind of target cannot
 * take over or keeps in its own version. `unverified`: nobody could tell.
 */
export type Verdict = "failed" | "expected" | "unverified";

/** One thing in which a restored database is not what the set says. Carries names and definitions, never rows. */
export interface Difference {
  readonly kind: string;
  readonly identity: string;
  readonly aspect:
    | "missing"
    | "extra"
    | "definition"
    | "owner"
    | "grants"
    | "comment"
    | "rows"
    | "value"
    | "settings"
    | "membership"
    | "reference";
  readonly detail: string;
  readonly verdict: Verdict;
  /** For an expected difference the reason; for the others what is known of the cause. */
  readonly why: string;
}

/** Whole only when nothing failed and nothing stayed unverified. */
export function outcomeOf(differences: readonly Difference[]): "equal" | "differs" | "unverified" {
  if (differences.some((difference) => difference.verdict === "failed")) return "differs";
  return differences.some((difference) => difference.verdict === "unverified") ? "unverified" : "equal";
}
