import type { Client } from "pg";
import { OperationError, sqlState } from "../../../base/errors.ts";
import { doInBatches } from "../../../base/flow/bounded.ts";
import type { Log } from "../../../base/log.ts";
import { quoteIdentifier, quoteLiteral, tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { isManagedSchema, isPlatformObject, notesSchema, plantedRowTable } from "../../../postgres/platform-owned.ts";
import { occupants } from "../../restore/gate/occupants.ts";
import { settleDefaultPrivileges, settleGrants, settleOwners } from "../../restore/settle/rights.ts";
import { joinOwners, settleMemberships, settleSettings } from "../../restore/settle/roles.ts";
import { attempt } from "../../target/attempt.ts";
import { inspectTarget, type TargetFacts } from "../../target/target.ts";
import { readBaseline } from "./marker.ts";
import { planRemovals, rolesToDrop, settingResets, tablesToEmpty } from "./reset-plan.ts";
import { emptyTables, hasRows, unscheduleJobs } from "./reset-rows.ts";

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
 * @throws OperationError `reset-incomplete` with the names of what a restore would mix with
 */
export async function resetStaging(client: Client, log: Log): Promise<ResetResult> {
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

/** Drops in batches, one by one where a batch fails, and again as long as that gets further. */
async function removeAll(client: Client, baseline: Inventory, facts: TargetFacts, log: Log): Promise<number> {
  const planned = planRemovals(baseline, facts.inventory, facts.supabase);
  const track = log.track("reset", { bytes: 0, items: planned.length });
  const refused = await doInBatches(planned, {
    async together(batch) {
      // Policies and triggers of the platform's tables are lent to us by the statement's own text: one at a time.
      if (batch.some(({ what }) => /^(policy|trigger|event trigger|publication) /.test(what))) return false;
      if ((await attempt(client, batch.map(({ sql }) => sql).join(";\n"))) !== undefined) return false;
      track.advance({ items: batch.length });
      return true;
    },
    async alone({ sql }) {
      // What went with another by CASCADE is gone already: undefined table, object, function, schema.
      if (!(await worked(client, sql))) return "refused";
      track.advance({ items: 1 });
      return undefined;
    },
  });
  track.end(refused.size === 0 ? "done" : "failed");
  return planned.length - refused.size;
}

const goneAlready = new Set(["42P01", "42704", "42883", "3F000"]);

async function worked(client: Client, sql: string): Promise<boolean> {
  try {
    await client.query(sql);
    return true;
  } catch (error) {
    const state = sqlState(error);
    if (state === "none") throw error;
    return goneAlready.has(state);
  }
}

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
  await settleMemberships(client, baseline, present, facts.supabase, facts.role);
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
