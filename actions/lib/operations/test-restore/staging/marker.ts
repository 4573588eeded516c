import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, sqlState } from "../../../base/errors.ts";
import { quoteQualified, tableName } from "../../../postgres/identifier.ts";
import { type Inventory, inventorySchema } from "../../../postgres/inventory/model.ts";
import { bookkeepingReason, stagingSchema } from "../../../postgres/platform-owned.ts";
import { atOwnPace } from "../../restore/gate/admit.ts";
import { stateOf, targetStateSchema } from "../../restore/target/journal.ts";
import { inspectTarget, type TargetFacts } from "../../target/target.ts";
import { staysWithPlatform } from "./reset-plan.ts";

/** Which database this is, whatever address led here. */
export interface DatabaseIdentity {
  /** Made at initdb; a physical copy of a cluster keeps it. */
  readonly systemIdentifier: string;
  readonly database: string;
}

/** Asks the server itself; every role may (pg_control_system is executable by PUBLIC). */
export async function readIdentity(client: Client): Promise<DatabaseIdentity> {
  const answer = await client.query(
    `select (select system_identifier from pg_control_system())::text as "systemIdentifier",
            current_database()::text as database`,
  );
  return z.strictObject({ systemIdentifier: z.string(), database: z.string() }).parse(answer.rows[0]);
}

/** What staging was when Lifeboat last had it in hand. Whatever is otherwise by now, somebody else has done. */
export const leftBehindSchema = z.strictObject({
  /** Objects that a reset would take, by digest, and sequences by value. */
  state: targetStateSchema,
  /** Rows of each table, where there were any. */
  rows: z.record(z.string(), z.string()),
  /** Number of the transaction that noted it: rows of later ones are somebody else's. */
  transaction: z.string().regex(/^\d+$/),
});
export type LeftBehind = z.infer<typeof leftBehindSchema>;

export type Facts = Pick<TargetFacts, "inventory" | "supabase">;

/** Reads what is in the database now. */
export async function readLeftBehind(client: Client, facts: Facts): Promise<LeftBehind> {
  const number = await client.query("select pg_current_xact_id()::text as transaction");
  const transaction = z.string().parse(number.rows[0]?.transaction);
  const counted = await countRows(client, facts.inventory, transaction);
  const rows = [...counted].filter(([, { all }]) => all !== "0").map(([name, { all }]) => [name, all] as const);
  return { state: stateOf(takeable(facts)), rows: Object.fromEntries(rows), transaction };
}

/** What the platform makes and changes by itself, with its upgrades, is nobody's doing. */
export function takeable({ inventory, supabase }: Facts): Inventory {
  return {
    ...inventory,
    objects: inventory.objects.filter((object) => !staysWithPlatform(object, supabase)),
    sequences: inventory.sequences.filter(({ schema }) => !atOwnPace.has(schema)),
  };
}

/** Every row, and those that a later transaction wrote; tables whose rows are the platform's own books are left out. */
export async function countRows(client: Client, inventory: Inventory, since: string) {
  const counts = new Map<string, { readonly all: string; readonly newer: string }>();
  for (const { schema, name } of inventory.tables) {
    if (bookkeepingReason(schema, name) !== undefined || schema === "lifeboat_staging") continue;
    try {
      // A row keeps the number of the transaction that wrote it, frozen or not (PostgreSQL 9.4 and newer).
      const answer = await client.query(
        `select count(*)::text as all, count(*) filter (where age(xmin) < age($1::text::xid8::xid))::text as newer
           from only ${quoteQualified(schema, name)}`,
        [since],
      );
      const row = z.strictObject({ all: z.string(), newer: z.string() }).parse(answer.rows[0]);
      counts.set(tableName({ schema, name }), row);
    } catch (error) {
      // What this role may not read it has never filled, and a reset would not empty it.
      if (sqlState(error) === "none") throw error;
    }
  }
  return counts;
}

const markerTable = `${stagingSchema}.marker`;

/**
 * What the copy in staging is at this moment. `empty`: as it was when it was marked. `testing`: a run is at work, or one
 * died. `kept`: a proven copy that stays for a while.
 */
export type StagingState = "empty" | "testing" | "kept";

const rowSchema = z.strictObject({
  project_ref: z.string(),
  system_identifier: z.string(),
  database: z.string(),
  marked_at: z.date(),
  state: z.enum(["empty", "testing", "kept"]),
  set_id: z.string().nullable(),
  keep_until: z.date().nullable(),
  left_behind: leftBehindSchema.nullable(),
  /** Since the state was noted, by the database's clock. */
  age: z.number(),
});

/** The row that says: this database is staging, whatever is in it may be dropped. */
export interface Marker {
  readonly projectRef: string;
  readonly identity: DatabaseIdentity;
  readonly markedAt: Date;
  readonly state: StagingState;
  readonly set: string | null;
  readonly keepUntil: Date | null;
  /** What was there when the state was noted; null in a marker of an older version. */
  readonly left: LeftBehind | null;
  /** Since the state was noted; in a marker of an older version since it was marked. */
  readonly ageSeconds: number;
}

