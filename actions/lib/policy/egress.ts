import { formatBytes } from "../base/measures.ts";
import type { Policy } from "../config/policy/policy.ts";
import type { PromisesPolicy } from "../config/policy/promises.ts";
import { periodAround } from "./period.ts";
import type { PromiseFacts, PromiseFinding, WorstCase } from "./promises.ts";

const GB = 1e9;

/** Bytes a month that a plan includes (supabase.com/docs/guides/platform/manage-your-usage/egress); null: as agreed. */
const planAllowance: Readonly<Record<PromisesPolicy["supabase"]["plan"], number | null>> = {
  free: 5 * GB,
  pro: 250 * GB,
  team: 250 * GB,
  enterprise: null,
};

type EgressPolicy = Pick<Policy, "promises"> & { readonly source: Pick<Policy["source"], "egress"> };

/** Bytes that Supabase includes in a calendar month, for everything that is read; null: as agreed. */
export function egressAllowance({ source, promises }: EgressPolicy): number | null {
  return source.egress.bytesPerMonth ?? planAllowance[promises.supabase.plan];
}

/** What the sets of a month may read from Supabase, in bytes; undefined: nobody has set a bound. */
function egressBound(policy: EgressPolicy): number | undefined {
  const allowance = egressAllowance(policy);
  return allowance === null ? undefined : allowance * policy.source.egress.share;
}

/** A set of the month, with what was read for it. */
interface SetRead {
  readonly snapshotAt: string;
  readonly bytes: number;
}

/** Shorter than a day, so that the first attempt of the next one is no second. */
const dayMinutes = 22 * 60;

/**
 * Whether a set that is due now stands back: it would be the second of its day, and with it and one a day until the month's
 * end the sets would read more than the policy's share. Pure.
 *
 * @param sets of the vault, newest first, with a trusted signature
 * @returns why, for people; undefined when it is made
 */
export function standsBack(policy: EgressPolicy, sets: readonly SetRead[], now: Date): string | undefined {
  const bound = egressBound(policy);
  const [newest] = sets;
  if (bound === undefined || newest === undefined) return undefined;
  if (now.getTime() - Date.parse(newest.snapshotAt) >= dayMinutes * 60_000) return undefined;
  const { from, until } = periodAround("month", now);
  const read = sets
    .filter(({ snapshotAt }) => Date.parse(snapshotAt) >= from.getTime())
    .reduce((sum, one) => sum + one.bytes, 0);
  const daysLeft = Math.floor((until.getTime() - now.getTime()) / 86_400_000);
  if (read + newest.bytes * (1 + daysLeft) <= bound) return undefined;
  return (
    `the sets of this month have read ${formatBytes(read)} from Supabase, and a second one a day would take them over the ` +
    `${formatBytes(bound)} that the policy allows them (source.egress)`
  );
}

/** What so many sets cost in egress, and whether the second of a day will stand back. */
export function egressFindings({ policy, vault }: PromiseFacts, { sets }: Pick<WorstCase, "sets">): PromiseFinding[] {
  const bytes = vault?.newestSetBytes;
  if (bytes === undefined) return [];
  const perDay = sets.perYear / 365.25;
  const [month, bound] = [bytes * perDay * 31, egressBound(policy)];
  const cost = `${perDay.toFixed(1)} sets a day of ${formatBytes(bytes)} each read ${formatBytes(month)} a month from Supabase`;
  if (bound === undefined || month <= bound) return [];
  return [
    {
      name: "egress.sets",
      level: "broken",
      message: `${cost}, and the policy allows them ${formatBytes(bound)}: the second set of a day stands back in the month's course, and then ${formatBytes(bytes * 31)} are read and a day more can be lost.`,
      next: "Raise source.egress.share, or bytesPerMonth where more was bought, or promise less.",
    },
  ];
}

/** The same as one sentence, for the page of the promises; undefined when the vault was not asked. */
export function egressSentence({ policy, vault }: PromiseFacts, { sets }: Pick<WorstCase, "sets">): string | undefined {
  const bytes = vault?.newestSetBytes;
  if (bytes === undefined) return undefined;
  const [perDay, bound] = [sets.perYear / 365.25, egressBound(policy)];
  const share = bound === undefined ? "" : `, of ${formatBytes(bound)} that the policy allows them`;
  return `${perDay.toFixed(1)} sets a day of about ${formatBytes(bytes)} read ${formatBytes(bytes * perDay * 31)} a month from Supabase${share}.`;
}
