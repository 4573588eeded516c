import { z } from "zod";
import { setId, tierSchema } from "../../../vault/format/manifest.ts";
import { checkOutcomeSchema } from "../../../vault/format/proof.ts";

const words = z.string().max(2000);

/** What was asked for. A later run goes on with it, and refuses another. */
const requestSchema = z.strictObject({
  scenario: z.enum(["complete-loss", "regional-disaster"]),
  set: z.string(),
  /** Of the policy, made by a person; null: a project is made. */
  target: z.string().nullable(),
  projectName: z.string().nullable(),
  region: z.string().nullable(),
  production: z.string().nullable(),
  /** Folder, `none`, or null: what the policy says. */
  migrations: z.string().nullable(),
});
export type LossRequest = z.output<typeof requestSchema>;

/** Where the sets are read for it, and into which target they go. */
export function sourcesFor({ scenario, target }: LossRequest) {
  return { from: scenario === "regional-disaster" ? ("replica" as const) : ("vault" as const), target };
}

/** A set that can be restored, and whether it has to be thawed first. */
const candidateSchema = z.strictObject({ tier: tierSchema, set: setId, why: words, archived: z.boolean() });
export type Candidate = z.output<typeof candidateSchema>;

/** What is decided before anything is written. */
const planSchema = z.strictObject({
  /** In the order in which they are tried. */
  candidates: z.array(candidateSchema).min(1),
  /** Of the first. ISO 8601; decimal digits. */
  snapshotAt: z.string(),
  databaseBytes: z.string(),
  withFiles: z.boolean(),
  /** Files that will be applied to the first; null: the restored database alone can tell. */
  migrations: z.array(z.string()).nullable(),
  /** Null: the target was made by a person. */
  project: z
    .strictObject({
      name: z.string(),
      organization: z.string(),
      region: z.string(),
      size: z.string().nullable(),
      diskGigabytes: z.number(),
      /** A month; null: no price list was found. */
      dollars: z.number().nullable(),
    })
    .nullable(),
});
export type LossPlan = z.output<typeof planSchema>;

const offSchema = z.strictObject({ what: words, on: z.string().max(100_000) });

/** What the restore came to: names and counts. */
const restoredSchema = z.strictObject({
  set: setId,
  tier: tierSchema,
  snapshotAt: z.string(),
  outcome: z.enum(["equal", "differs", "unverified"]),
  sentence: words,
  target: z.strictObject({ kind: z.enum(["supabase", "plain"]), serverVersion: z.string() }),
  counts: z.strictObject({
    ...{ objects: z.number(), tables: z.number(), rows: z.string(), foreignKeysChecked: z.number() },
  }),
  differences: z.strictObject({ failed: z.number(), expected: z.number(), unverified: z.number() }),
  /** The first that failed or could not be verified. */
  wrong: z.array(words),
  files: z.strictObject({ outcome: z.string(), sentence: words, count: z.number(), bytes: z.number() }).nullable(),
  switchedOff: z.array(offSchema),
  byHand: z.array(words),
  /** Sets that were tried before, and why each was passed over. */
  passedOver: z.array(z.strictObject({ set: z.string(), why: words })),
});
export type Restored = z.output<typeof restoredSchema>;

const checkSchema = z.strictObject({
  ...{ name: z.string(), kind: z.enum(["sql", "rls", "http", "command"]), outcome: checkOutcomeSchema },
  ...{ finding: words, seconds: z.number() },
});

/** What brought the schema up to today: names of files, never a statement. */
const migratedSchema = z.strictObject({
  outcome: z.enum(["current", "doubtful", "none"]),
  /** Why none were applied; null: see the rest. */
  why: words.nullable(),
  applied: z.array(z.string()),
  own: z.array(z.strictObject({ table: z.string(), before: z.number(), after: z.number() })),
  findings: z.array(words),
});
export type Migrated = z.output<typeof migratedSchema>;

const count = z.number().int().nonnegative();

/** What became of the project's configuration. */
const carriedSchema = z.strictObject({
  /** Why there was none to carry; null: there was. */
  why: words.nullable(),
  counts: z.strictObject({ carried: count, already: count, listed: count, refused: count }),
  /** What a person has to look at. */
  rows: z.array(
    z.strictObject({
      ...{ section: z.string(), field: z.string(), outcome: z.enum(["listed", "refused"]) },
      ...{ why: words, next: words },
    }),
  ),
});
export type Carried = z.output<typeof carriedSchema>;

const triedSchema = z.strictObject({ what: words, outcome: z.enum(["verified", "failed", "not tried"]), why: words });

/** All that a later run needs. */
export const factsSchema = z.object({
  request: requestSchema,
  plan: planSchema,
  /** Of the new project's `postgres`, made by us. */
  password: z.string().nullable(),
  /** The project may have been asked for. */
  asked: z.boolean().default(false),
  /** What it costs could not be told, and that was said. */
  unpriced: z.boolean().default(false),
  ref: z.string().nullable().default(null),
  restored: restoredSchema.nullable().default(null),
  migrated: migratedSchema.nullable().default(null),
  configuration: carriedSchema.nullable().default(null),
  /** What of it was tried at the new project; null: not yet. */
  tried: z.array(triedSchema).nullable().default(null),
  checks: z.array(checkSchema).nullable().default(null),
  /** Files that have a row in the restored database; null: not counted. */
  fileRows: count.nullable().default(null),
  /** By `what`: what a person has switched on since. */
  switchedOn: z.array(words).default([]),
  /** When the time of the phases was seen to be up, and the promised time, and people were told; ISO 8601, null: not yet. */
  promise: z
    .strictObject({ decide: z.string().nullable(), past: z.string().nullable() })
    .default({ decide: null, past: null }),
});
export type LossFacts = z.output<typeof factsSchema>;
