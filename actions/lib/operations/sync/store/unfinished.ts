import { mapBounded } from "../../../base/flow/bounded.ts";
import type { Log } from "../../../base/log.ts";
import { countOf } from "../../../base/measures.ts";
import { keysFileName } from "../../../seal/keys/key-wrapping.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import { runPrefixes, snapshotPrefix } from "../../../vault/format/names.ts";
import type { Lease } from "../../../vault/lease/lease.ts";
import { alarmOf } from "../../../vault/published/publications.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { abortUploads, unfinishedUploads } from "../../../vault/s3/segment-writer.ts";
import { deleteVersions, hidesAny, versionsBelow } from "../../../vault/s3/versions.ts";
import { type Inheritance, readJournals } from "./journal.ts";

export interface Unfinished {
  readonly inheritance: Inheritance;
  /** Runs whose remains may be removed when this run is published. */
  readonly runs: readonly string[];
}

/**
 * Puts in order what killed runs have left: unfinished uploads end, what no journal names goes, and what one names is
 * inherited, when the store still holds its very bytes. We leave no delete markers: a run in which something is hidden is somebody's doing, no leftover, and stays as it is.
 * @param options.lookOnly remove nothing: some of the runs may be other parts of a divided copy, at work now
 */
export async function settleUnfinished(
  vault: Vault,
  runs: readonly string[],
  signing: UnlockedKey,
  lease: Pick<Lease, "assertHeld">,
  log: Log,
  alarms: string[],
  { lookOnly, signal }: { readonly lookOnly: boolean; readonly signal: AbortSignal },
): Promise<Unfinished> {
  await lease.assertHeld();
  const ours: string[] = [];
  const hidden: string[] = [];
  const replaced: string[] = [];
  const looked = await mapBounded(runs, 8, (run) =>
    Promise.all(runPrefixes(run).map((prefix) => versionsBelow(vault.transport, prefix))),
  );
  for (const [index, run] of runs.entries()) {
    const versions = looked[index] ?? [];
    if (hidesAny(versions.flat())) hidden.push(run);
    else ours.push(run);
    const written = versions.flat().filter(({ marker }) => !marker);
    if (new Set(written.map(({ key }) => key)).size < written.length) replaced.push(run);
  }
  for (const alarm of [
    ...alarmOf(hidden, "hidden by delete markers", "unfinished run"),
    ...alarmOf(replaced, "written again", "unfinished run"),
  ]) {
    alarms.push(alarm);
    log.warn(alarm);
  }
  const inheritance = await readJournals(vault, ours, signing, signal);
  if (lookOnly) return { inheritance, runs: [] };
  const named = new Set([...inheritance.objects.values()].flatMap(({ segments }) => segments.map(({ key }) => key)));
  await mapBounded(ours, 8, async (run) => {
    for (const prefix of runPrefixes(run))
      await abortUploads(vault.transport, await unfinishedUploads(vault.transport, prefix));
    const [, ...contents] = runPrefixes(run);
    const keep = inheritance.origins.has(run) ? named : new Set<string>();
    const removed = await removeBelow(vault, inheritance.origins.has(run) ? contents : runPrefixes(run), keep);
    if (removed > 0) log.info(`Removed ${countOf(removed, "object")} that the unfinished run ${run} has left`);
  });
  if (inheritance.entries.size > 0)
    log.info(`Unfinished runs have left ${countOf(inheritance.entries.size, "file")} in the vault: not copied again`);
  return { inheritance, runs: ours.filter((run) => inheritance.origins.has(run)) };
}

/**
 * After this run is published: what was inherited needs its contents and its keys.pgp, and nothing else.
 * @param used keys of the stored objects that the snapshot names
 */
export async function removeRemains(vault: Vault, runs: readonly string[], used: ReadonlySet<string>): Promise<void> {
  for (const run of runs) {
    const keysFile = snapshotPrefix(run) + keysFileName;
    const lives = [...used].some((key) => runPrefixes(run).some((prefix) => key.startsWith(prefix)));
    await removeBelow(vault, runPrefixes(run), lives ? new Set([...used, keysFile]) : used);
  }
}

/** Removes all versions below the prefixes, except of the kept keys. Locks are respected. */
export async function removeBelow(
  vault: Vault,
  prefixes: readonly string[],
  keep: ReadonlySet<string>,
): Promise<number> {
  let removed = 0;
  for (const prefix of prefixes) {
    const versions = (await versionsBelow(vault.transport, prefix)).filter(({ key }) => !keep.has(key));
    if (versions.length > 0) removed += (await deleteVersions(vault.transport, versions)).deleted;
  }
  return removed;
}
