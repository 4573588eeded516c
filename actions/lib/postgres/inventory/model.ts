import { z } from "zod";

/**
 * One privilege of an ACL, spelled out. `grantee` "" is PUBLIC.
 * Built-in defaults are spelled out too (acldefault), so that NULL and its meaning compare equal.
 */
export const grantSchema = z.strictObject({
  grantee: z.string(),
  grantor: z.string(),
  privilege: z.string(),
  /** Column that the privilege is limited to. */
  column: z.string().nullable(),
  grantable: z.boolean(),
});
export type Grant = z.infer<typeof grantSchema>;

/** One object of the catalogue: what it is called, what it is, whose it is, who may use it. */
export const objectSchema = z.strictObject({
  /** `pg_identify_object`'s type, e.g. `table`, `table constraint`, `function`, `policy`, `default acl`. */
  kind: z.string(),
  /** `pg_identify_object`'s identity, unique within the kind, e.g. `public.exams`, `exams_pkey on public.exams`. */
  identity: z.string(),
  schema: z.string().nullable(),
  /** Catalogue and row of the object in the source's snapshot: what a dump's table of contents names it by. */
  classId: z.string(),
  oid: z.string(),
  owner: z.string().nullable(),
  /** Canonical text; two objects are the same when kind, identity and this are. */
  definition: z.string(),
  grants: z.array(grantSchema).nullable(),
  comment: z.string().nullable(),
  /** Name of the extension that the object is a member of. */
  extension: z.string().nullable(),
  /**
   * Whether a complete pg_dump must list it, by (classId, oid), in its table of contents. False for what travels inside
   * another entry: an extension's members, a key's index, an inline check, a partition's inherited constraint or trigger.
   */
  listed: z.boolean(),
});
export type InventoryObject = z.infer<typeof objectSchema>;

/**
 * What PostgreSQL itself brings (a function of pg_catalog, a setting, a tablespace) and somebody has changed since. Its
 * definition is empty but for what is not as it was made.
 */
export const builtInSchema = objectSchema.extend({
  /** The rights that it was made with. */
  initial: z.array(grantSchema),
});
export type BuiltIn = z.infer<typeof builtInSchema>;

/** Row count and order-independent content hash (decimal digits of a sum of signed 64-bit hashes). */
export const fingerprintSchema = z.strictObject({ rows: z.string(), hash: z.string() });
export type Fingerprint = z.infer<typeof fingerprintSchema>;

/** The fingerprint of rows that lie in several places. */
export function sumOf(some: readonly Fingerprint[]): Fingerprint {
  const sum = (of: keyof Fingerprint): string => some.reduce((total, one) => total + BigInt(one[of]), 0n).toString();
  return { rows: sum("rows"), hash: sum("hash") };
}

/**
 * Stored generated columns. No dump holds their values: a restore computes them anew, and they come out otherwise when a
 * function behind them was replaced after they had been stored.
 */
const generatedSchema = z.strictObject({
  /** The primary key's columns, or all that are not generated: which row a value belongs to. */
  key: z.array(z.string()),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      /** Something beside PostgreSQL's own functions is behind it: its old values are kept (`generated/…`). */
      changeable: z.boolean(),
      /** As a fingerprint's, over the key and the value; null when nobody could read it. */
      hash: z.string().nullable().default(null),
    }),
  ),
});
export type Generated = z.infer<typeof generatedSchema>;

/**
 * One artifact that holds rows of a table: all of them, or a slice of a large one. Slices come in the order in which the table
 * was cut; rows and hashes of all parts add up to the table's fingerprint.
 */
const partSchema = fingerprintSchema.extend({ artifact: z.string() });
export type Part = z.infer<typeof partSchema>;

/** A table that holds rows of its own (ordinary tables and partitions; not their partitioned parents). */
export const tableContentSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  oid: z.string(),
  /** Stored, not generated columns in attribute order: what COPY carries and the fingerprint covers. */
  columns: z.array(z.string()),
  /**
   * The columns that tell its rows apart, in the order of their index: the primary key's, or those of a unique index over columns
   * that are never NULL. Null where there are none; sets made before it was read have no word of it.
   */
  key: z.array(z.string()).nullable().optional(),
  /** Bytes on disk, TOAST included: what planning goes by. */
  bytes: z.number(),
  extension: z.string().nullable(),
  /** False for an extension's own table that pg_dump leaves out: its rows are copied apart (operations/backup/apart-stage). */
  carried: z.boolean(),
  /** SQL condition by which an extension restricts what of its table is dumped (`WHERE …`); the fingerprint obeys it. */
  filter: z.string().nullable(),
  unlogged: z.boolean(),
  fingerprint: fingerprintSchema.nullable(),
  /** Where its rows lie in the set; unknown while the database is read. */
  parts: z.array(partSchema).optional(),
  generated: generatedSchema.nullish(),
});
export type TableContent = z.infer<typeof tableContentSchema>;

export const sequenceValueSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  lastValue: z.string(),
  isCalled: z.boolean(),
  /** The extension's own table that it counts for: pg_dump leaves both out. */
  countsFor: z.strictObject({ schema: z.string(), name: z.string() }).optional(),
});
export type SequenceValue = z.infer<typeof sequenceValueSchema>;

/** `stored`: what the view held at the snapshot; `fresh`: what its query gave then; both null when not populated. */
const materializedViewSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  populated: z.boolean(),
  stored: fingerprintSchema.nullable(),
  fresh: fingerprintSchema.nullable(),
});
export type MaterializedView = z.infer<typeof materializedViewSchema>;

const largeObjectSchema = z.strictObject({
  oid: z.string(),
  bytes: z.string(),
  hash: z.string(),
});

export const roleSchema = z.strictObject({
  name: z.string(),
  superuser: z.boolean(),
  inherit: z.boolean(),
  createRole: z.boolean(),
  createDb: z.boolean(),
  login: z.boolean(),
  replication: z.boolean(),
  bypassRls: z.boolean(),
  connectionLimit: z.number(),
  validUntil: z.string().nullable(),
  /** `name=value`, sorted; for all databases and, with `database: true`, for this one. */
  settings: z.array(z.strictObject({ setting: z.string(), database: z.boolean() })),
  comment: z.string().nullable(),
});
export type Role = z.infer<typeof roleSchema>;

export const membershipSchema = z.strictObject({
  role: z.string(),
  member: z.string(),
  grantor: z.string(),
  admin: z.boolean(),
  /** Null before PostgreSQL 16, which has no such options. */
  inherit: z.boolean().nullable(),
  set: z.boolean().nullable(),
});
export type Membership = z.infer<typeof membershipSchema>;

/** Everything in scope of one database at one snapshot. Sealed as `inventory.json.zst.pgp`. */
export const inventorySchema = z.strictObject({
  format: z.literal("lifeboat-inventory/2"),
  serverVersion: z.string(),
  serverMajor: z.number(),
  database: z.string(),
  /** `name=value` of ALTER DATABASE … SET, sorted. */
  databaseSettings: z.array(z.string()),
  /** `name=value` of ALTER ROLE ALL SET, sorted. Sets made before these were read have none. */
  everybodysSettings: z.array(z.string()).optional(),
  objects: z.array(objectSchema),
  /** Sets made before these were read have none. */
  builtIns: z.array(builtInSchema).optional(),
  roles: z.array(roleSchema),
  memberships: z.array(membershipSchema),
  tables: z.array(tableContentSchema),
  sequences: z.array(sequenceValueSchema),
  materializedViews: z.array(materializedViewSchema),
  largeObjects: z.array(largeObjectSchema),
});
export type Inventory = z.infer<typeof inventorySchema>;
