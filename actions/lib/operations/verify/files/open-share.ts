import { createHash } from "node:crypto";
import { ConfigurationError, LifeboatError, OperationError } from "../../../base/errors.ts";
import { mapBounded } from "../../../base/flow/bounded.ts";
import type { Log } from "../../../base/log.ts";
import { type DeepReads, planDeepReads, quarterDays } from "../../../policy/deep-rotation.ts";
import type { Signer } from "../../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import { type NeededObjects, readFiles } from "../../../vault/files/read-files.ts";
import { openObject, readPack } from "../../../vault/files/read-object.ts";
import { recipientKeys, type SnapshotKeys } from "../../../vault/files/snapshot-keys.ts";
import {
  type FileEntry,
  isStored,
  type Layer,
  type LivingObject,
  type StoredObject,
  sessionKeyCommitments,
} from "../../../vault/format/snapshot-manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { type DamageFinding, findingOf, warningAt } from "../verify-objects.ts";
import { deepRecordKey, readDeepRecord, writeDeepRecord } from "./deep-record.ts";

export interface DeepOptions {
  readonly privateKey: UnlockedKey;
  /** Whose records of earlier deep verifications count. */
  readonly readers: readonly Signer[];
  /** Of all stored bytes, above 0, at most 1; default: what the time since the last one asks for. */
  readonly share?: number | undefined;
}

/** What a deep verification has opened. */
export interface Opened {
  readonly objects: number;
  readonly contents: number;
  readonly bytes: number;
  /** Of all stored bytes, 0 to 1. */
  readonly share: number;
  /** Days since the present round through the whole vault began. */
  readonly roundDays: number;
}

export interface Opening {
  readonly vault: Vault;
  readonly layers: readonly Layer[];
  readonly expected: NeededObjects;
  readonly trustedSigners: readonly Signer[];
  readonly deep: DeepOptions;
  readonly signal: AbortSignal;
  readonly now: Date;
  readonly log: Log;
}

/**
 * Opens the share of the packs and files whose turn it is, and what was damaged last time; notes in the vault how far it
 * came. What is wrong goes into `findings`.
 * @throws ConfigurationError `wrong-private-key`, and of the store; OperationError `s3-unavailable`; the signal's reason
 */
export async function openShare(opening: Opening, findings: DamageFinding[]): Promise<Opened> {
  const { vault, expected, deep, now, log } = opening;
  const { record, problem, etag } = await readDeepRecord(vault, deep.readers);
  if (problem !== undefined) {
    const what = `What earlier deep verifications have read is not known, and a new round begins: ${problem}`;
    findings.push(warningAt(deepRecordKey, "record-untrusted", what));
  }
  const readable = expected.living.map((object) => ({ key: object.key, bytes: storedBytes(object), object }));
  const plan = planDeepReads(readable, record?.rotation, now, deep.share);
  if (plan.roundDays > quarterDays) {
    const what = `Within ${Math.round(plan.roundDays)} days not everything in the vault was opened once: verify more often, or a larger share`;
    findings.push(warningAt("snapshot", "round-late", what));
  }
  const again = readable.filter(
    ({ key }) => record?.damaged.includes(key) && !plan.read.some((one) => one.key === key),
  );
  const objects = [...again, ...plan.read].map(({ object }) => object);
  const { contents, damaged } = await openObjects(opening, objects, findings);
  try {
    if (!vault.readOnly) await writeDeepRecord(vault, { rotation: plan.next, damaged }, deep.privateKey, etag);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.warn(error.message);
    const what = `What was opened could not be noted, and will be opened again: ${error.message.replace(/\.$/, "")}`;
    findings.push(warningAt(deepRecordKey, "record-unwritten", what));
  }
  return {
    objects: objects.length,
    contents,
    bytes: bytesOf(plan, again),
    share: plan.share,
    roundDays: plan.roundDays,
  };
}

