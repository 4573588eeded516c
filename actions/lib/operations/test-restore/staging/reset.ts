import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { isManagedSchema, isPlatformObject, notesSchema, plantedRowTable } from "../../../postgres/platform-owned.ts";
import type { IncidentGate } from "../../../vault/incident/state.ts";
import { occupants } from "../../restore/gate/occupants.ts";
import { settleDefaultPrivileges, settleGrants, settleOwners } from "../../restore/settle/rights.ts";
import { joinOwners, settleMemberships, settleSettings } from "../../restore/settle/roles.ts";
import { attempt, attemptAgain } from "../../target/sessions.ts";
import { inspectTarget, type TargetFacts } from "../../target/target.ts";
import { readBaseline } from "./marker.ts";
import { planRemovals, rolesToDrop, settingResets, tablesToEmpty } from "./reset-plan.ts";

export interface ResetResult {
  /** Objects and roles that were taken away. */
  readonly removed: number;
  /** What would not go and is in nobody's way, e.g. an extension that only the platform may drop. */
  readonly left: readonly string[];
}

/**
 * Makes staging what it was when it was marked: what was made since goes, rows of the platform's tables go, rights and
 * settings are put back; the marker stays. Every step can be done again, so a run that was killed in it is followed by one
 * that does it whole.
 *
 * @param gate asked before the first thing goes, e.g. whether an incident is on
 * @throws OperationError `reset-incomplete` with the names of what a restore would mix with
 */
export async function resetStaging(client: Client, log: Log, gate?: IncidentGate): Promise<ResetResult> {
  await gate?.("staging");
  const baseline = await readBaseline(client);
  const facts = await inspectTarget(client, 0);
  await unscheduleJobs(client);
  // Owners are roles that a restore has made: to drop what is theirs, the session must be able to act for them.
  await joinOwners(client, facts.inventory, facts);
  const removed = await removeAll(client, baseline.inventory, facts, log);
  // Only now: an event trigger that forbids DROP has gone first.
  await client.query(`drop schema if exists ${notesSchema} cascade`);
  await client.query(`drop table if exists ${plantedRowTable}`);
  const rows = await emptyTables(client, tablesToEmpty(facts.inventory, baseline.filled, facts.supabase));
  await putBack(client, baseline.inventory, facts);
  const roles = await dropRoles(client, baseline.inventory, facts);
  const after = await inspectTarget(client, 0);
  const remaining = planRemovals(baseline.inventory, after.inventory, facts.supabase).map(({ what }) => what);
  const inTheWay = [
    ...(await occupants(client, after, { filled: baseline.filled })),
    ...remaining.filter((what) => /^(policy|trigger|event trigger|publication|schema) /.test(what)),
    ...rows.map((name) => `rows in ${name}`),
  ];
  if (inTheWay.length > 0) throw incomplete([...new Set(inTheWay)]);
  const left = [...remaining, ...roles.left.map((name) => `role ${name}`)];
  if (left.length > 0) log.info(`Left in staging, and in nobody's way: ${left.join(", ")}.`);
  return { removed: removed + roles.dropped, left };
}

/** Drops one by one, and again as long as that gets further. */
async function removeAll(client: Client, baseline: Inventory, facts: TargetFacts, log: Log): Promise<number> {
  const planned = planRemovals(baseline, facts.inventory, facts.supabase);
  const track = log.track("reset", { bytes: 0, items: planned.length });
  const refused = await attemptAgain(client, planned, ({ sql }) => sql, goneAlready);
  track.advance({ items: planned.length - refused.size });
  track.end(refused.size === 0 ? "done" : "failed");
  return planned.length - refused.size;
}

/** What went with another by CASCADE is gone already: undefined table, object, function, schema. */
const goneAlready = new Set(["42P01", "42704", "42883", "3F000"]);

/** Rights, default privileges, memberships and settings as they were. */
async function putBack(client: Client, baseline: Inventory, facts: TargetFacts): Promise<void> {
  const leave = (object: Inventory["objects"][number]) => facts.supabase && isPlatformObject(object);
  await settleOwners(client, baseline, await readInventory(client), leave);
  const present = await readInventory(client);
  await settleGrants(client, baseline, present, facts.platform?.against(baseline));
  await settleDefaultPrivileges(client, baseline, present);
  for (const { identity, comment } of otherComments(baseline, present)) {
    await attempt(client, `comment on schema ${identity} is ${comment === null ? "null" : quoteLiteral(comment)}`);
  }
  for (const { sql } of settingResets(baseline, present)) await attempt(client, sql);
  await settleSettings(client, baseline, { ...facts, inventory: present });
  await settleMemberships(client, baseline, facts);
}

/** Schemas that stay, `public` above all, and are described otherwise by now. */
function otherComments(baseline: Inventory, present: Inventory): Inventory["objects"] {
  const now = byKey(present.objects);
  return baseline.objects.filter((object) => {
    const twin = now.get(objectKey(object));
    return object.kind === "schema" && twin !== undefined && twin.comment !== object.comment;
  });
}

