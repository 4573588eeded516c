import { isOfFiles } from "../vault/format/names.ts";
import type { NamingSnapshot } from "./names.ts";
import { planRetention, type RetentionFacts, type RetentionPlan, standstill } from "./retention.ts";

/** One object of the vault. */
export interface KeptObject {
  readonly key: string;
  readonly bytes: number;
  readonly lastModified: Date | undefined;
}

/** What the plan keeps of the files' vault. */
export interface FilesPlan extends RetentionPlan {
  /** Snapshots that go, oldest first. */
  readonly go: readonly string[];
  /** The others, newest first, and until when; null: as long as something else keeps them. */
  readonly stay: readonly { readonly set: string; readonly until: string | null }[];
  /** Objects that no staying snapshot names, those of the going ones included. */
  readonly unnamed: readonly KeptObject[];
  readonly unnamedBytes: number;
}

const day = 86_400_000;
/** What a killed run has copied is taken over by the next ones; after so many days nobody will. */
const leftoverDays = 7;

/**
 * What of the files' vault the policy no longer keeps: the one plan of retention, over snapshots. Their objects belong to no
 * snapshot alone: one goes when no staying snapshot names it.
 * @param facts of the snapshots @param objects everything below `snapshots/`, `packs/` and `files/`
 */
export function planFiles(
  facts: RetentionFacts,
  snapshots: readonly NamingSnapshot[],
  objects: readonly KeptObject[],
): FilesPlan {
  const plan = planRetention(facts);
  const heldBack = standstill(facts);
  const going = new Set(plan.decisions.filter(({ keep }) => !keep).map(({ set }) => set));
  const until = new Map(plan.decisions.map((one) => [one.set, one.beyond === null ? one.until : null]));
  const staying = snapshots.filter(({ set }) => !going.has(set)).toSorted((a, b) => (a.set < b.set ? 1 : -1));
  const unnamed = heldBack === null ? unnamedObjects(objects, staying, facts.now) : [];
  return {
    ...{ ...plan, heldBack },
    go: [...going].sort(),
    stay: staying.map(({ set }) => {
      const time = until.get(set) ?? null;
      return { set, until: time === null ? null : new Date(time).toISOString() };
    }),
    unnamed,
    unnamedBytes: unnamed.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/**
 * Objects of ours that no staying snapshot names, and no run may still take over.
 * @param staying newest first @param now ms since 1970
 */
export function unnamedObjects<Found extends KeptObject>(
  objects: readonly Found[],
  staying: readonly NamingSnapshot[],
  now: number,
): Found[] {
  const newest = staying[0]?.set ?? "";
  const sets = new Set(staying.map(({ set }) => set));
  const candidates = objects.filter(({ key, lastModified }) => {
    const run = key.split("/")[1] ?? "";
    // What nobody recognises was put there by somebody else, and is not ours to remove.
    if (!isOfFiles(key)) return false;
    // Beside what a snapshot names, its folder holds nothing: something new there is not understood yet.
    if (sets.has(run) && key.startsWith("snapshots/") && !/\/journal\//.test(key)) return false;
    // A run after the newest snapshot has not ended, or was killed: its journal tells the next one what is there.
    return run <= newest || (lastModified !== undefined && now - lastModified.getTime() > leftoverDays * day);
  });
  // Snapshot by snapshot: with a hundred of them most objects are named by the first.
  return staying.reduce((left, { names }) => left.filter(({ key }) => !names.has(key)), candidates);
}
