import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, LifeboatError, sqlState } from "../../base/errors.ts";
import type { Track } from "../../base/log.ts";
import { quoteIdentifier, tableName } from "../../postgres/identifier.ts";
import { keepChosen, makeCondition } from "./condition.ts";
import {
  type Difference,
  damagedRows,
  differingKeys,
  type Expressions,
  expressionsFor,
  goodRows,
  hashColumn,
  liveRows,
  type RowCounts,
} from "./difference.ts";
import { type Choice, type Differing, findDiffering, goodHashes, liveHashes } from "./find-differing.ts";
import type { GoodSide } from "./good-side.ts";
import { allRowsOf, assertTakesFindings, hashOf, type LiveTable, readLiveTable } from "./live-table.ts";
import { comparisonFailed, loadAddresses, loadKeys, loadRows, UnfitValue } from "./load-rows.ts";
import { type ColumnMatch, chooseColumns, chooseKey, matchColumns } from "./match-columns.ts";

export interface DifferenceTask {
  readonly table: { readonly schema: string; readonly name: string };
  readonly good: GoodSide;
  /** A set that was taken after the damage. */
  readonly damaged?: GoodSide | undefined;
  /** What is compared beside the key; all that both sides have by default. */
  readonly columns?: readonly string[] | undefined;
  /** Only rows that it holds for, on one side at least. */
  readonly where?: string | undefined;
  /** Of rows that may be put beside the table for the time of the comparison. */
  readonly mostBytes: number;
  readonly track?: Track;
  /** Takes out of the rows of a side what must not come back, once they are laid beside the table. */
  readonly without?: (client: Client, relation: string, columns: readonly string[]) => Promise<void>;
}

/** What a first attempt has found out. */
interface Known {
  /** Values of columns with another type fit the live table's. */
  readonly fits: boolean;
  readonly keyless?: string;
}

/** The form of the comparison turned out to be another one. */
class Otherwise extends Error {
  readonly known: Partial<Known>;
  constructor(known: Partial<Known>) {
    super("the comparison has to begin anew");
    this.known = known;
  }
}

/** Hashes of keys that may differ, and where the live rows lie that have them. */
const [candidates, addresses] = ["pg_temp.lifeboat_candidates", "pg_temp.lifeboat_at"];

/**
 * Compares and leaves what differs in temporary tables of the session: see `Difference`. The session is in a transaction
 * afterwards that only reads.
 *
 * @param client a session at the live table with the pinned settings, outside of a transaction and used for nothing else
 * @throws ConfigurationError `target-replica`, `target-denied`, `table-unknown`, `columns-differ`; as `makeCondition`, `keepChosen`
 * @throws OperationError `temporary-space`, `comparison-failed`; what the good side throws
 */
export async function prepareDifference(client: Client, task: DifferenceTask): Promise<Difference> {
  let known: Known = { fits: true };
  for (;;) {
    try {
      return await prepare(client, task, known);
    } catch (error) {
      if (error instanceof Otherwise) {
        known = { ...known, ...error.known };
        await client.query("rollback");
        continue;
      }
      if (error instanceof LifeboatError || sqlState(error) === "none") throw error;
      throw comparisonFailed(error, tableName(task.table));
    }
  }
}

async function prepare(client: Client, task: DifferenceTask, known: Known): Promise<Difference> {
  const { good, damaged, where } = task;
  await begin(client);
  const table = await readLiveTable(client, task.table);
  const pieces = [good, damaged].flatMap((side) => side?.pieces.map(({ columns }) => columns) ?? []);
  const all = matchColumns(pieces, good.types, table.columns, known.fits);
  if (all.both.length === 0 && pieces.some((columns) => columns.length > 0)) {
    throw new ConfigurationError(
      "columns-differ",
      `${tableName(table)} of the target has no column that ${good.what} has, too.`,
      "Compare with a set that was made while the table had its present form (`lifeboat list`).",
    );
  }
  const key = known.keyless === undefined ? chooseKey(all.both, table.key, good.key) : null;
  const match = { ...all, both: chooseColumns(all.both, key, task.columns, table) };
  const choice = { key, columns: match.both };
  await assertUnique(client, table, key);
  await createTables(client, table, match, damaged !== undefined);
  if (where !== undefined) await makeCondition(client, table, choice, where);
  await client.query("set transaction read only");
  const differing = await findDiffering(
    (take) => goodHashes(good, choice, take),
    (take) => liveHashes(client, table, choice, take),
    key !== null,
    task.track,
  );
  await loadSides(client, task, hashColumn(table), choice, match, differing);
  await findLiveRows(client, table, choice, differing);
  await client.query(`analyze ${addresses} (hash); analyze ${goodRows} (${quoteIdentifier(hashColumn(table))})`);
  const expressions = expressionsFor(table, key, match.both);
  await go(client, table, "by address");
  await judge(client, choice, expressions);
  await go(client, table, "through");
  const chosen = where === undefined ? undefined : await keepChosen(client, table);
  await go(client, table, "by address");
  await sweep(client, expressions, choice, damaged !== undefined);
  return {
    ...{ table, good, match, key, ...expressions, counts: await countRows(client, differing.liveRows, chosen?.equal) },
    ...(known.keyless !== undefined && { keyless: known.keyless }),
    ...(chosen !== undefined && { chosen: chosen.rows }),
  };
}

