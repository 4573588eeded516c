import { z } from "zod";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { atMost, linesOf } from "../../base/flow/chunks.ts";
import { openSealed } from "../../seal/body/artifact.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import { deriveIndexKey, indexKeyScope, type SessionKey, sessionKeyCommitment } from "../../seal/keys/session-key.ts";
import { bigCount, count, type Manifest, setId, setPrefix } from "../format/manifest.ts";
import type { Vault } from "../s3/client.ts";
import { openArtifact } from "../s3/download.ts";

/**
 * What a set says of each of its tables to whoever makes backups, so that sets can be compared without opening their data: one
 * JSON document a line, the head first. It lies under a key that the signing key gives (see runbooks/decisions/0037-index-of-a-set.md).
 */
export const indexFormat = "lifeboat-index/1" as const;
export const indexArtifact = { name: "index/tables.ndjson.zst.pgp", kind: "index" } as const;
/** The index's key, as 64 hex digits and the end of the line: for those whom the set is sealed to. */
export const indexKeyArtifact = { name: "index/key.zst.pgp", kind: "index-key" } as const;

/** Rows are divided among so many buckets by the hash of their key: a row lies in the same one in every set. */
export const bucketCount = 1024;

const decimal = z.string().regex(/^-?\d+$/);
const namedTable = z.strictObject({ schema: z.string(), name: z.string() });

export const indexHeadSchema = z.strictObject({
  format: z.literal(indexFormat),
  set: setId,
  /** ISO 8601, UTC. */
  snapshotAt: z.iso.datetime(),
  /** When the server last began to count anew, as it says it: counters of two sets are comparable where it is the same. Null: never, or it did not tell. */
  countedSince: z.string().nullable(),
  tables: count,
});
export type IndexHead = z.infer<typeof indexHeadSchema>;

/** How often the server has inserted, updated and deleted a row since it began to count; what was rolled back counts as well. */
export const countersSchema = z.strictObject({ inserted: bigCount, updated: bigCount, deleted: bigCount });
export type Counters = z.infer<typeof countersSchema>;

/** So many comparisons with the set before are remembered. */
export const remembered = 7;

export const indexedTableSchema = namedTable.extend({
  oid: z.string(),
  /** The partitioned table that it is, in the end, a part of. */
  root: namedTable.optional(),
  columns: z.array(z.string()),
  key: z.array(z.string()).nullable(),
  rows: bigCount,
  hash: decimal,
  /** Null where the server did not tell. */
  counters: countersSchema.nullable(),
  /** What `packBuckets` gave, in the document as base64; null for a table without a key. */
  buckets: z
    .base64()
    .transform((text): Buffer => Buffer.from(text, "base64"))
    .nullable(),
  /** Of the latest comparisons with the set before, the newest last: whether so much had changed that people would hear of it. */
  jumps: z.array(z.boolean()).max(remembered),
});
export type IndexedTable = z.infer<typeof indexedTableSchema>;

/** A table's line of the index. */
export function encodeTable({ buckets, ...table }: IndexedTable): string {
  return `${JSON.stringify({ ...table, buckets: buckets?.toString("base64") ?? null })}\n`;
}

const maskBytes = bucketCount / 8;

/**
 * The sums of buckets, without those that are 0: a bit for each bucket, then eight bytes for each bit that is set, both little-endian.
 * @param sums `bucketCount` of them
 */
export function packBuckets(sums: BigInt64Array): Buffer {
  const packed = Buffer.alloc(maskBytes + 8 * sums.length);
  let end = maskBytes;
  for (const [bucket, sum] of sums.entries()) {
    if (sum === 0n) continue;
    packed[bucket >> 3] = (packed[bucket >> 3] ?? 0) | (1 << (bucket & 7));
    end = packed.writeBigInt64LE(sum, end);
  }
  return Buffer.from(packed.subarray(0, end));
}

/** @returns undefined for bytes that `packBuckets` did not give */
export function unpackBuckets(packed: Uint8Array): BigInt64Array | undefined {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const sums = new BigInt64Array(bucketCount);
  let at = maskBytes;
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    if (((bytes[bucket >> 3] ?? 0) & (1 << (bucket & 7))) === 0) continue;
    if (at + 8 > bytes.length) return undefined;
    sums[bucket] = bytes.readBigInt64LE(at);
    at += 8;
  }
  return at === bytes.length ? sums : undefined;
}

/**
 * The sums of rows that lie in several places, packed.
 * @param packed of those before; undefined or damaged: there are none
 */
