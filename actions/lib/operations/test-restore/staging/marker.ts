import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../../base/errors.ts";
import { type Inventory, inventorySchema } from "../../../postgres/inventory/model.ts";
import { stagingSchema } from "../../../postgres/platform-owned.ts";
import { inspectTarget } from "../../target/target.ts";
import { type DatabaseIdentity, readIdentity } from "./identity.ts";
import { type LeftBehind, leftBehindSchema, readLeftBehind } from "./left-behind.ts";

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