/** A role goes with what it may do in this database; one that another database knows stays. */
async function dropRoles(
  client: Client,
  baseline: Inventory,
  facts: TargetFacts,
): Promise<{ dropped: number; left: string[] }> {
  const left: string[] = [];
  const roles = rolesToDrop(baseline, facts.inventory, facts.role);
  for (const name of roles) {
    const role = quoteIdentifier(name);
    const how = facts.major >= 16 ? " with inherit true, set true" : "";
    if (!facts.superuser) await attempt(client, `grant ${role} to ${quoteIdentifier(facts.role)}${how}`);
    await attempt(client, `drop owned by ${role} cascade`);
  }
  for (const name of roles) {
    if ((await attempt(client, `drop role if exists ${quoteIdentifier(name)}`)) !== undefined) left.push(name);
  }
  return { dropped: roles.length - left.length, left };
}

const shown = 12;

function incomplete(what: readonly string[]): OperationError {
  const rest = what.length > shown ? ` and ${what.length - shown} more` : "";
  return new OperationError(
    "reset-incomplete",
    `Staging could not be emptied: ${what.slice(0, shown).join(", ")}${rest} would not go.`,
    "Drop it in the SQL editor of the staging project (its platform may have to), then run again.",
  );
}

/** Tables of the platform that hold rows now, `schema.table`: what a new project comes with. */
export async function filledTables(client: Client, inventory: Inventory): Promise<string[]> {
  const filled: string[] = [];
  for (const table of inventory.tables) {
    if (isManagedSchema(table.schema) && (await hasRows(client, table))) filled.push(tableName(table));
  }
  return filled;
}

type Table = { readonly schema: string; readonly name: string };

const qualified = ({ schema, name }: Table): string => quoteQualified(schema, name);

/**
 * Empties tables of the platform: by TRUNCATE where the role may, which also gives the space back, else by DELETE, with
 * triggers off (storage.protect_delete refuses otherwise; supabase/storage, migration 0050) and with the setting that this
 * trigger asks for.
 *
 * @returns names of tables that still have rows
 */
export async function emptyTables(client: Client, groups: ReadonlyMap<string, readonly Table[]>): Promise<string[]> {
  const left: string[] = [];
  for (const tables of groups.values()) {
    const full: Table[] = [];
    for (const table of tables) if (await hasRows(client, table)) full.push(table);
    if (full.length === 0) continue;
    // All of the group, full or not: TRUNCATE refuses a table that another one outside of the statement refers to.
    const mine = await mayTruncate(client, tables);
    if (full.every((table) => mine.includes(table))) {
      if ((await attempt(client, `truncate ${mine.map(qualified).join(", ")}`)) === undefined) continue;
    }
    for (const table of full) {
      // What the role may not delete, no restore has put there.
      if (!(await mayDelete(client, table))) continue;
      await attempt(client, deleteQuietly(table));
      if (await hasRows(client, table)) left.push(tableName(table));
    }
  }
  return left;
}

function deleteQuietly(table: Table): string {
  return `begin; set local session_replication_role = replica;
    set local storage.allow_delete_query = 'true'; delete from ${qualified(table)}; commit`;
}

/** False also where the role may not look, and of a table that went with its extension. */
export async function hasRows(client: Client, table: Table): Promise<boolean> {
  const readable = await client.query(
    `select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [table.schema, table.name],
  );
  if (readable.rows[0]?.readable !== true) return false;
  const answer = await client.query(`select exists (select from only ${qualified(table)}) as filled`);
  return answer.rows[0]?.filled === true;
}

async function mayDelete(client: Client, table: Table): Promise<boolean> {
  const answer = await client.query("select has_table_privilege($1, 'delete') as may", [qualified(table)]);
  return answer.rows[0]?.may === true;
}

async function mayTruncate(client: Client, tables: readonly Table[]): Promise<Table[]> {
  const answer = await client.query(
    `select place::int from unnest($1::text[]) with ordinality as t(name, place) where has_table_privilege(to_regclass(t.name), 'truncate')`,
    [tables.map(qualified)],
  );
  const places = z.array(z.strictObject({ place: z.number() })).parse(answer.rows);
  return places.flatMap(({ place }) => tables[place - 1] ?? []);
}

/** Takes every cron job of this role away, by pg_cron's own function: nobody else may write `cron.job`. */
export async function unscheduleJobs(client: Client): Promise<void> {
  const there = await client.query("select to_regclass('cron.job') is not null as there");
  if (there.rows[0]?.there !== true) return;
  const answer = await client.query("select jobid::text as id, jobname as name from cron.job");
  const jobs = z.array(z.strictObject({ id: z.string(), name: z.string().nullable() })).parse(answer.rows);
  for (const { id, name } of jobs) {
    const byNumber = await attempt(client, `select cron.unschedule(${id}::bigint)`);
    if (byNumber !== undefined && name !== null) await attempt(client, `select cron.unschedule(${quoteLiteral(name)})`);
  }
}
