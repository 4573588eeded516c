import { LifeboatError } from "../../../base/errors.ts";

/** How one thing that was to be there stands now. */
export type DeedOutcome =
  | "made"
  | "changed"
  | "stored"
  | "as it is"
  /** Somebody's, and looser or stricter than what is wanted: it stays. */
  | "left"
  /** GitHub's plan does not have it for this repository. */
  | "not on this plan"
  /** Nobody has given the value. */
  | "missing"
  | "refused";

export interface Deed {
  /** `environment backup`, `branch main`, `repository`. */
  readonly where: string;
  /** Name of a setting, or words: `limited to main`. */
  readonly what: string;
  readonly outcome: DeedOutcome;
  readonly note?: string | undefined;
}

/** Whether it can stay so. */
export function isWell({ outcome }: Deed): boolean {
  return outcome !== "refused" && outcome !== "missing";
}

/** Does one thing; what GitHub refuses is told by name and keeps nothing else from being done. */
export async function attempt(
  where: string,
  what: string,
  work: () => Promise<DeedOutcome | Pick<Deed, "outcome" | "note">>,
): Promise<Deed> {
  try {
    const done = await work();
    return typeof done === "string" ? { where, what, outcome: done } : { where, what, ...done };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    if (error.code === "github-plan") return { where, what, outcome: "not on this plan" };
    return { where, what, outcome: "refused", note: [error.message, error.next].filter(Boolean).join(" ") };
  }
}