export function addBuckets(packed: Uint8Array | undefined, more: BigInt64Array): Buffer {
  const sums = packed && unpackBuckets(packed);
  if (sums === undefined) return packBuckets(more);
  // The array keeps 64 bits of each, as the hasher does.
  for (const [bucket, sum] of more.entries()) sums[bucket] = (sums[bucket] ?? 0n) + sum;
  return packBuckets(sums);
}

/** What opens an index: the signing key that its key was derived from, or a private key that the set is sealed to. */
export interface IndexKeys {
  /** The present one first, then former ones that are still at hand. */
  readonly signing: readonly UnlockedKey[];
  /** For whoever holds a private key that the set is sealed to (`sealedIndexKey`). */
  readonly sealed?: ((manifest: Manifest) => Promise<SessionKey>) | undefined;
}

/** An index whose head has been read. */
export interface TableIndex {
  readonly head: IndexHead;
  /** Once; a table after the other. Can be relied on only once the iteration has ended without an error. */
  tables(): AsyncGenerator<IndexedTable, void, undefined>;
}

/** A table has 1,600 columns at most, of 63 bytes. */
const longestLine = 1024 * 1024;
/** Ten thousand tables of many rows have half as much. */
const mostBytes = 256 * 1024 * 1024;

/**
 * Opens the index of a set whose manifest has been checked.
 * @returns undefined for a set without one: it was made before there were any
 * @throws ConfigurationError `index-key-foreign`; OperationError `index-damaged`, `artifact-damaged`, and what the store throws
 */
export async function openIndex(
  vault: Vault,
  manifest: Manifest,
  keys: IndexKeys,
  options: { readonly signal?: AbortSignal } = {},
): Promise<TableIndex | undefined> {
  const artifact = manifest.artifacts.find(({ name }) => name === indexArtifact.name);
  if (artifact === undefined || manifest.sealing.index === undefined) return undefined;
  if (artifact.plainBytes > mostBytes) throw damaged(manifest, "it is larger than any can be");
  const key = ownKey(manifest, keys.signing) ?? (await keys.sealed?.(manifest));
  if (key === undefined) throw foreign(manifest);
  const stored = openArtifact(vault, setPrefix(manifest.tier, manifest.set), artifact, {
    ahead: 1,
    recycled: true,
    ...options,
  });
  const plain = atMost(openSealed(stored, key), artifact.plainBytes, () =>
    damaged(manifest, "it becomes larger than its manifest says"),
  );
  const index = await parseIndex(plain, (why) => damaged(manifest, why));
  if (index.head.set !== manifest.set) throw damaged(manifest, "it is the one of another set");
  return index;
}

/**
 * Reads the head of an index.
 * @param plain opened
 * @throws what `damaged` makes; also while the tables are read
 */
export async function parseIndex(
  plain: AsyncIterable<Uint8Array>,
  damaged: (why: string) => Error,
): Promise<TableIndex> {
  const lines = linesOf(plain, longestLine, () => damaged("a line of it has no end"));
  const first = await lines.next();
  const head = indexHeadSchema.safeParse(first.done === true ? undefined : parsed(first.value));
  if (!head.success) {
    await lines.return();
    throw damaged(`it does not begin as ${indexFormat} does`);
  }
  return {
    head: head.data,
    async *tables() {
      let found = 0;
      for await (const line of lines) {
        const table = indexedTableSchema.safeParse(parsed(line));
        if (!table.success) throw damaged(`its line ${found + 2} is not in the form of ${indexFormat}`);
        found++;
        yield table.data;
      }
      if (found !== head.data.tables) throw damaged(`it has ${found} of ${head.data.tables} tables`);
    },
  };
}

/** The index's key, where one of these signing keys gives it. */
function ownKey({ set, sealing }: Manifest, signing: readonly UnlockedKey[]): SessionKey | undefined {
  const wanted = sealing.index?.sessionKeyCommitment;
  const derived = signing.map((key) => deriveIndexKey(key, set));
  return derived.find((key) => sessionKeyCommitment(key, indexKeyScope(set)) === wanted);
}

function foreign({ set, sealing }: Manifest): ConfigurationError {
  return new ConfigurationError(
    "index-key-foreign",
    `The index of set ${set} was sealed by signing key ${sealing.index?.signer}, and that is not one of those that are set.`,
    "Give the former one in BACKUP_SIGNING_KEY_PREVIOUS (and _PASSPHRASE), or RESTORE_PRIVATE_KEY.",
  );
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function damaged({ set }: Manifest, why: string): OperationError {
  return new OperationError(
    "index-damaged",
    `The index of set ${set} cannot be used: ${why}.`,
    "Use another set (`lifeboat list`), and look at this one with `lifeboat verify --deep`.",
  );
}
