import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { few } from "../../base/measures.ts";
import { comparableCounts } from "../../compare/dump-checks.ts";
import type { Environment } from "../../config/environment.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { standsBack } from "../../policy/egress.ts";
import { type Period, periodAround } from "../../policy/period.ts";
import type { Signer } from "../../seal/keys/keyring.ts";
import { verifyDetached } from "../../seal/keys/signature.ts";
import { releaseArchives } from "../../vault/bucket/lifecycle.ts";
import { openReplica } from "../../vault/configured.ts";
import type { Manifest, Tier } from "../../vault/format/manifest.ts";
import { readIncident } from "../../vault/incident/state.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { PublishedSet } from "../../vault/sets/catalogue.ts";
import { firstFew, firstOf, trustedSets } from "../../vault/standing.ts";

/**
 * The newest set of the tier whose snapshot lies in the present day, week or month, by the store's clock: what makes a
 * schedule's second attempt do nothing. What was made while an incident was on counts only as long as one is on: the next attempt
 * after its end makes a set that counts as a good one. Only a set that a pinned key has signed counts; any other is passed over with a
 * warning, since it must not be able to stop the backups. Undefined when there is none, and when the vault can't be asked:
 * the backup that follows looks at everything and says what is wrong.
 * @param ends checks the ends of incidents (`releaseVerifier`); by default as manifests
 */
export async function findMadeInPeriod(
  vault: Vault,
  tier: Tier,
  period: Period,
  signers: readonly Signer[],
  log: Log,
  ends?: Parameters<typeof trustedSets>[1],
): Promise<Manifest | undefined> {
  try {
    const { from, until } = periodAround(period, await vault.serverTime());
    const inPeriod = (time: string) => Date.parse(time) >= from.getTime() && Date.parse(time) < until.getTime();
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
    const passedOver = (name: string, problem: string) => log.warn(`${name} does not count as made: ${problem}`);
    const { on } = await readIncident(vault, ends ?? verify);
    for await (const manifest of trustedSets(vault, verify, { tier, passedOver, ...(on && { marked: "count" }) })) {
      if (inPeriod(manifest.snapshotAt)) return manifest;
      if (Date.parse(manifest.snapshotAt) < from.getTime()) return undefined;
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`Whether the ${period}'s ${tier} set is there can't be told: ${error.message}`);
    return undefined;
  }
}

/** More than a month of sets, whatever makes them. */
const newest = 200;

/**
 * Whether the set that is due is the second of its day and would cost more than the policy's share of what Supabase lets a
 * project read: see `standsBack`. Only sets that a pinned key has signed count. When the vault can't be asked, the set is made.
 *
 * @returns why it stands back; undefined when it is to be made
 */
export async function findStandBack(
  vault: Vault,
  policy: Pick<Policy, "source" | "promises">,
  signers: readonly Signer[],
  log: Log,
): Promise<string | undefined> {
  try {
    const now = await vault.serverTime();
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
    const sets = (await firstFew(trustedSets(vault, verify, { marked: "count" }), newest)).map(
      ({ snapshotAt, counts }) => ({
        snapshotAt,
        bytes: Number(counts.plainBytes),
      }),
    );
    return standsBack(policy, sets, now);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(`What this month's sets have read from Supabase can't be told: ${error.message}`);
    return undefined;
  }
}

/** So many that cannot be trusted are told one by one. */
const mostTold = 20;

/**
 * The newest set of any tier whose manifest can be trusted; undefined when there is none among the newest. One that can't be
 * is passed over with a warning: it must not be able to stop, or to wave through, a backup.
 * @param among what is published, when somebody has looked under the lease that keeps other backups out
 */
export async function readLastSet(
  vault: Vault,
  signers: readonly Signer[],
  warnings: string[],
  among?: readonly PublishedSet[],
): Promise<Manifest | undefined> {
  let untrusted = 0;
  const newest = trustedSets(vault, (bytes, armored) => verifyDetached(bytes, armored, signers), {
    ...(among && { among }),
    passedOver(name, problem) {
      if (++untrusted <= mostTold) warnings.push(`${name} is not compared with: ${problem}`);
    },
  });
  const last = await firstOf(newest);
  if (untrusted > mostTold) warnings.push(`${untrusted - mostTold} more are not compared with either.`);
  return last;
}

/** Archives that are in the replica may leave Standard. */
export async function releaseReplicated(
  { vault, env, signers, log }: { vault: Vault; env?: Environment; signers: readonly Signer[]; log: Log },
  published: readonly PublishedSet[],
): Promise<void> {
  using replica = await openReplica({ retry: { attempts: 3, totalSeconds: 30, stallSeconds: 10 } }, env ?? {});
  if (replica === undefined) return;
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
  const ours = async (set: string): Promise<boolean> => {
    const among = published.filter((one) => one.tier === "monthly" && one.set === set);
    return (await firstOf(trustedSets(vault, verify, { among, marked: "count" }))) !== undefined;
  };
  const { released, waiting } = await releaseArchives({ vault, replica }, ours);
  if (released.length > 0) log.info(`In the replica, and free to leave Standard: ${few(released)}`);
  if (waiting.length > 0) log.info(`Not in the replica yet, and kept in Standard: ${few(waiting)}`);
}

/** @param share of `last`; 0: nothing is bound @throws OperationError `shrunk` when the database lost more than the policy finds believable */
export function boundShrinkage(
  last: Manifest | undefined,
  now: Pick<Manifest, "counts" | "artifacts">,
  share: number,
  accept: boolean,
  warnings: string[],
): void {
  if (last === undefined || share === 0) return;
  const comparable = (of: typeof now) => comparableCounts(of.counts, of.artifacts);
  const shrunk = findShrinkage(comparable(last), comparable(now), share);
  if (shrunk.length === 0) return;
  const what = shrunk.map((one) => `${one.what} from ${one.before} to ${one.now}`).join(", ");
  const text = `The database shrank since set ${last.set}: ${what}.`;
  if (!accept) {
    throw new OperationError(
      "shrunk",
      `${text} The policy wants at least ${Math.round(share * 100)} % of the last set.`,
      "Check whether data was lost; the earlier sets are untouched. If it was on purpose, run again with --accept-shrinkage.",
    );
  }
  warnings.push(`${text} It was accepted.`);
}

type Counts = Pick<Manifest["counts"], "rows" | "plainBytes">;

export interface Shrinkage {
  readonly what: "rows" | "bytes";
  readonly before: bigint;
  readonly now: bigint;
}

/**
 * What has become smaller than the policy allows. Bytes are those of the dumps, not of the disk: VACUUM FULL is no loss.
 * Nothing is compared with nothing: a set without rows bounds no later one.
 *
 * @param smallestShare 0 to 1; 0 switches the bound off
 */
export function findShrinkage(last: Counts, now: Counts, smallestShare: number): Shrinkage[] {
  // In millionths, because counts may pass what a double holds exactly.
  const share = BigInt(Math.round(smallestShare * 1_000_000));
  const pairs: Shrinkage[] = [
    { what: "rows", before: BigInt(last.rows), now: BigInt(now.rows) },
    { what: "bytes", before: BigInt(last.plainBytes), now: BigInt(now.plainBytes) },
  ];
  return pairs.filter((pair) => pair.now * 1_000_000n < pair.before * share);
}
