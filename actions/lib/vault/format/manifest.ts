import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Policy } from "../../config/policy/policy.ts";

/** The scalars of all documents of the vault. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const fingerprint = z.string().regex(/^[0-9A-F]{40}$/);
export const count = z.number().int().nonnegative();
/** A count that may pass 2^53: rows and bytes of the whole database, as decimal digits. */
export const bigCount = z.string().regex(/^\d+$/);

/** Longest reason that somebody gives for a hold or an incident, in characters. */
export const mostReason = 500;

/** `<UTC time>-<8 hex>`, e.g. `20261122T221500Z-1a2b3c4d`. Sorts by time. */
export const setIdPattern = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/;
export const setId = z.string().regex(setIdPattern);

/** A new name for a set: two runs of the same second stay apart. */
export function newSetId(time: Date): string {
  return `${time.toISOString().replaceAll(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;
}

/**
 * The incident that was on while a set was made; `unknown` where that could not be read. What the incident is about may be in the
 * set: it is never the newest good one, and never `latest`.
 */
export const incidentMark = z.string().min(1).max(100);

/** When a set's run began, ms since 1970: its name says so. */
export function timeOfSet(set: string): number {
  const [, date = "", time = ""] = /^(\d{8})T(\d{6})Z/.exec(set) ?? [];
  const dashed = date.replace(/(....)(..)(..)/, "$1-$2-$3");
  return Date.parse(`${dashed}T${time.replace(/(..)(..)(..)/, "$1:$2:$3")}Z`);
}

export const tierSchema = z.enum(["daily", "weekly", "monthly"]);
export type Tier = z.infer<typeof tierSchema>;

/** One upload part's worth of stored (sealed) bytes; what a reader fetches, hashes and only then hands on. */
const storedPartSchema = z.strictObject({ bytes: count, sha256 });

/** One S3 object. An artifact too large for one object is several, which `cat` joins. */
export const segmentSchema = z.strictObject({
  /** Below the set's prefix, e.g. `data/01-public.exams.dump.zst.pgp` or `….pgp.002`. */
  key: z.string().min(1),
  bytes: count,
  sha256,
  parts: z.array(storedPartSchema).min(1),
});

const artifactSchema = z.strictObject({
  /** Key of the artifact without a segment's suffix. */
  name: z.string().min(1),
  kind: z.enum([
    "schema",
    "schema-sql",
    "data",
    "sequences",
    "large-objects",
    "roles",
    "inventory",
    "recover",
    "json",
    "extension-rows",
    "generated",
    "secrets",
    "configuration",
    "index",
    "index-key",
  ]),
  /** Bytes before compression and sealing. */
  plainBytes: count,
  /** `schema.table` of the tables whose rows are in here, in the order of the blocks (kinds `data`, `json`, `extension-rows`). */
  tables: z.array(z.string()).optional(),
  segments: z.array(segmentSchema).min(1),
});

const termDays = z.number().int().positive();

/** Of the policy under which something was made, as retention has to know it later. Made before manifests said it: nothing. */
export const madeUnderShape = {
  /** Days that each tier is kept: a policy that shortens them counts when manifests have announced it (`policy/terms`). */
  policy: z
    .strictObject({ terms: z.strictObject({ daily: termDays, weekly: termDays, monthly: termDays }) })
    .optional(),
  /** Every part that the run stored was read again and compared (`vault.readBack`): with all of it there, it is verified. */
  readBack: z.literal(true).optional(),
};

/** What a manifest says of the policy. */
export function madeUnder({ tiers, vault }: Pick<Policy, "tiers" | "vault">) {
  const { daily, weekly, monthly } = tiers;
  const terms = { daily: daily.retentionDays, weekly: weekly.retentionDays, monthly: monthly.retentionDays };
  return { policy: { terms }, ...(vault.readBack && { readBack: true as const }) };
}

/** How far the ledger of erasures goes (vault/erasures): the number of its entries, and the hash of the last. */
const ledgerHeadSchema = z.strictObject({ count: z.number().int().min(1), hash: sha256 });
export type LedgerHead = z.infer<typeof ledgerHeadSchema>;

const recipientsSchema = z.array(z.strictObject({ role: z.string(), fingerprint })).min(1);

/** Of a set. There are no others any more. */
export const setFormat = "lifeboat-set/2";

export const manifestSchema = z.strictObject({
  format: z.literal(setFormat),
  set: setId,
  tier: tierSchema,
  /** When the run began, when the snapshot was taken, when the last artifact had been read back: ISO 8601, UTC. */
  startedAt: z.iso.datetime(),
  snapshotAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** The snapshot of the files that was read under the same Postgres snapshot, in the files' own bucket; it names this set. */
  files: z.strictObject({ set: setId }).optional(),
  incident: incidentMark.optional(),
  source: z.strictObject({
    projectRef: z.string().nullable(),
    database: z.string(),
    serverVersion: z.string(),
    serverMajor: count,
  }),
  software: z.strictObject({ lifeboat: z.string(), node: z.string(), pgDump: z.string() }),
  sealing: z.strictObject({
    format: z.literal("openpgp-seipd1-aes256"),
    compression: z.literal("zstd"),
    /** Fingerprints of the recipients at the time of the backup; `keys rewrap` may have changed them since. */
    recipients: recipientsSchema,
    /** Binds the session key to this set without telling anything of it: see seal/keys/session-key. */
    sessionKeyCommitment: sha256,
    /** The same of the second session key (secrets.pgp), which opens the artifacts of kind `secrets` and no other. */
    secrets: z.strictObject({ recipients: recipientsSchema, sessionKeyCommitment: sha256 }).optional(),
    /**
     * Of the key of the index of tables (vault/format/table-index), and who can derive it: the holder of this signing key. For
     * the recipients it lies in the set, sealed as everything else (kind `index-key`). Sets made before there was one have none.
     */
    index: z.strictObject({ signer: fingerprint, sessionKeyCommitment: sha256 }).optional(),
  }),
  counts: z.strictObject({
    tables: count,
    rows: bigCount,
    sequences: count,
    largeObjects: count,
    /** Catalogue objects in the inventory. */
    objects: count,
    /** `pg_database_size` at the source. */
    databaseBytes: bigCount,
    plainBytes: bigCount,
    storedBytes: bigCount,
  }),
  /** How far the ledger of erasures went: whoever restores the set later has to know as much, or more. */
  erasures: ledgerHeadSchema.optional(),
  ...madeUnderShape,
  artifacts: z.array(artifactSchema).min(1),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Artifact = Manifest["artifacts"][number];
export type Segment = Artifact["segments"][number];

/** `database/<tier>/<set>/`, the prefix of everything that belongs to one set. */
export function setPrefix(tier: Tier, set: string): string {
  return `database/${tier}/${set}/`;
}
