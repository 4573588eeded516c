import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, sqlState } from "../../../base/errors.ts";
import { countOf, few } from "../../../base/measures.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, SequenceValue, TableContent } from "../../../postgres/inventory/model.ts";
import { firstRows, type Question, readingPaths } from "../../../postgres/inventory/name-lookup.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { isManagedSchema } from "../../../postgres/platform-owned.ts";
import { refuseWithoutWebhooks } from "../../../supabase/platform/platform.ts";
import { inspectTarget, type TargetFacts } from "../../target/target.ts";
import { rowsBrought } from "../load/load-table.ts";
import { familiesOf, readTargetTables } from "../plan/plan-data.ts";
import type { RestoreTask } from "../plan/run.ts";
import { digestOf, Journal, stateOf, type TargetState } from "../target/journal.ts";
import { refuseOccupied, takeAutomaticRls } from "./occupants.ts";

/** The gates: what the target is, and whether anything is in it that a restore would mix with. */
export async function admit(task: RestoreTask, client: Client, source: Inventory): Promise<TargetFacts> {
  const facts = await inspectTarget(client, source.serverMajor);
  const earlier = await Journal.find(client);
  if (earlier === undefined) {
    await refuseOccupied(client, facts, { roles: source.roles });
    if (facts.supabase) refuseWithoutWebhooks(source, facts.inventory);
    return takeAutomaticRls(client, facts, task);
  }
  earlier.refuseOther(task.open.set);
  await admitResumed(client, earlier, facts.inventory, source);
  task.log.info(`Taking up the interrupted restore of set ${earlier.set}.`);
  // What an earlier run has brought to plain PostgreSQL makes no project of it.
  const plain = earlier.before !== undefined && !("schema auth" in earlier.before.objects);
  return plain ? { ...facts, supabase: false, platform: undefined } : facts;
}

/** A restore takes hours, and its cause of failure a day or two to repair; what is older than that is somebody's project. */
const oldestDays = 7;
const shown = 12;

/**
 * The gates of a restore that is taken up. What was empty once may be a project in use by now: whatever is neither of the
 * set nor was there before, any row or number that somebody else wrote, and any login since, refuses it by name.
 *
 * @throws ConfigurationError `journal-aged`, `target-moved-on`: nothing was written
 */
export async function admitResumed(
  client: Client,
  journal: Journal,
  target: Inventory,
  source: Inventory,
): Promise<void> {
  const days = journal.ageSeconds / 86_400;
  if (days > oldestDays) {
    throw refused(
      "journal-aged",
      `The unfinished restore of set ${journal.set} in the target stopped ${countOf(Math.floor(days), "day")} ago; one is taken up within ${oldestDays} days.`,
    );
  }
  const { before, end } = journal;
  if (before === undefined) {
    throw refused(
      "journal-aged",
      `The unfinished restore of set ${journal.set} was begun by another version of Lifeboat.`,
    );
  }
  const lines = [
    ...movedOn({ before, end }, target, source),
    ...(await writtenSince(client, journal, source)),
    ...(await loginsSince(client, target, journal.ageSeconds, journal.transactions())),
  ];
  if (lines.length === 0) return;
  throw refused(
    "target-moved-on",
    `The target has moved on since the restore of set ${journal.set} stopped: ${few(lines, shown, "; ")}.`,
  );
}

function refused(code: string, message: string): ConfigurationError {
  return new ConfigurationError(
    code,
    `${message} Nothing has been changed.`,
    "Restore into a new project or an empty database. When this one is in use, only take our notes out of it: `lifeboat restore --abandon`.",
  );
}

/** The endpoint writes these when files are restored beside an unfinished database. */
const filesTables = new Set(["storage.buckets", "storage.objects"]);

/** Tables that a run has loaded and that now hold other rows: every row that it brought has its transaction's number. */
async function writtenSince(client: Client, journal: Journal, source: Inventory): Promise<string[]> {
  const ours = journal.transactions();
  const families = familiesOf(source.tables, await readTargetTables(client));
  const alone = source.tables.filter((table) => !families.has(tableName(table)));
  const groups = [
    ...alone.map((table) => ({ name: tableName(table), tables: [table] })),
    ...new Map(
      [...families.values()].map(({ root, leaves }) => [tableName(root), { name: tableName(root), tables: leaves }]),
    ).values(),
  ].flatMap(({ name, tables }) => {
    // Where rows go through a root, each partition may hold what any of them brought.
    const wanted = tables.flatMap((table) => rowsBrought(journal, table));
    if (wanted.length === 0 || wanted.includes(undefined) || filesTables.has(name)) return [];
    return [{ name, tables, wanted: wanted.map((rows) => rows ?? "0") }];
  });
  const questions = groups.flatMap(({ tables }) => tables.map((table) => foreignRows(table, ours)));
  const answers = await firstRows(client, readingPaths(source), questions);
  return groups.flatMap(({ name, tables, wanted }) => {
    const counts = answers.splice(0, tables.length).map((row) => countsSchema.parse(row));
    const counted = counts.filter((one) => one !== undefined);
    const unread = tables.filter((_, at) => counts[at] === undefined);
    if (unread.length > 0) return unread.map((table) => `table ${tableName(table)} can no longer be read`);
    if (counted.some(({ others }) => others !== "0")) return [`rows of ${name} were written`];
    return total(counted.map(({ rows }) => rows)) === total(wanted) ? [] : [`rows of ${name} were deleted`];
  });
}

const total = (counts: readonly string[]): bigint => counts.reduce((sum, one) => sum + BigInt(one), 0n);

const countsSchema = z.strictObject({ rows: z.string(), others: z.string() }).optional();

