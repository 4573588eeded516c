import { LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { countOf } from "../../base/measures.ts";
import type { Vault } from "../s3/client.ts";
import type { ObjectHead } from "../s3/objects.ts";

/**
 * How far one object has come on its way to the replica. `there`: the vault says COMPLETED, and the replica holds the same version
 * under the same lock. `behind`: S3 still means to. The others never get there by themselves: S3 has given up, no rule of the
 * bucket's replication covers it (replication is not retroactive), or what the replica holds is something else.
 */
export type Replicated = "there" | "behind" | "failed" | "no-rule" | "missing" | "other" | "unlocked";

/** The same of several objects: of a set, of a snapshot of the files. */
export interface Replication {
  readonly objects: number;
  readonly counts: Readonly<Record<Replicated, number>>;
  /** The first key of each state that is there. */
  readonly examples: ReadonlyMap<Replicated, string>;
  /** When the oldest that is behind was written; null: none is. */
  readonly behindSince: Date | null;
}

/** Both sides, open. The replica may lie in another account, and answers for itself. */
export interface Sides {
  readonly vault: Vault;
  readonly replica: Vault;
}

/** Whether all of it is in the replica, so that it may count on it: archives leave Standard only then. */
export function isReplicated({ objects, counts }: Replication): boolean {
  return objects > 0 && counts.there === objects;
}

/**
 * Asks both sides for every object below the prefixes: two requests each.
 * @throws LifeboatError when one of them cannot be asked
 */
export async function replicationOf(sides: Sides, prefixes: readonly string[]): Promise<Replication> {
  const keys: string[] = [];
  for (const prefix of prefixes) for await (const { key } of sides.vault.list(prefix)) keys.push(key);
  const states = await mapBounded(keys, 24, (key) => stateOf(sides, key));
  const counts = { there: 0, behind: 0, failed: 0, "no-rule": 0, missing: 0, other: 0, unlocked: 0 };
  const examples = new Map<Replicated, string>();
  let behindSince: Date | null = null;
  for (const [place, { state, written }] of states.entries()) {
    counts[state]++;
    if (!examples.has(state)) examples.set(state, keys[place] ?? "");
    if (state === "behind" && written !== undefined && (behindSince === null || written < behindSince))
      behindSince = written;
  }
  return { objects: keys.length, counts, examples, behindSince };
}

async function stateOf(
  { vault, replica }: Sides,
  key: string,
): Promise<{ readonly state: Replicated; readonly written: Date | undefined }> {
  const [here, there] = await Promise.all([vault.head(key), replica.head(key)]);
  // Gone since it was listed: nothing of it has to be anywhere.
  if (here === undefined) return { state: "there", written: undefined };
  return { state: judge(here, there, replica.transport.foreign), written: here.lastModified };
}

/** Pure. @param foreign the replica is not AWS's: its versions have ids of its own */
export function judge(here: ObjectHead, there: ObjectHead | undefined, foreign: boolean): Replicated {
  const { replication, retainUntil } = here;
  if (replication === undefined || replication === "REPLICA") return "no-rule";
  if (replication === "FAILED") return "failed";
  // S3 has two words for what it has done: COMPLETE in its reference, COMPLETED in its answers.
  if (replication !== "COMPLETED" && replication !== "COMPLETE") return "behind";
  if (there === undefined) return "missing";
  if (there.bytes !== here.bytes || (!foreign && there.versionId !== here.versionId)) return "other";
  return retainUntil !== undefined && (there.retainUntil?.getTime() ?? 0) < retainUntil.getTime()
    ? "unlocked"
    : "there";
}

const troubles: Readonly<Partial<Record<Replicated, string>>> = {
  failed: "S3 has given up on replicating",
  "no-rule": "no rule of the bucket's replication covers",
  missing: "the replica does not hold",
  other: "the replica holds another version of",
  unlocked: "the replica has no lock, or a shorter one, on",
};

/**
 * What is wrong, in words for people; empty while all is there, or on its way for less than `lagHours`.
 * @param what e.g. `set 20261122T221500Z-1a2b3c4d`
 */
export function replicationAlarms(
  what: string,
  { counts, examples, behindSince }: Replication,
  { lagHours, now }: { readonly lagHours: number; readonly now: Date },
): string[] {
  const alarms = [...examples].flatMap(([state, key]) => {
    const trouble = troubles[state];
    return trouble === undefined ? [] : [`ALARM: ${trouble} ${countOf(counts[state], "object")} of ${what} (${key}).`];
  });
  const hours = behindSince === null ? 0 : (now.getTime() - behindSince.getTime()) / 3_600_000;
  if (hours > lagHours) {
    const late = `${countOf(counts.behind, "object")} of ${what} (${examples.get("behind") ?? ""})`;
    alarms.push(`ALARM: the replica is ${Math.floor(hours)} hours behind with ${late}; the policy allows ${lagHours}.`);
  }
  return alarms;
}

/** One thing to look for in the replica. */
export interface Watched {
  readonly what: string;
  readonly vault: Vault;
  readonly prefixes: readonly string[];
}

/** The alarms about all of them. What cannot be asked is one: nobody may take silence for a replica. */
export async function inspectReplica(
  replica: Vault,
  watched: readonly Watched[],
  bounds: { readonly lagHours: number; readonly now?: Date },
): Promise<string[]> {
  const alarms: string[] = [];
  for (const { what, vault, prefixes } of watched) {
    try {
      const found = await replicationOf({ vault, replica }, prefixes);
      alarms.push(...replicationAlarms(what, found, { now: new Date(), ...bounds }));
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      return [...alarms, `ALARM: whether ${what} is in the replica cannot be told: ${error.message}`];
    }
  }
  return alarms;
}
