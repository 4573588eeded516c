import { mapBounded } from "../../base/flow/bounded.ts";
import { formatDay } from "../../base/measures.ts";
import { tierSchema } from "../../vault/format/manifest.ts";
import type { HoldGate } from "../../vault/holds/gate.ts";
import { alarmOf, publications } from "../../vault/published/publications.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { versionPages, writtenObjects } from "../../vault/s3/versions.ts";
import { removalNoteSchema, removalNotes } from "./removal-note.ts";

const day = 86_400_000;
/** A run names five hundred sets and a few thousand snapshots at most. */
const mostBytes = 4 * 1024 * 1024;

/** What the vault still has, and what its retention has said that it removed. */
export interface VaultView {
  /** Ids of sets and of snapshots of which anything is left in the vault, hidden or not. */
  readonly present: ReadonlySet<string>;
  /** When the vault's retention last said that it removes one, by the store's clock, ms. */
  readonly removedAt: ReadonlyMap<string, number>;
  readonly afterDays: number;
  readonly now: number;
}

/** @throws LifeboatError when the vault cannot be asked: then nobody knows what it has */
export async function presentIn(database: Vault, files: Vault | null): Promise<Set<string>> {
  const prefixes = tierSchema.options.map((tier) => `database/${tier}/`);
  const present = new Set<string>();
  const bare: string[] = [];
  for await (const { prefix, set, state } of publications(database.transport, prefixes)) {
    if (state === "none") bare.push(`${prefix}${set}/`);
    else present.add(set);
  }
  // Some stores list a folder in which nothing is left.
  await mapBounded(bare, 16, async (folder) => {
    for await (const { versions } of versionPages(database.transport, folder))
      if (versions.length > 0) return void present.add(folder.split("/").at(-2) ?? "");
  });
  // Without its manifest a snapshot is none: what lies in its folder is named by later ones, and stays by its own name.
  if (files !== null)
    for await (const { set, state } of publications(files.transport, ["snapshots/"]))
      if (state !== "none") present.add(set);
  return present;
}

/**
 * The removals that the vault's retention has announced, as they came over by replication. The time is the store's: nobody can
 * date one back. What is hidden or replaced is read as it was written; what cannot be read announces nothing.
 */
export async function readRemovalNotes(...buckets: readonly Vault[]): Promise<Map<string, number>> {
  const removedAt = new Map<string, number>();
  const found = await Promise.all(
    buckets.map(async (vault) => (await writtenObjects(vault, [removalNotes])).map((one) => ({ vault, ...one }))),
  );
  await mapBounded(found.flat(), 16, async ({ vault, key, versionId, bytes, lastModified }) => {
    if (lastModified === undefined || bytes > mostBytes) return;
    const { body } = await vault.get(key, { versionId, maxBytes: mostBytes });
    const note = removalNoteSchema.safeParse(parse(body)).data;
    // The newest counts: what a lock kept when it was first announced, went when it was announced last.
    for (const set of [...(note?.sets.map((one) => one.set) ?? []), ...(note?.snapshots ?? [])])
      removedAt.set(set, Math.max(removedAt.get(set) ?? 0, lastModified.getTime()));
  });
  return removedAt;
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Why a set, or a snapshot of the files, stays in the replica; null: the vault has let go of it, long enough ago. */
export function whyInReplica({ present, removedAt, afterDays, now }: VaultView, set: string): string | null {
  if (present.has(set)) return "the vault still has it";
  const removed = removedAt.get(set);
  if (removed === undefined)
    return "it is gone from the vault, and no record says that retention removed it: find out who did";
  const until = removed + afterDays * day;
  if (now >= until) return null;
  return `the vault's retention removed it on ${formatDay(removed)}, and the replica keeps it until ${formatDay(until)}`;
}

/** Whoever holds a set holds it here too; and until the vault has let go of it long enough ago, nothing of it goes. */
export function withVaultView(holds: HoldGate, view: VaultView): HoldGate {
  const why = (set: string): string | null => holds.why(set) ?? whyInReplica(view, set);
  return {
    ...holds,
    why,
    neededOf: (sets) => new Map([...sets].flatMap((set) => (why(set) === null ? [] : [[set, why(set) as string]]))),
    async whyNow(sets) {
      const all = [...sets];
      const stays = all.find((set) => whyInReplica(view, set) !== null);
      if (stays !== undefined) return `set ${stays} has to stay: ${whyInReplica(view, stays)}`;
      return holds.whyNow(all);
    },
  };
}

/**
 * What the vault has lost, though nobody of ours removed it.
 * @param announced removals of which the vault itself has a record, which need not have come over yet
 * @param inReplica sets and snapshots that the replica has
 */
export function lostFromVault(
  { present, removedAt }: VaultView,
  announced: ReadonlyMap<string, number> | undefined,
  inReplica: readonly string[],
): string[] {
  const lost = inReplica.filter((set) => !present.has(set) && !removedAt.has(set) && announced?.has(set) !== true);
  return alarmOf(lost, "in the replica alone: they are gone from the vault, and not by retention", "set or snapshot");
}
