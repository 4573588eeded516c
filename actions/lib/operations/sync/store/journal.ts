import { z } from "zod";
import { LifeboatError } from "../../../base/errors.ts";
import { mapBounded } from "../../../base/flow/bounded.ts";
import type { Log } from "../../../base/log.ts";
import { countOf } from "../../../base/measures.ts";
import { openWhole } from "../../../seal/body/artifact.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import { deriveIndexKey, keysFileName } from "../../../seal/keys/session-key.ts";
import { sha256 } from "../../../vault/format/manifest.ts";
import { journalName, journalPrefix, runPrefixes, snapshotPrefix } from "../../../vault/format/names.ts";
import {
  encodeEntry,
  type FileEntry,
  isStored,
  parseEntry,
  pathOf,
  type StoredFile,
  type StoredObject,
  storedObjectSchema,
} from "../../../vault/format/snapshot-manifest.ts";
import { alarmOf } from "../../../vault/published/publications.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { holds } from "../../../vault/s3/read-back.ts";
import { abortUploads, unfinishedUploads } from "../../../vault/s3/segment-writer.ts";
import { hidesAny, versionsBelow } from "../../../vault/s3/versions.ts";
import type { ObjectStore, RunKeys } from "./object-store.ts";

const headSchema = z.strictObject({
  format: z.literal("lifeboat-files-journal/1"),
  object: storedObjectSchema,
  sessionKeyCommitment: sha256,
});

/** Tells later runs what is whole in the vault, object by object, so that nothing is copied twice after a kill. */
export interface Journal {
  note(object: StoredObject, entries: readonly FileEntry[]): Promise<void>;
}

export function openJournal(store: ObjectStore, keys: RunKeys): Journal {
  let number = 0;
  return {
    async note(object, entries) {
      const sessionKeyCommitment = keys.sessionKeyCommitment();
      const head = headSchema.parse({ format: "lifeboat-files-journal/1", object, sessionKeyCommitment });
      const lines = [JSON.stringify(head), ...entries.map(encodeEntry)];
      await store.sealed(journalName(++number), Buffer.from(`${lines.join("\n")}\n`));
    },
  };
}

/** What runs without an end have left that can be used. */
export interface Inheritance {
  /** By path. */
  readonly entries: ReadonlyMap<string, StoredFile>;
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** Session keys' commitments by run. */
  readonly origins: ReadonlyMap<string, string>;
}

export const nothingInherited: Inheritance = { entries: new Map(), objects: new Map(), origins: new Map() };

/**
 * Reads the journals of unfinished runs, newest last. What this signing key cannot open, or is damaged, is of no use, and
 * neither is a run whose keys.pgp is missing: its contents could never be opened.
 */
export async function readJournals(
  vault: Vault,
  runs: readonly string[],
  signing: UnlockedKey,
  signal: AbortSignal,
): Promise<Inheritance> {
  const entries = new Map<string, StoredFile>();
  const objects = new Map<string, StoredObject>();
  const origins = new Map<string, string>();
  for (const run of runs) {
    if ((await vault.head(snapshotPrefix(run) + keysFileName)) === undefined) continue;
    for await (const { key } of vault.list(journalPrefix(run))) {
      const noted = await readEntry(vault, key, run, signing, signal);
      if (noted === undefined) continue;
      objects.set(noted.object.key, noted.object);
      origins.set(run, noted.sessionKeyCommitment);
      for (const entry of noted.entries) entries.set(pathOf(entry), entry);
    }
  }
  return { entries, objects, origins };
}

async function readEntry(vault: Vault, key: string, run: string, signing: UnlockedKey, signal: AbortSignal) {
  try {
    const { body } = await vault.get(key, { maxBytes: 16 * 1024 * 1024 });
    const text = (await openWhole(body, deriveIndexKey(signing, run))).toString("utf8");
    const [first = "", ...lines] = text.trimEnd().split("\n");
    const head = headSchema.parse(JSON.parse(first));
    const found = lines.map(parseEntry).filter(isStored);
    // Hard evidence only: what a snapshot is going to name must be what the run has stored, byte for byte.
    for (const segment of head.object.segments) if (!(await holds(vault, segment, signal))) return undefined;
    return { ...head, entries: found.filter(({ object }) => object === head.object.key) };
  } catch (error) {
    // Not ours, half written, or of another version: then its contents are copied again.
    signal.throwIfAborted();
    if (error instanceof LifeboatError && error.code === "s3-unavailable") throw error;
    return undefined;
  }
}

export interface Unfinished {
  readonly inheritance: Inheritance;
  /** Runs of which something is inherited. */
  readonly runs: readonly string[];
}

export const nothingLeft: Unfinished = { inheritance: nothingInherited, runs: [] };

/**
 * Puts in order what killed runs have left: unfinished uploads end, and what a journal names is inherited, when the store
 * still holds its very bytes. What nobody names is removed by `lifeboat retention`. We leave no delete markers: in a run in
 * which something is hidden somebody has been at work, and nothing of it is inherited.
 * @param options.readOnly end nothing: some of the runs may be other parts of a divided copy, at work now
 * @param options.keepUploads end no upload, and do everything else
 */
export async function settleUnfinished(
  vault: Vault,
  runs: readonly string[],
  signing: UnlockedKey,
  lease: { assertHeld(): Promise<void> },
  log: Log,
  alarms: string[],
  {
    readOnly,
    keepUploads,
    signal,
  }: { readonly readOnly: boolean; readonly keepUploads: boolean; readonly signal: AbortSignal },
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
  if (readOnly) return { inheritance, runs: [] };
  await mapBounded(keepUploads ? [] : ours, 8, async (run) => {
    for (const prefix of runPrefixes(run))
      await abortUploads(vault.transport, await unfinishedUploads(vault.transport, prefix));
  });
  if (inheritance.entries.size > 0)
    log.info(`Unfinished runs have left ${countOf(inheritance.entries.size, "file")} in the vault: not copied again`);
  return { inheritance, runs: ours.filter((run) => inheritance.origins.has(run)) };
}