/** What the project was when it was marked; a reset leads back to it. */
export interface Baseline {
  readonly inventory: Inventory;
  /** The platform's tables that had rows then, `schema.table`: they are the platform's, and stay. */
  readonly filled: readonly string[];
}

/** The marker of a database; undefined when it has none. */
export async function readMarker(client: Client): Promise<Marker | undefined> {
  const exists = await client.query("select to_regclass($1) is not null as found", [markerTable]);
  if (exists.rows[0]?.found !== true) return undefined;
  const answer = await client.query(
    `select project_ref, system_identifier, database, marked_at, state, set_id, keep_until,
            (to_jsonb(m) ->> 'left_behind')::json as left_behind,
            extract(epoch from now() - coalesce((to_jsonb(m) ->> 'noted_at')::timestamptz, marked_at))::float8 as age
       from ${markerTable} m`,
  );
  const row = rowSchema.safeParse(answer.rows[0]);
  if (!row.success) throw unreadable("its marker is not in the form that this version of Lifeboat writes");
  const { project_ref, system_identifier, database, marked_at, state, set_id, keep_until, left_behind, age } = row.data;
  return {
    projectRef: project_ref,
    identity: { systemIdentifier: system_identifier, database },
    markedAt: marked_at,
    state,
    set: set_id,
    keepUntil: keep_until,
    left: left_behind,
    ageSeconds: age,
  };
}

/** @throws ConfigurationError `marker-unreadable` */
export async function readBaseline(client: Client): Promise<Baseline> {
  const answer = await client.query(`select inventory, filled from ${stagingSchema}.baseline`);
  const row = z
    .strictObject({ inventory: z.string(), filled: z.array(z.string()) })
    .transform(({ inventory, filled }) => ({ inventory: JSON.parse(inventory) as unknown, filled }))
    .pipe(z.strictObject({ inventory: inventorySchema, filled: z.array(z.string()) }))
    .safeParse(answer.rows[0]);
  if (!row.success) throw unreadable("what it was when it was marked cannot be read");
  return row.data;
}

/**
 * Writes the marker and what the database is now, in one transaction; replaces an earlier one. That the database is empty is
 * for the caller to know.
 */
export async function writeMarker(client: Client, projectRef: string, baseline: Baseline): Promise<void> {
  const identity = await readIdentity(client);
  await client.query(
    `begin; create schema if not exists ${stagingSchema};
     revoke all on schema ${stagingSchema} from public;
     drop table if exists ${markerTable}, ${stagingSchema}.baseline;
     create table ${markerTable} (
       project_ref text not null, system_identifier text not null, database text not null,
       marked_at timestamptz not null default now(), state text not null, set_id text, keep_until timestamptz,
       left_behind text, noted_at timestamptz,
       only_one boolean not null default true unique check (only_one));
     create table ${stagingSchema}.baseline (inventory text not null, filled text[] not null);
     alter table ${markerTable} enable row level security;
     alter table ${stagingSchema}.baseline enable row level security;
     revoke all on ${markerTable}, ${stagingSchema}.baseline from public;
     comment on schema ${stagingSchema} is 'Staging of Lifeboat: everything else in this database may be dropped'`,
  );
  await client.query(
    `insert into ${markerTable} (project_ref, system_identifier, database, state) values ($1, $2, $3, 'empty')`,
    [projectRef, identity.systemIdentifier, identity.database],
  );
  await client.query(`insert into ${stagingSchema}.baseline values ($1, $2)`, [
    JSON.stringify(baseline.inventory),
    baseline.filled,
  ]);
  await client.query("commit");
  await setState(client, "empty");
}

/** Notes what the copy is from now on, and what is in the database at this moment. */
export async function setState(
  client: Client,
  state: StagingState,
  more: { readonly set?: string; readonly keepUntil?: Date } = {},
): Promise<void> {
  const left = await readLeftBehind(client, await inspectTarget(client, 0));
  // A marker of an older version has no room for it.
  await client.query(
    `alter table ${markerTable} add column if not exists left_behind text, add column if not exists noted_at timestamptz`,
  );
  await client.query(
    `update ${markerTable} set state = $1, set_id = $2, keep_until = $3, left_behind = $4, noted_at = now()`,
    [state, more.set ?? null, more.keepUntil ?? null, JSON.stringify(left)],
  );
}

function unreadable(why: string): ConfigurationError {
  return new ConfigurationError(
    "marker-unreadable",
    `The database bears Lifeboat's marker of staging, but ${why}.`,
    "Empty the project by hand (or take a new one) and mark it again: `lifeboat test-restore --mark-staging <ref>`.",
  );
}
