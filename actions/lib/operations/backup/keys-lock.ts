import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { countOf } from "../../base/measures.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { keysFileName, secretsFileName } from "../../seal/keys/key-wrapping.ts";
import { lockObject, lockSet, retainUntil } from "../../vault/bucket/lock.ts";
import { type Manifest, setPrefix } from "../../vault/format/manifest.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import type { Published } from "../../vault/published/set-folders.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type PublishedSet, publishedSets, readSet, type SetName } from "../../vault/sets/catalogue.ts";

const day = 86_400_000;
/** Whoever loses a set's keys loses the set: their lock never has less left than `least`, and is renewed long before. */
export const keysLock = { days: 90, renewDays: 75, leastDays: 45 } as const;

/** So many sets are looked at in one run. Somebody may lay down any number that look like sets: then chance chooses. */
const mostSets = 2000;

export interface KeysLocked {
  readonly renewed: number;
  /** What cannot be kept as it has to be, in words for people. */
  readonly alarms: readonly string[];
}

/** Until when the keys of a set that is published at `from` are locked. */
export function keysUntil(from: Date): Date {
  return retainUntil(from, keysLock.days);
}

/**
 * Renews the locks of the keys of every set that the policy still keeps, as long as less than 75 of their 90 days are left.
 * Keys that are gone or hidden, and those that the store does not lock for 45 days more, are alarms.
 */
export async function keepKeysLocked(
  vault: Vault,
  policy: Policy,
  verify: VerifySignature,
  now = new Date(),
  published: Published<PublishedSet> = publishedSets(vault),
): Promise<KeysLocked> {
  const kept: SetName[] = [];
  for await (const { tier, set, signed } of published) {
    // What was never signed is no set of ours. What somebody hid the signature of is.
    if (!signed) continue;
    const { lock, retentionDays } = policy.tiers[tier];
    if (lock !== "none" && timeOf(set) + retentionDays * day > now.getTime()) kept.push({ tier, set });
  }
  const some = kept.length <= mostSets ? kept : kept.toSorted(() => Math.random() - 0.5).slice(0, mostSets);
  const found = await mapBounded(some, 16, (name) => renew(vault, name, now, verify));
  const of = (state: Renewal) => some.filter((_, place) => found[place] === state).map(({ set }) => set);
  const short = of("short");
  return {
    renewed: of("renewed").length,
    alarms: [
      ...alarmOf(of("gone"), "without their keys.pgp, gone or hidden: without it nobody opens them", "set"),
      ...(short.length === 0
        ? []
        : [
            `ALARM: the keys of ${countOf(short.length, "set")} are locked for less than ${keysLock.leastDays} days more, and the store does not extend that (${short[0]}): without its keys a set is lost.`,
          ]),
    ],
  };
}

type Renewal = "locked" | "renewed" | "short" | "gone";

async function renew(vault: Vault, name: SetName, now: Date, verify: VerifySignature): Promise<Renewal> {
  const found = await renewLocks(vault, name, now);
  // Anybody who can write may lay down what looks like a set, with a signature beside it: its keys alarm nobody.
  return found === "locked" || found === "renewed" || (await isTrusted(vault, name, verify)) ? found : "locked";
}

async function isTrusted(vault: Vault, { tier, set }: SetName, verify: VerifySignature): Promise<boolean> {
  try {
    await readSet(vault, tier, set, verify);
    return true;
  } catch (error) {
    if (error instanceof LifeboatError && (error.code === "manifest-untrusted" || error.code === "set-unknown"))
      return false;
    throw error;
  }
}

async function renewLocks(vault: Vault, { tier, set }: SetName, now: Date): Promise<Renewal> {
  let outcome: Renewal = "locked";
  for (const name of [keysFileName, secretsFileName]) {
    const key = setPrefix(tier, set) + name;
    const head = await vault.head(key);
    if (head === undefined && name === keysFileName) return "gone";
    const left = (head?.retainUntil?.getTime() ?? 0) - now.getTime();
    if (head === undefined || left >= keysLock.renewDays * day) continue;
    try {
      await lockObject(vault, key, keysUntil(now));
      if (outcome === "locked") outcome = "renewed";
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code === "s3-unavailable") throw error;
      if (left < keysLock.leastDays * day) outcome = "short";
    }
  }
  return outcome;
}

/** A set's id begins with the time at which its run began: `20261122T221500Z-…`. */
function timeOf(set: string): number {
  const [, date = "", time = ""] = /^(\d{8})T(\d{6})Z/.exec(set) ?? [];
  const dashed = date.replace(/(....)(..)(..)/, "$1-$2-$3");
  return Date.parse(`${dashed}T${time.replace(/(..)(..)(..)/, "$1:$2:$3")}Z`);
}

/**
 * Locks a published set for as long as its tier is kept, its keys for 90 days at least. Can be repeated; what a run that died left unlocked, the next locks.
 * @returns until when; null when the policy locks nothing in this tier, or the bucket can't
 */
export async function lockPublished(
  vault: Vault,
  { tier, set, finishedAt }: Pick<Manifest, "tier" | "set" | "finishedAt">,
  policy: Policy,
  bucketLocks: boolean,
): Promise<Date | null> {
  const { lock, retentionDays } = policy.tiers[tier];
  if (lock === "none" || !bucketLocks) return null;
  const until = retainUntil(new Date(finishedAt), retentionDays);
  const prefix = setPrefix(tier, set);
  await lockSet(vault, prefix, until);
  const keys = keysUntil(new Date(finishedAt));
  for (const name of [keysFileName, secretsFileName]) {
    if (keys > until && (await vault.head(prefix + name)) !== undefined) await lockObject(vault, prefix + name, keys);
  }
  return until;
}