async function begin(client: Client): Promise<void> {
  await client.query("begin isolation level repeatable read; set local row_security = off");
  await assertTakesFindings(client);
}

/**
 * How the server comes to the live rows whose addresses are known. It thinks nothing of going to each, and would read the whole table
 * for a few; partitions would each be asked for every row.
 */
async function go(client: Client, { partitioned }: LiveTable, way: "by address" | "through"): Promise<void> {
  if (!partitioned) await client.query(`set local enable_seqscan = ${way === "through" ? "on" : "off"}`);
}

/** A key that the live table does not guarantee is looked at before it is believed. @throws Otherwise */
async function assertUnique(client: Client, table: LiveTable, key: readonly string[] | null): Promise<void> {
  if (key === null || key.join("\0") === table.key?.join("\0")) return;
  const row = `row(${key.map(quoteIdentifier).join(", ")})::text collate "C"`;
  const answer = await client.query<{ found: boolean }>(
    `select exists (select from ${allRowsOf(table)} group by ${row} having count(*) > 1) as found`,
  );
  if (answer.rows[0]?.found === true) throw notUnique(key);
}

function notUnique(key: readonly string[]): Otherwise {
  return new Otherwise({ keyless: `its key (${key.join(", ")}) does not tell all rows apart` });
}

async function createTables(
  client: Client,
  table: LiveTable,
  { both }: ColumnMatch,
  withDamaged: boolean,
): Promise<void> {
  const hash = quoteIdentifier(hashColumn(table));
  const compared = table.columns.filter(({ name }) => both.includes(name));
  const columns = [`${hash} int8`, ...compared.map(({ name, base }) => `${quoteIdentifier(name)} ${base}`)].join(", ");
  await client.query(
    [
      ...[goodRows, ...(withDamaged ? [damagedRows] : [])].map(
        (name) => `create temporary table ${bareName(name)} (${columns})`,
      ),
      `create temporary table ${bareName(candidates)} (hash int8)`,
      `create temporary table ${bareName(differingKeys)}
         (hash int8, kind text, many int8, good tid, relation oid, place tid, writer xid, differs bool[])`,
      `create temporary table ${bareName(addresses)} (hash int8, relation oid, place tid)`,
      `create temporary view ${bareName(liveRows)} as
         select t.tableoid, t.ctid, t.xmin, a.hash as ${hash}, t.*
           from ${addresses} a join ${allRowsOf(table)} t on t.ctid = a.place${table.partitioned ? " and t.tableoid = a.relation" : ""}`,
    ].join(";\n"),
  );
}

const bareName = (name: string): string => name.replace("pg_temp.", "");

/** @throws Otherwise when a value does not fit a column that has another type now */
async function loadSides(
  client: Client,
  { good, damaged, mostBytes, without }: DifferenceTask,
  hash: string,
  choice: Choice,
  match: ColumnMatch,
  { keys }: Differing,
): Promise<void> {
  if (keys?.size === 0) return;
  try {
    for (const [side, into] of [[good, goodRows], ...(damaged ? [[damaged, damagedRows] as const] : [])] as const) {
      await loadRows(client, into, hash, side, choice, keys, mostBytes);
      await without?.(client, into, choice.columns);
      // A value may have another text under the live table's type: 1.50 becomes 1.5.
      const [kept, now] = [quoteIdentifier(hash), hashOf(choice.key ?? choice.columns)];
      await client.query(`update ${into} set ${kept} = ${now} where ${kept} <> ${now}`);
    }
  } catch (error) {
    if (!(error instanceof UnfitValue)) throw error;
    if (match.retyped.some(({ compared }) => compared)) throw new Otherwise({ fits: false });
    throw new ConfigurationError(
      "columns-differ",
      `A value of ${good.what} does not fit the columns of the live table.`,
      "Compare with a set that was made while the table had its present form (`lifeboat list`).",
    );
  }
}

