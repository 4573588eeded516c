import { mapBounded } from "../../../base/flow/bounded.ts";
import type { Log } from "../../../base/log.ts";
import { countOf } from "../../../base/measures.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import { runPrefixes } from "../../../vault/format/names.ts";
import type { Lease } from "../../../vault/lease/lease.ts";
import { alarmOf } from "../../../vault/published/publications.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { abortUploads, unfinishedUploads } from "../../../vault/s3/segment-writer.ts";
import { hidesAny, versionsBelow } from "../../../vault/s3/versions.ts";
import { type Inheritance, readJournals } from "./journal.ts";

export interface Unfinished {
  readonly inheritance: Inheritance;
  /** Runs of which something is inherited. */
  readonly runs: readonly string[];
}

/**
 * Puts in order what killed runs have left: unfinished uploads end, and what a journal names is inherited, when the store
 * still holds its very bytes. What nobody names is removed by `lifeboat upkeep`. We leave no delete markers: in a run in
 * which something is hidden somebody has been at work, and nothing of it is inherited.
 * @param options.lookOnly end nothing: some of the runs may be other parts of a divided copy, at work now
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
  await mapBounded(ours, 8, async (run) => {
    for (const prefix of runPrefixes(run))
      await abortUploads(vault.transport, await unfinishedUploads(vault.transport, prefix));
  });
  if (inheritance.entries.size > 0)
    log.info(`Unfinished runs have left ${countOf(inheritance.entries.size, "file")} in the vault: not copied again`);
  return { inheritance, runs: ours.filter((run) => inheritance.origins.has(run)) };
}
