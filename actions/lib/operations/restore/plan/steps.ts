import type { Client } from "pg";
import type { TocEntry } from "../../../postgres/dump/archive/toc.ts";
import { bare, parseQualified, quoteIdentifier } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { namesakesAside, pathStatement } from "../../../postgres/inventory/name-lookup.ts";
import { objectKey } from "../../../postgres/inventory/object-query.ts";
import { isRelation } from "../../../postgres/inventory/read.ts";
import { assignment } from "../../../postgres/inventory/roles.ts";
import { attemptAgain } from "../../target/sessions.ts";

/** One entry of the schema dump that will be run, with the object that it makes where it makes one. */
export interface Step {
  readonly entry: TocEntry;
  readonly object: InventoryObject | undefined;
  /** Functions and procedures that it calls, as far as the dump says so. */
  readonly calls?: readonly InventoryObject[];
}

/** A dump's entries by their number. */
export type Entries = ReadonlyMap<number, TocEntry>;

export const tableKinds = new Set(["FOREIGN TABLE", "MATERIALIZED VIEW", "TABLE"]);

/** The entries that one depends on directly. */
export function dependenciesOf(entry: TocEntry, entries: Entries): TocEntry[] {
  return entry.dependencies.map((id) => entries.get(id)).filter((one) => one !== undefined);
}

/** The table that an index or a key is on. */
export function tableOf(entry: TocEntry, entries: Entries): TocEntry | undefined {
  return dependenciesOf(entry, entries).find((one) => tableKinds.has(one.desc));
}

/** Steps that did not work, with the reason in our words: an SQLSTATE and its meaning, never the server's text. */
export type StepFailures = Map<Step, string>;

export type AfterStep = (step: Step) => string | undefined;

/**
 * Settings under which pg_dump's statements mean what they say. None of them waits for the disk: what comes later does (rows, the
 * end of the restore), and the server writes all in one order, so that a note is never there without what it notes.
 */
const dumpSession = `
  set synchronous_commit = off;
  set search_path = '';
  set check_function_bodies = off;
  set standard_conforming_strings = on;
  set client_min_messages = error;
  set row_security = off;
  set default_tablespace = '';
  set xmloption = content`;

/** Opens a session in which pg_dump's statements mean what they say. */
export async function dumpClient(connect: () => Promise<Client>): Promise<Client> {
  const client = await connect();
  await client.query(dumpSession);
  return client;
}

/**
 * Whether indexes or statistics call something of people's own; a condition.
 * @param table of them, as an expression, or of any
 */
export const callsOwn = (table?: string): string => `exists (
  select from pg_catalog.pg_depend d
    left join pg_catalog.pg_index i on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and i.indexrelid = d.objid
    left join pg_catalog.pg_statistic_ext s on d.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass and s.oid = d.objid
   where d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
     and d.refobjid >= 16384 and coalesce(i.indrelid, s.stxrelid) ${table === undefined ? "is not null" : `= ${table}`})`;

/**
 * A foreign key is checked by a query, and planning one runs what is immutable in the indexes and statistics of its tables, with
 * constants, as the role that plans (util/clauses.c, evaluate_function); so does looking at an index in order to attach it (index.c,
 * BuildIndexInfo). That is anybody's code, with the rights of the role that restores. So nothing of people's own is immutable
 * in the same transaction.
 */
export function withNothingFolded(statement: string): string {
  const change = (to: "volatile" | "immutable") => `
    for f in select unnest from pg_catalog.unnest(pg_catalog.current_setting('lifeboat.folded')::regprocedure[]) loop
      execute pg_catalog.format('alter function %s ${to}', f);
    end loop;`;
  const begin = `do $lifeboat$ declare f regprocedure; begin
    perform pg_catalog.set_config('lifeboat.folded', '{}', true);
    if not ${callsOwn()} then return; end if;
    perform pg_catalog.pg_advisory_xact_lock(${foldedLock});
    perform pg_catalog.set_config('lifeboat.folded', coalesce(pg_catalog.array_agg(p.oid)::text, '{}'), true)
       from pg_catalog.pg_proc p
      where p.oid >= 16384 and p.provolatile = 'i' and p.prokind = 'f' and pg_catalog.pg_has_role(p.proowner, 'usage')
        and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                         and d.objid = p.oid and d.deptype = 'e');${change("volatile")}
  end $lifeboat$;\n`;
  return `${begin}${statement.replace(/;?\s*$/, ";")}
  do $lifeboat$ declare f regprocedure; begin${change("immutable")} end $lifeboat$;\n`;
}

/** Two sessions that do it at once would fail each other. */
const foldedLock = 4_871_203_955;