async function findLiveRows(client: Client, table: LiveTable, choice: Choice, found: Differing): Promise<void> {
  if (found.addresses !== undefined) await loadAddresses(client, addresses, found.addresses);
  else if (found.keys === undefined || found.keys.size > 0) {
    const hash = hashOf(choice.key ?? choice.columns, "t");
    const only = found.keys === undefined ? "" : `where exists (select from ${candidates} c where c.hash = ${hash})`;
    if (found.keys !== undefined) await loadKeys(client, candidates, found.keys);
    await client.query(
      `insert into ${addresses} select ${hash}, t.tableoid, t.ctid from ${allRowsOf(table)} t ${only}`,
    );
  }
}

/**
 * Compares the rows that may differ with one another, under the types of the live table.
 * @throws Otherwise when two good rows have one key, or two keys one hash: they cannot be told apart by it
 */
async function judge(client: Client, { key, columns }: Choice, expressions: Expressions): Promise<void> {
  const { hash, sameKey, sameCell } = expressions;
  const [good, live] = [hash("g"), hash("l")];
  if (key === null) {
    await client.query(
      `insert into ${differingKeys}
       select hash, case when sum(many) > 0 then 'missing' else 'added' end, abs(sum(many))
         from (select ${good} as hash, 1 as many from ${goodRows} g union all select ${live}, -1 from ${liveRows} l) both_sides
        group by hash having sum(many) <> 0`,
    );
    return;
  }
  const differs = columns.map((column) => `not ${sameCell("g", "l", column)}`).join(", ");
  await client.query(
    `insert into ${differingKeys}
     select hash, kind, 1, good, relation, place, writer, differs from (
       select ${good} as hash, g.ctid as good, l.tableoid as relation, l.ctid as place, l.xmin as writer,
              case when l.ctid is null then 'missing' when ${sameKey("g", "l")} then 'changed' else 'unlike' end as kind,
              case when l.ctid is not null then array[${differs}] end as differs
         from ${goodRows} g left join ${liveRows} l on ${good} = ${live} offset 0) pairs
      where kind <> 'changed' or true = any(differs)
     union all
     select ${live}, 'added', 1, null, l.tableoid, l.ctid, l.xmin, null
       from ${liveRows} l where not exists (select from ${goodRows} g where ${good} = ${live})`,
  );
  const answer = await client.query<{ found: boolean }>(
    `select (select count(*) from (select from ${goodRows} g group by ${good} having count(*) > 1) twice) > 0
         or exists (select from ${differingKeys} where kind = 'unlike') as found`,
  );
  if (answer.rows[0]?.found === true) throw notUnique(key);
}

/** Leaves those rows alone whose keys differ: most often all that are there. */
async function sweep(client: Client, { hash }: Expressions, { key }: Choice, withDamaged: boolean): Promise<void> {
  const answer = await client.query<{ all: boolean }>(
    `select (select count(*) from ${goodRows}) = count(good) and (select count(*) from ${addresses}) = count(place) as all
       from ${differingKeys}`,
  );
  if (key !== null && answer.rows[0]?.all === true) return;
  const others = (relation: string, rows: string) =>
    `delete from ${relation} r where not exists (select from ${differingKeys} k where k.hash = ${rows})`;
  const sides = [goodRows, ...(withDamaged ? [damagedRows] : [])];
  await client.query([others(addresses, "r.hash"), ...sides.map((side) => others(side, hash("r")))].join(";\n"));
}

const countSchema = z.object({ missing: z.string(), changed: z.string(), added: z.string() });

async function countRows(client: Client, live: number, equal: number | undefined): Promise<RowCounts> {
  const kinds = ["missing", "changed", "added"].map(
    (kind) => `coalesce(sum(many) filter (where kind = '${kind}'), 0)::text as ${kind}`,
  );
  const answer = await client.query(`select ${kinds.join(", ")} from ${differingKeys}`);
  const found = countSchema.parse(answer.rows[0]);
  const [missing, changed, added] = [Number(found.missing), Number(found.changed), Number(found.added)];
  return { missing, changed, added, equal: equal ?? live - changed - added };
}
