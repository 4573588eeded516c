import type { Policy } from "../../config/policy/policy.ts";
import type { RetentionBounds } from "../../policy/retention.ts";
import type { Terms } from "../../policy/terms.ts";

/** The bounds of the policy. Where no restore test is set up, there are no proofs to wait for. */
export function boundsOf({ retention, restoreTest }: Policy): RetentionBounds {
  const { keepNewest, staleDays, staleProofDays } = retention;
  return { keepNewest, staleDays, staleProofDays: restoreTest.projectRef === null ? null : staleProofDays };
}

/** Each term so many days longer. */
export function withMore(terms: Terms, days: number): Terms {
  return { daily: terms.daily + days, weekly: terms.weekly + days, monthly: terms.monthly + days };
}