/** The statement of one step, under the access method that its table had. */
export function statementOf(step: Step): string {
  const { entry } = step;
  if (entry.desc === "FK CONSTRAINT" || entry.desc === "INDEX ATTACH") return withNothingFolded(entry.defn);
  const method = entry.tableam === null || entry.tableam === "" ? "heap" : entry.tableam;
  const table = entry.desc === "TABLE" || entry.desc === "MATERIALIZED VIEW";
  const before = table ? `set default_table_access_method = '${method.replaceAll("'", "''")}';\n` : "";
  return `${before}${entry.defn.replace(/;?\s*$/, ";")}\n`;
}

/**
 * Runs steps in order, see `attemptAgain`.
 *
 * @param afterStep a statement to be run with the step, in the same transaction
 * @param path search path in the place of the empty one
 */
export function runSteps(
  client: Client,
  steps: readonly Step[],
  afterStep: AfterStep = () => undefined,
  path?: string,
): Promise<StepFailures> {
  const before = path === undefined ? "" : pathStatement(path);
  return attemptAgain(client, steps, (step) => before + statementOf(step) + (afterStep(step) ?? ""));
}

/** SQLSTATE of a call that more than one function would answer. */
export const ambiguous = "42725";

/**
 * A step with a call that a namesake made ambiguous. An archive says which function the step depends on, plain SQL does not.
 * The others bear another name for the length of the transaction. Undefined when it calls none that has a namesake. Pure.
 */
export function withoutNamesakes(step: Step, source: Pick<Inventory, "objects">): string | undefined {
  const aside = namesakesAside(step.entry.defn, source, step.calls);
  if (aside.length === 0) return undefined;
  return [...aside.map(({ away }) => away), statementOf(step), ...aside.map(({ back }) => back)].join("");
}

/** Failures by object key, for those steps that make an object; the comparison finds the results of the others. */
export function failuresByKey(...all: readonly StepFailures[]): Map<string, string> {
  const byKey = new Map<string, string>();
  for (const failures of all) {
    for (const [step, reason] of failures) if (step.object !== undefined) byKey.set(objectKey(step.object), reason);
  }
  return byKey;
}

/**
 * A statement that PostgreSQL 17 runs under a search path of its own, whatever the session's is (CREATE INDEX, REFRESH;
 * release notes of 17, "safe search_path"): the user's functions that `text` names get the path as their own for the length
 * of the transaction. Those that they call inherit it. Undefined when it names none. Pure.
 */
export function lendingPath(
  statement: string,
  text: string,
  source: Pick<Inventory, "objects">,
  path: string,
): string | undefined {
  const functions = source.objects.filter(
    ({ kind, extension, identity, definition }) =>
      kind === "function" &&
      extension === null &&
      text.includes(identity.slice(0, identity.indexOf("(") + 1)) &&
      !/^ SET search_path /m.test(definition),
  );
  if (functions.length === 0) return undefined;
  const each = (what: string) => functions.map(({ identity }) => `ALTER FUNCTION ${identity} ${what};\n`).join("");
  return `${each(`SET ${assignment(`search_path=${path}`)}`)}${statement.replace(/;?\s*$/, ";")}\n${each("RESET search_path")}`;
}

/** All definitions whose functions the planner may look into, whatever a statement itself names. Pure. */
export function definitionsPlanned({ objects }: Pick<Inventory, "objects">): string {
  return objects
    .filter(({ kind }) => kind === "index" || kind === "statistics object")
    .map(({ definition }) => definition)
    .join("\n");
}

/**
 * The same for tables that a statement's functions name in a text (`ts_stat('select … from documents')`): that search path
 * has pg_temp in it, so a temporary view stands for each table of the path's schemas as long as the transaction lasts. Pure.
 */
export function namesAsTemporary(statement: string, source: Pick<Inventory, "objects">, path: string): string {
  const schemas = path.split(",").map((name) => bare(name.trim()));
  const found = new Map<string, string>();
  for (const schema of schemas) {
    for (const { kind, identity } of source.objects.filter((one) => one.schema === schema && one.extension === null)) {
      const parts = isRelation(kind) ? parseQualified(identity) : undefined;
      if (parts !== undefined && !found.has(parts.name)) found.set(parts.name, identity);
    }
  }
  const names = [...found.keys()].map(quoteIdentifier);
  const create = [...found].map(
    ([name, of]) =>
      // For the owner of what is filled, with the rights that are his.
      `CREATE TEMPORARY VIEW ${quoteIdentifier(name)} WITH (security_invoker) AS SELECT * FROM ${of};\n` +
      `GRANT SELECT ON pg_temp.${quoteIdentifier(name)} TO PUBLIC;\n`,
  );
  const drop = names.map((name) => `DROP VIEW pg_temp.${name};\n`);
  return [...create, statement, ...drop].join("");
}
