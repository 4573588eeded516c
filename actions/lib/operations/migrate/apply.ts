import type { Client } from "pg";
import { describeCode, LifeboatError, OperationError, sqlState } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import type { MigrationPlan, PendingMigration } from "../../policy/migrations.ts";
import { quoteQualified, tableName } from "../../postgres/identifier.ts";
import { historyTable } from "./history.ts";

/** One that this run has applied. */
export interface Applied {
  readonly file: string;
  readonly version: string;
  readonly statements: number;
}

interface Applying {
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Called behind each statement, in its transaction. @param place of the statement in the file, from 1 */
  readonly look?: (one: PendingMigration, place: number) => Promise<void>;
}

const history = quoteQualified(historyTable.schema, historyTable.name);

/** What the CLI makes before its first migration (pkg/migration/history.go). */
const makeHistory = `
  create schema if not exists ${historyTable.schema};
  create table if not exists ${history} (version text not null primary key);
  alter table ${history} add column if not exists statements text[];
  alter table ${history} add column if not exists name text`;

/** Any number: only who applies migrations takes it. */
const applying = 1_730_926_401;

/**
 * Applies what a plan says, in its order: each file as one transaction with its row in the history, so that one that fails or
 * is killed leaves nothing (but numbers that it has taken from sequences) and a later run goes on with it. As the Supabase CLI does it, settings are reset before each file and
 * a lock is waited for four seconds; unlike there, statements may take as long as they need.
 *
 * @param plan that refuses nothing
 * @param client a session of its own, as the role that the CLI would use; its settings are lost
 * @throws OperationError `migration-failed` (which file, which statement, SQLSTATE and object), `migrations-at-once`
 */
export async function applyPlan(
  client: Client,
  plan: MigrationPlan,
  { log, signal, look }: Applying,
): Promise<Applied[]> {
  if (plan.pending.length === 0) return [];
  const taken = await client.query("select pg_catalog.pg_try_advisory_lock($1) as taken", [applying]);
  if (taken.rows[0]?.taken !== true) {
    throw new OperationError(
      "migrations-at-once",
      "Another run is applying migrations to this database.",
      "Wait until it has ended, then run the same again: what it has applied is not applied twice.",
    );
  }
  try {
    await client.query(`begin; set local lock_timeout = '4s'; ${makeHistory}; commit`);
    const done: Applied[] = [];
    for (const one of plan.pending) {
      signal?.throwIfAborted();
      log.info(`Migration ${one.file}: ${countOf(one.runs.length, "statement")}.`);
      await applyOne(client, one, look);
      done.push({ file: one.file, version: one.version, statements: one.runs.length });
    }
    return done;
  } finally {
    await client.query("rollback; reset all; select pg_catalog.pg_advisory_unlock_all()").catch(() => undefined);
  }
}

async function applyOne(client: Client, one: PendingMigration, look: Applying["look"]): Promise<void> {
  let [place, what] = [0, "the beginning of its transaction"];
  try {
    // What a former file has set must not hold for this one.
    await client.query("reset all");
    await client.query("reset session authorization");
    await client.query("set lock_timeout = '4s'");
    await client.query("set statement_timeout = 0");
    // As the plan has read the file: a setting of the restored database must not give its strings another end.
    await client.query("set standard_conforming_strings = on");
    if (!one.alone) await client.query("begin");
    const transaction = one.alone ? undefined : await transactionOf(client);
    for (const { sql, what: head } of one.runs) {
      [place, what] = [place + 1, head];
      // By itself, as the CLI sends it; a text of several would hide which one failed.
      await client.query(sql);
      if (mayChangeSettings.test(head) && !(await readsAsPlanned(client))) throw readsOtherwise(one, place);
      await look?.(one, place);
    }
    what = "its note in the history";
    if (transaction !== undefined && (await transactionOf(client)) !== transaction) throw leftTransaction(one);
    await client.query(`insert into ${history} (version, name, statements) values ($1, $2, $3)`, [
      ...[one.version, one.name, one.statements],
    ]);
    if (!one.alone) await client.query("commit");
  } catch (error) {
    if (error instanceof LifeboatError) throw error;
    throw failed(one, error, place, what);
  }
}

async function transactionOf(client: Client): Promise<string> {
  const answer = await client.query<{ id: string }>("select pg_catalog.pg_current_xact_id()::text as id");
  return answer.rows[0]?.id ?? "";
}

const mayChangeSettings = /^(?:set|reset|select|with|do|call|execute)\b/i;

/** Where text ends is for these two to say. */
async function readsAsPlanned(client: Client): Promise<boolean> {
  const answer = await client.query<{ same: boolean }>(
    `select pg_catalog.current_setting('standard_conforming_strings') = 'on'
        and pg_catalog.current_setting('client_encoding') = 'UTF8' as same`,
  );
  return answer.rows[0]?.same === true;
}

function readsOtherwise({ file, runs }: PendingMigration, place: number): OperationError {
  return new OperationError(
    "migration-failed",
    `Migration ${file} changes how text is read, at statement ${place} of ${runs.length}: what would run after it is not what the plan has read. Nothing of it is in the database, and what came before it is applied.`,
    "Leave standard_conforming_strings and client_encoding as they are in it (E'…' has escapes), then run `lifeboat migrate`: it goes on with this file.",
  );
}

function leftTransaction({ file }: PendingMigration): OperationError {
  return new OperationError(
    "migration-failed",
    `Migration ${file} ended the transaction that it was run in: a part of it may stay, and it is not in the history.`,
    "Take what ends transactions out of it; restore again before it is applied.",
  );
}

function failed(one: PendingMigration, error: unknown, place: number, what: string): OperationError {
  const where = place === 0 ? what : `statement ${place} of ${one.runs.length} (${what})`;
  const left = one.alone
    ? "It runs in no transaction: look whether a part of it is there"
    : "Nothing of it is in the database";
  const lost = sqlState(error) === "none";
  return new OperationError(
    "migration-failed",
    `Migration ${one.file} ${lost ? "broke off" : "refuses"} at ${where}: ${describeCode(error)}${objectOf(error)}. ${left}, and what came before it is applied.`,
    lost
      ? "Run `lifeboat migrate`: it goes on with this file."
      : "Correct the migration, or what it meets in the restored database, then run `lifeboat migrate`: it goes on with this file.",
  );
}

/**
 * The object that an error names in fields of its own. What code raises by itself can put anything there, and the message
 * may quote rows: neither is taken over.
 */
function objectOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const field = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === "string" && value.length > 0 && value.length <= 63 ? value : undefined;
  };
  if (field("routine") === "exec_stmt_raise") return ", raised by code of its own";
  const [schema, table, column, constraint] = [field("schema"), field("table"), field("column"), field("constraint")];
  const parts = [
    table && `table ${tableName({ schema: schema ?? null, name: table })}`,
    column && `column ${column}`,
    constraint && `constraint ${constraint}`,
    field("dataType") && `type ${field("dataType")}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
