import { LifeboatError } from "../base/errors.ts";
import { mapBounded } from "../base/flow/bounded.ts";
import { countOf } from "../base/measures.ts";
import type { Policy } from "../config/policy/policy.ts";
import { keysFileName, secretsFileName } from "../seal/keys/session-key.ts";
import { lockObject, lockSet, retainUntil } from "./bucket/lock.ts";
import { type Manifest, setPrefix, timeOfSet } from "./format/manifest.ts";
import { alarmOf } from "./published/publications.ts";
import type { Published } from "./published/set-folders.ts";
import type { VerifySignature } from "./published/signed-manifest.ts";
import type { Vault } from "./s3/client.ts";
import { type PublishedSet, publishedSets, readSet, type SetName } from "./sets/catalogue.ts";

const day = 86_400_000;
/** Whoever loses a set's keys loses the set: their lock never has less left than `least`, and is renewed long before. */
export const keysLock = { days: 90, renewDays: 75, leastDays: 45 } as const;

/** So many sets are looked at in one run. Somebody may lay down any number that look like sets: then chance chooses. */
const mostSets = 2000;

/** Until when the keys of a set that is published at `from` are locked. */
function keysUntil(from: Date): Date {
  return retainUntil(from, keysLock.days);
}

/** How long the keys of one set are locked. `renewed`: they are again; `short`: for less than 45 days; `gone`: or hidden. */
export type KeysState = "locked" | "renewed" | "short" | "gone";

export interface KeysOfSets {
  readonly renewed: number;
  /** What is not as it has to be, in words for people. */
  readonly alarms: readonly string[];
}

export interface KeysOptions {
  readonly tiers: Policy["tiers"];
  readonly verify: VerifySignature;
  readonly now?: Date;
  /** Every published set, when somebody has looked. */
  readonly published?: Published<PublishedSet>;
  /** Locks a key file for 90 days again. Whoever only looks has none. @throws LifeboatError when the store does not do it */
  readonly renew?: (key: string, until: Date) => Promise<unknown>;
}

/**
 * Looks at the locks on the keys of every set that the policy still keeps; a backup renews those of which less than 75 of 90
 * days are left. Keys that are gone or hidden, and those that are locked for less than 45 days more, are alarms: so it is
 * told by backups, by the policy check, the daily summary, the reports and `lifeboat check`.
 */
export async function inspectKeysOfSets(vault: Vault, options: KeysOptions): Promise<KeysOfSets> {
  const { tiers, verify, now = new Date(), published = publishedSets(vault) } = options;
  const kept: SetName[] = [];
  for await (const { tier, set, signed } of published) {
    // What was never signed is no set of ours. What somebody hid the signature of is.
    if (!signed) continue;
    const { lock, retentionDays } = tiers[tier];
    if (lock !== "none" && timeOfSet(set) + retentionDays * day > now.getTime()) kept.push({ tier, set });
  }
  const some = kept.length <= mostSets ? kept : kept.toSorted(() => Math.random() - 0.5).slice(0, mostSets);
  const states = await mapBounded(some, 16, async (name): Promise<KeysState> => {
    const found = await stateOf(vault, name, now, options.renew);
    // Anybody who can write may lay down what looks like a set, with a signature beside it: its keys alarm nobody.
    return found === "locked" || found === "renewed" || (await isTrusted(vault, name, verify)) ? found : "locked";
  });
  const of = (state: KeysState) => some.filter((_, place) => states[place] === state).map(({ set }) => set);
  const short = of("short");
  return {
    renewed: of("renewed").length,
    alarms: [
      ...alarmOf(of("gone"), "without their keys.pgp, gone or hidden: without it nobody opens them", "set"),
      ...(short.length === 0
        ? []
        : [
            `ALARM: the keys of ${countOf(short.length, "set")} are locked for less than ${keysLock.leastDays} days more (${short[0]}): without its keys a set is lost.`,
          ]),
    ],
  };
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

async function stateOf(
  vault: Vault,
  { tier, set }: SetName,
  now: Date,
  renew: KeysOptions["renew"],
): Promise<KeysState> {
  let state: KeysState = "locked";
  for (const name of [keysFileName, secretsFileName]) {
    const key = setPrefix(tier, set) + name;
    const head = await vault.head(key);
    if (head === undefined && name === keysFileName) return "gone";
    const left = (head?.retainUntil?.getTime() ?? 0) - now.getTime();
    if (head === undefined || left >= keysLock.renewDays * day) continue;
    const renewed = renew !== undefined && (await isDone(renew(key, keysUntil(now))));
    if (!renewed && left < keysLock.leastDays * day) state = "short";
    if (renewed && state === "locked") state = "renewed";
  }
  return state;
}

async function isDone(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code === "s3-unavailable") throw error;
    return false;
  }
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
  if (keys <= until) return until;
  await mapBounded([keysFileName, secretsFileName], 2, async (name) => {
    if ((await vault.head(prefix + name)) !== undefined) await lockObject(vault, prefix + name, keys);
  });
  return until;
}