async function openObjects(
  { vault, layers, trustedSigners, deep, signal, log }: Opening,
  objects: readonly LivingObject[],
  findings: DamageFinding[],
): Promise<{ contents: number; damaged: string[] }> {
  const keys = recipientKeys(vault, deep.privateKey, trustedSigners);
  const chosen = new Set(objects.map(({ key }) => key));
  let wanted: Awaited<ReturnType<typeof contentsOf>>;
  try {
    wanted = await contentsOf(chosen, readFiles(vault, layers, keys));
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    findings.push(findingOf(error, "snapshot"));
    return { contents: 0, damaged: [...chosen] };
  }
  const commitments = sessionKeyCommitments(layers);
  const damaged: string[] = [];
  let contents = 0;
  const bytes = objects.reduce((sum, object) => sum + storedBytes(object), 0);
  const track = log.track("open", { items: objects.length, bytes });
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  try {
    await mapBounded(objects, 2, async (object) => {
      try {
        const named = wanted.get(object.key) ?? new Map();
        const compared = await compareObject(vault, object, named, keys, commitments, ended);
        contents += compared;
      } catch (error) {
        ended.throwIfAborted();
        // A key that fits no snapshot tells nothing about this one.
        if (error instanceof ConfigurationError) throw error;
        damaged.push(object.key);
        findings.push(findingOf(error, object.key));
      }
      track.advance({ items: 1, bytes: storedBytes(object) });
    });
  } catch (error) {
    failed.abort(error);
    track.end("failed");
    throw error;
  }
  track.end(damaged.length === 0 ? "done" : "failed");
  return { contents, damaged };
}

function bytesOf(plan: DeepReads<{ key: string; bytes: number }>, again: readonly { bytes: number }[]): number {
  return [...plan.read, ...again].reduce((sum, { bytes }) => sum + bytes, 0);
}

export function storedBytes({ segments }: Pick<LivingObject, "segments">): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What the list says of one object's contents: entry (empty for a large file) to size and SHA-256. */
export type Contents = ReadonlyMap<string, { readonly bytes: number; readonly sha256: string }>;

/**
 * What the list says of some objects, and of nothing else: memory for those only.
 * @throws OperationError `snapshot-damaged` when two entries contradict each other
 */
export async function contentsOf(
  objects: ReadonlySet<string>,
  files: AsyncIterable<FileEntry>,
): Promise<Map<string, Contents>> {
  const found = new Map<string, Map<string, { bytes: number; sha256: string }>>();
  for await (const file of files) {
    if (!isStored(file) || !objects.has(file.object)) continue;
    const contents = found.get(file.object) ?? new Map<string, { bytes: number; sha256: string }>();
    const entry = file.entry ?? "";
    const known = contents.get(entry);
    if (known !== undefined && known.sha256 !== file.sha256) {
      throw new OperationError(
        "snapshot-damaged",
        `The list gives two SHA-256 for content ${entry} of ${file.object}.`,
      );
    }
    found.set(file.object, contents.set(entry, { bytes: file.bytes, sha256: file.sha256 }));
  }
  return found;
}

/**
 * Opens one object and compares every content that the list names with its size and SHA-256.
 * @returns contents that were compared
 * @throws OperationError `content-differs`, `content-missing`; what `openObject` and `readPack` throw
 */
export async function compareObject(
  vault: Vault,
  object: StoredObject,
  wanted: Contents,
  keys: SnapshotKeys,
  commitments: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<number> {
  const left = new Map(wanted);
  const compare = async (entry: string, content: AsyncIterable<Uint8Array>): Promise<void> => {
    const named = left.get(entry);
    if (named === undefined) return;
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    if (bytes !== named.bytes || hash.digest("hex") !== named.sha256) {
      throw new OperationError("content-differs", `${contentName(entry)} is not what the list says of it`);
    }
    left.delete(entry);
  };
  const plain = openObject(vault, object, keys, commitments, { signal, ahead: 1 });
  if (wanted.has("")) await compare("", plain);
  else for await (const { name, content } of readPack(plain)) await compare(name, content);
  const [missing] = left.keys();
  if (missing === undefined) return wanted.size;
  throw new OperationError(
    "content-missing",
    `${contentName(missing)} is not in it (of ${left.size} that are missing)`,
  );
}

const contentName = (entry: string): string => (entry === "" ? "Its content" : `Its content ${entry}`);
