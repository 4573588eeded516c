import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { TableContent } from "../../../postgres/inventory/model.ts";
import { isManagedSchema, plantedRowTable as planted } from "../../../postgres/platform-owned.ts";
import { speakingTables } from "../../restore/quiet/may-call-out.ts";
import type { ProvenTarget } from "../../target/target.ts";
import type { Candidate, Defect, SeededChoice } from "./defect.ts";

/** How a value of a type is changed, and changed back: `$` is the column. */
const changes = new Map<string, { readonly there: string; readonly back: string }>([
  ["text", { there: "$ || '.'", back: "left($, -1)" }],
  ["varchar", { there: "$ || '.'", back: "left($, -1)" }],
  ["int4", { there: "$ + 1", back: "$ - 1" }],
  ["int8", { there: "$ + 1", back: "$ - 1" }],
  ["numeric", { there: "$ + 1", back: "$ - 1" }],
  ["bool", { there: "not $", back: "not $" }],
  ["timestamptz", { there: "$ + interval '1 second'", back: "$ - interval '1 second'" }],
]);

/** Among how many of a table's first rows one is chosen. */
const pool = 500;

/** One row was really taken: a rule of the table, or its row security, may let none be. */
const took = `(select count(*) = 1 from ${planted})`;

/** Nobody's trigger or foreign key takes notice, and the copy stays otherwise as it is. */
const quiet = "set local session_replication_role = replica";

/**
 * Tables of the user's whose rows the comparison reads, and that have some; not those whose rows call out as they are
 * written, and what guards the queue of pg_net sleeps in replica mode. Pure.
 */
function tablesWithRows({ source, facts, measured }: ProvenTarget): TableContent[] {
  const speaking = speakingTables(source);
  return source.tables.filter(
    (table) =>
      table.extension === null &&
      !speaking.has(tableName(table)) &&
      table.columns.length > 0 &&
      measured.has(tableName(table)) &&
      table.fingerprint !== null &&
      table.fingerprint.rows !== "0" &&
      !(facts.supabase && isManagedSchema(table.schema)),
  );
}

export function changedValues(client: Client, target: ProvenTarget, choice: SeededChoice): Candidate[] {
  return tablesWithRows(target).map((table) => () => changeValue(client, table, choice));
}

export function lostRows(client: Client, target: ProvenTarget, choice: SeededChoice): Candidate[] {
  return tablesWithRows(target).map((table) => () => loseRow(client, table, choice));
}

async function changeValue(client: Client, table: TableContent, choice: SeededChoice): Promise<Defect | undefined> {
  const columns = await changeableColumns(client, table);
  const column = columns[choice.below(columns.length)];
  const change = column === undefined ? undefined : changes.get(column.type);
  if (column === undefined || change === undefined) return undefined;
  const name = quoteIdentifier(column.name);
  const put = (formula: string) => formula.replaceAll("$", name);
  const row = await chooseRow(
    client,
    table,
    choice,
    `${name} is not null and (${put(change.there)})::text collate "C" <> ${name}::text collate "C"`,
  );
  if (row === undefined) return undefined;
  const from = quoteQualified(table.schema, table.name);
  // Where the row lies after the change is noted, so that the very same is changed back.
  return {
    kind: "changed value",
    expected: { kind: "table", identity: tableName(table), aspect: "rows" },
    plant: [
      quiet,
      `create table ${planted} (place tid)`,
      `with changed as (update only ${from} set ${name} = ${put(change.there)} where ctid = '${row}' returning ctid)
       insert into ${planted} select ctid from changed`,
    ],
    undo: [
      quiet,
      `update only ${from} set ${name} = ${put(change.back)} where ctid = (select place from ${planted})`,
      `drop table ${planted}`,
    ],
    stands: took,
  };
}

async function loseRow(client: Client, table: TableContent, choice: SeededChoice): Promise<Defect | undefined> {
  if (!(await mayChange(client, table))) return undefined;
  const row = await chooseRow(client, table, choice, "true");
  if (row === undefined) return undefined;
  const from = quoteQualified(table.schema, table.name);
  const columns = table.columns.map(quoteIdentifier).join(", ");
  return {
    kind: "lost row",
    expected: { kind: "table", identity: tableName(table), aspect: "rows" },
    plant: [
      quiet,
      `create table ${planted} as select ${columns} from only ${from} where ctid = '${row}'`,
      `delete from only ${from} where ctid = '${row}'`,
    ],
    undo: [
      quiet,
      `insert into ${from} (${columns}) overriding system value select ${columns} from ${planted}`,
      `drop table ${planted}`,
    ],
    stands: `${took} and not exists (select from only ${from} where ctid = '${row}')`,
  };
}

async function chooseRow(
  client: Client,
  table: TableContent,
  choice: SeededChoice,
  condition: string,
): Promise<string | undefined> {
  const most = Math.min(pool, Number(table.fingerprint?.rows ?? "0"));
  const from = quoteQualified(table.schema, table.name);
  const answer = await client.query(
    `select ctid::text as place from (select * , ctid from only ${from} limit ${most}) t where ${condition} order by ctid`,
  );
  const rows = z.array(z.object({ place: z.string() })).parse(answer.rows);
  return rows[choice.below(rows.length)]?.place;
}

/** Triggers that fire even so, and rules, would change more than was meant. */
const undisturbed = `
  has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')
  and not exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgenabled in ('A', 'R'))
  and not exists (select from pg_rewrite r where r.ev_class = c.oid)`;

async function mayChange(client: Client, table: TableContent): Promise<boolean> {
  const answer = await client.query(
    `select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and ${undisturbed}`,
    [table.schema, table.name],
  );
  return answer.rowCount === 1;
}

/** Columns of plain types that no key, check or unique index looks at. */
async function changeableColumns(
  client: Client,
  table: TableContent,
): Promise<{ readonly name: string; readonly type: string }[]> {
  const answer = await client.query(
    `select a.attname as name, t.typname as type
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
       join pg_type t on t.oid = a.atttypid and t.typnamespace = 'pg_catalog'::regnamespace
      where n.nspname = $1 and c.relname = $2 and not c.relispartition and ${undisturbed}
        and t.typname = any ($3) and a.atttypmod = -1
        and not exists (select from pg_constraint k where k.conrelid = c.oid and a.attnum = any (k.conkey))
        and not exists (select from pg_constraint k where k.confrelid = c.oid and a.attnum = any (k.confkey))
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey))
      order by a.attnum`,
    [table.schema, table.name, [...changes.keys()]],
  );
  return z.array(z.strictObject({ name: z.string(), type: z.string() })).parse(answer.rows);
}
