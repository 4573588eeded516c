import type { Tier } from "../../vault/format/manifest.ts";

/** A set of the database, or a snapshot of the files. */
export interface Going {
  readonly set: string;
  /** Null: a run that copied files left it, and published nothing. */
  readonly tier: Tier | null;
}

/** What one request to remove has done. */
export interface Removed {
  /** Object versions that are gone. */
  readonly deleted: number;
  /** Object versions that stay: a lock or a hold keeps them, or this role may not remove them. */
  readonly kept: number;
  /** When the last lock among these ends, ms since 1970; null: not known, or nothing was kept. */
  readonly keptUntil: number | null;
}

/**
 * The store's side of removal. All of it removes by version id, and what is gone already counts as removed: an answer that was
 * lost, or another run at the same work, changes nothing. Refusals for single objects are counted; everything else is thrown.
 */
export interface RemovalSteps<One extends Going = Going> {
  /**
   * Asked before each removal: whether the lease is still ours, no incident is on, no hold was added since the plan.
   * @returns null to go on, or why nothing more may go now; an error ends the run as well
   */
  gate(what: string): Promise<string | null>;
  /** Sets that earlier runs left without a manifest, oldest first. Never one that a backup may still be writing. */
  leftovers(): Promise<readonly One[]>;
  /**
   * Removes every version of the set's manifest, or none.
   * @returns `whole: true` where a version was kept: the set is still there, and stays whole
   */
  removeManifest(set: One): Promise<Removed & { readonly whole: boolean }>;
  /**
   * Removes some of what else the set holds: as much as one request takes.
   * @returns `more: true` while something is left that was not tried yet
   */
  removeRest(set: One): Promise<Removed & { readonly more: boolean }>;
}

/** A set that could not go, or not all of it. */
export interface KeptBack extends Going {
  readonly kept: number;
  readonly keptUntil: number | null;
}

export interface RemovalsDone {
  /** Sets of the plan whose manifest is gone: they do not exist any more. */
  readonly removed: readonly Going[];
  /** Sets of earlier runs of which nothing is left now. */
  readonly finished: readonly Going[];
  /** Sets whose manifest was kept: whole, and planned again by the next run. */
  readonly whole: readonly KeptBack[];
  /** Sets without a manifest of which something is left: invisible, and finished by a later run. */
  readonly unfinished: readonly KeptBack[];
  readonly deleted: number;
  readonly kept: number;
  /** Why the loop ended before its time; null when it went through. */
  readonly stopped: string | null;
}

/**
 * Removes sets: first the rest of those that earlier runs left half removed, then the given ones, oldest first. A manifest goes
 * before everything else of its set, its signature included: a set is whole, or it does not exist. So the run may end anywhere,
 * and two may be at work: the next one finds what is left, by itself.
 * @param going what the plan no longer keeps, in this order
 * @throws whatever the steps throw; what was not removed by then is removed by the next run
 */
export async function runRemovals<One extends Going>(
  going: readonly One[],
  steps: RemovalSteps<One>,
): Promise<RemovalsDone> {
  const removed: Going[] = [];
  const finished: Going[] = [];
  const whole: KeptBack[] = [];
  const unfinished: KeptBack[] = [];
  const sum = { deleted: 0, kept: 0 };
  const count = <Done extends Removed>(done: Done): Done => {
    sum.deleted += done.deleted;
    sum.kept += done.kept;
    return done;
  };
  const ended = (stopped: string | null): RemovalsDone => ({
    ...{ removed, finished, whole, unfinished, ...sum, stopped },
  });

  /** @returns why it had to stop */
  const removeRest = async (set: One): Promise<string | null> => {
    let kept = 0;
    let keptUntil: number | null = null;
    let stop = await steps.gate(nameOf(set));
    while (stop === null) {
      const done = count(await steps.removeRest(set));
      kept += done.kept;
      keptUntil = later(keptUntil, done.keptUntil);
      // Where nothing moves, there is nothing to wait for.
      if (!done.more || done.deleted + done.kept === 0) break;
      stop = await steps.gate(nameOf(set));
    }
    if (kept > 0 || stop !== null) unfinished.push({ ...set, kept, keptUntil });
    return stop;
  };

  for (const set of await steps.leftovers()) {
    const before = unfinished.length;
    const stop = await removeRest(set);
    if (stop !== null) return ended(stop);
    if (unfinished.length === before) finished.push(set);
  }
  for (const set of going) {
    const stop = await steps.gate(nameOf(set));
    if (stop !== null) return ended(stop);
    const manifest = count(await steps.removeManifest(set));
    if (manifest.whole) {
      whole.push({ ...set, kept: manifest.kept, keptUntil: manifest.keptUntil });
      continue;
    }
    removed.push(set);
    const stopped = await removeRest(set);
    if (stopped !== null) return ended(stopped);
  }
  return ended(null);
}

function nameOf({ tier, set }: Going): string {
  return tier === null ? `what run ${set} left` : `${tier} set ${set}`;
}

function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
