import { formatMinute } from "../base/measures.ts";
import { type Tier, tierSchema } from "../vault/format/manifest.ts";

/** How many days the sets of each tier are kept; infinite: for ever, as far as is known. */
export type Terms = Readonly<Record<Tier, number>>;

/** What the maker of a set said in its signed manifest about the policy at that time. */
export interface Announcement {
  /** When the set was published, ms since 1970. */
  readonly at: number;
  /** Null: made before manifests said it. */
  readonly terms: Terms | null;
}

/** A term that the policy shortens, and that does not count yet. */
export interface PendingTerm {
  readonly tier: Tier;
  /** Days; null: no term that was announced before is known, so that nothing of this tier goes. */
  readonly from: number | null;
  readonly to: number;
  /** When it counts, ms since 1970, if every set until then says the same; null: no set has announced it yet. */
  readonly counts: number | null;
}

/** A policy that shortens counts when every set of so many days has announced it: long enough that somebody objects. */
export const announcedDays = 3;
const day = 86_400_000;

/**
 * The terms that count now. A longer one counts at once. A shorter one counts when signed manifests have announced it for three
 * days without a break: whoever gets a change into the policy cannot empty the vault the same day, and every day says so. Nobody
 * who only writes the bucket can announce anything.
 *
 * What counts is the longest of the policy's term, of all that were announced during these days, and of the last one before
 * them. So two changes in a row gain nothing: the first has to wait, too.
 * @param announcements of all trusted sets and snapshots, in any order
 */
export function termsInForce(
  policy: Terms,
  announcements: readonly Announcement[],
  now: number,
): { readonly terms: Terms; readonly pending: readonly PendingTerm[] } {
  const newestFirst = announcements.filter(({ at }) => at <= now).sort((a, b) => b.at - a.at);
  const before = newestFirst.find(({ at }) => at <= now - announcedDays * day)?.at;
  // Of two at the same moment neither is the last: both count.
  const recent = newestFirst.filter(({ at }) => at >= (before ?? Number.NEGATIVE_INFINITY));
  const terms: Record<Tier, number> = { ...policy };
  const pending: PendingTerm[] = [];
  for (const tier of tierSchema.options) {
    const said = recent.map(({ at, terms }) => ({ at, days: terms?.[tier] ?? Number.POSITIVE_INFINITY }));
    const known = before === undefined ? Number.POSITIVE_INFINITY : 0;
    terms[tier] = said.reduce((longest, { days }) => Math.max(longest, days), Math.max(policy[tier], known));
    if (terms[tier] === policy[tier]) continue;
    const longer = said.findIndex(({ days }) => days > policy[tier]);
    const since = said[(longer === -1 ? said.length : longer) - 1]?.at;
    pending.push({
      tier,
      from: Number.isFinite(terms[tier]) ? terms[tier] : null,
      to: policy[tier],
      counts: since === undefined ? null : since + announcedDays * day,
    });
  }
  return { terms, pending };
}

/** A term that is about to be shortened, as people hear of it: every day, until it counts or somebody has changed it back. */
export function describePending({ tier, from, to, counts }: PendingTerm): string {
  const change =
    from === null
      ? `The policy keeps ${tier} sets for ${to} days, and no longer term that counted before is known`
      : `The policy shortens the term of ${tier} sets from ${from} to ${to} days`;
  const when =
    counts === null
      ? `It counts when every set of ${announcedDays} days has announced it; none has yet`
      : `It counts from ${formatMinute(counts)}, if every set until then says the same`;
  return `${change}. ${when}. Nothing goes by it before: whoever objects changes lifeboat.config.ts back.`;
}