/** An index whose functions find others by a search path is looked into as the query is planned. */
function foreignRows(table: TableContent, ours: readonly string[]): Question {
  const from = `from only ${quoteQualified(table.schema, table.name)} ${table.filter ?? ""}`;
  const sql = `select count(*)::text as rows, count(*) filter (where xmin::text <> all ($1))::text as others ${from}`;
  return { sql, values: [ours] };
}

/** Where people leave a trace when they use a project. `sessions` keeps its times without a zone, in UTC. */
const traces = [
  { schema: "auth", name: "users", columns: ["created_at", "last_sign_in_at"], what: "somebody signed up or in" },
  { schema: "auth", name: "sessions", columns: ["created_at", "refreshed_at"], what: "somebody signed in" },
  { schema: "auth", name: "refresh_tokens", columns: ["created_at"], what: "a session was renewed" },
  { schema: "auth", name: "audit_log_entries", columns: ["created_at"], what: "the auth server was used" },
] as const;

/**
 * What people left who have used a project in the last `seconds`, by the target's clock.
 * @param ours numbers of the transactions of ours that brought rows, as `xmin` shows them
 */
export async function loginsSince(
  client: Client,
  target: Inventory,
  seconds: number,
  ours: readonly string[] = [],
): Promise<string[]> {
  const lines: string[] = [];
  for (const { schema, name, columns, what } of traces) {
    const table = target.tables.find((one) => one.schema === schema && one.name === name);
    const present = columns.filter((column) => table?.columns.includes(column));
    if (table === undefined || present.length === 0) continue;
    const newer = present
      .map((column) => `${quoteIdentifier(column)} > now() - make_interval(secs => $1)`)
      .join(" or ");
    try {
      const answer = await client.query(
        `select exists (select from only ${quoteQualified(schema, name)} where xmin::text <> all ($2) and (${newer})) as used`,
        [seconds, ours],
      );
      if (answer.rows[0]?.used === true) lines.push(`${what} (${tableName(table)})`);
    } catch (error) {
      if (sqlState(error) === "none") throw error;
      // A role that may not read it has loaded no rows there either.
    }
  }
  return lines;
}

/** What the notes of an earlier run know of the target. */
export interface NotedStates {
  /** Before the earlier run wrote anything. */
  readonly before: TargetState;
  /** When the last run ended by itself; undefined when it broke off or was killed, so that nobody knows how far it was. */
  readonly end: TargetState | undefined;
}

/**
 * What has changed in a target since a restore stopped there, and is not a step towards the set: somebody uses it. Pure.
 *
 * @returns a line each, by name; empty when the restore may go on
 */
export function movedOn(noted: NotedStates, target: Inventory, source: Inventory): string[] {
  return noted.end === undefined ? sinceBrokenOff(noted.before, target, source) : sinceEnd(noted.end, target, source);
}

/** Schemas whose services draw numbers by themselves, and pg_cron's functions while we make jobs. */
export const atOwnPace = new Set(["cron", "net", "realtime", "supabase_functions"]);

/** Everything is as it was, or has become what the set says: a cause was repaired, or something in the way removed. */
function sinceEnd(end: TargetState, target: Inventory, source: Inventory): string[] {
  const now = stateOf(target);
  const wanted = new Map(source.objects.map((object) => [objectKey(object), digestOf(object)]));
  const lines: string[] = [];
  const kept = new Set(source.sequences.filter(({ schema }) => !atOwnPace.has(schema)).map(tableName));
  for (const [key, digest] of Object.entries(end.objects)) {
    const present = now.objects[key];
    if (present === digest || (present !== undefined && present === wanted.get(key))) continue;
    if (present !== undefined) lines.push(`${key} was changed`);
    else if (wanted.has(key)) lines.push(`${key} was dropped`);
  }
  for (const key of Object.keys(now.objects)) {
    if (!(key in end.objects) && !wanted.has(key)) lines.push(`${key} was made`);
  }
  for (const [name, value] of Object.entries(end.sequences)) {
    const present = now.sequences[name];
    if (
      !kept.has(name) ||
      present === undefined ||
      (present.lastValue === value.lastValue && present.isCalled === value.isCalled)
    )
      continue;
    lines.push(`sequence ${name} stood at ${value.lastValue} and stands at ${present.lastValue}`);
  }
  return lines;
}

/** A run that was killed may have made anything of the set, and nothing else. */
function sinceBrokenOff(before: TargetState, target: Inventory, source: Inventory): string[] {
  const wanted = byKey(source.objects);
  const lines = Object.keys(stateOf(target).objects)
    // Those of the restoring role are changed for the time of a restore.
    .filter((key) => !(key in before.objects) && !wanted.has(key) && !key.startsWith("default acl "))
    .map((key) => `${key} was made`);
  const values = new Map(source.sequences.map((one) => [tableName(one), one]));
  for (const one of target.sequences) {
    const name = tableName(one);
    const recorded = values.get(name);
    if (recorded === undefined || atOwnPace.has(one.schema)) continue;
    const begun = before.sequences[name];
    if (same(one, recorded) || (begun !== undefined && same(one, begun)) || (begun === undefined && !one.isCalled))
      continue;
    if (begun === undefined && isManagedSchema(one.schema)) continue;
    lines.push(`sequence ${name} stands at ${one.lastValue}, and the set has ${recorded.lastValue}`);
  }
  return lines;
}

function same(a: Pick<SequenceValue, "lastValue" | "isCalled">, b: Pick<SequenceValue, "lastValue" | "isCalled">) {
  return a.lastValue === b.lastValue && a.isCalled === b.isCalled;
}
