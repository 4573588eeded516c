import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../../base/errors.ts";
import { few } from "../../../base/measures.ts";
import { liveByKey } from "./judge.ts";
import { listedHash } from "./keys.ts";
import { type LiveTable, liveCell, rowHash, sameCell } from "./live-table.ts";
import { staged } from "./staged.ts";

/** What was proven of a table, inside the transaction that wrote it. Numbers of rows, in decimal digits. */
export interface TableProof {
  readonly table: string;
  /** Compared with the list. */
  readonly written: string;
  /** All others: their fingerprint is what it was. */
  readonly untouched: string;
}

/**
 * Proves, before the transaction ends, that written rows are as the list has them and that all others are untouched: the hashes of
 * all rows, less those that are written, are the same with this transaction's changes and without them, under one snapshot.
 *
 * @param client inside the transaction, outside of savepoints
 * @param other another session of the same database, which `beginBeside` has begun
 * @throws OperationError `proof-failed`: nothing is kept then
 */
export async function prove(client: Client, other: Client, tables: readonly LiveTable[]): Promise<TableProof[]> {
  const unlike: string[] = [];
  for (const table of tables) if ((await countUnlike(client, table)) !== "0") unlike.push(table.name);
  if (unlike.length > 0) throw failed(`rows of ${few(unlike)} did not come out as the list has them`);
  const [now, before] = await sumsOf(client, other, tables);
  const proofs: TableProof[] = [];
  for (const [at, table] of tables.entries()) {
    const touched = touchedSchema.parse((await client.query(touchedQuery(table))).rows[0]);
    const untouched = BigInt(now[at]?.rows ?? 0) - BigInt(touched.rowsAfter);
    const same =
      untouched === BigInt(before[at]?.rows ?? 0) - BigInt(touched.rowsBefore) &&
      BigInt(now[at]?.hash ?? 0) - BigInt(touched.hashAfter) ===
        BigInt(before[at]?.hash ?? 0) - BigInt(touched.hashBefore);
    if (!same) throw failed(`rows of ${table.name} that are not in the list changed with it`);
    proofs.push({ table: table.name, written: touched.rowsAfter, untouched: untouched.toString() });
  }
  return proofs;
}

/** A transaction that will read these tables as they are without ours, and holds them ready for that. It has no snapshot yet. */
export async function beginBeside(other: Client, tables: readonly LiveTable[]): Promise<void> {
  const names = tables.map(({ from }) => from).join(", ");
  await other.query(
    `begin isolation level repeatable read read only; set local row_security = off; lock table ${names} in access share mode`,
  );
}

const sumSchema = z.strictObject({ rows: z.string(), hash: z.string() });
type Sum = z.infer<typeof sumSchema>;

/** A cursor reads under one snapshot from its beginning, which the other session reads under meanwhile. */
async function sumsOf(client: Client, other: Client, tables: readonly LiveTable[]): Promise<[Sum[], Sum[]]> {
  const sums = tables.map(({ from, columns }) => {
    const hash = rowHash(columns.map((column) => liveCell("t", column)));
    return `select count(*)::text as rows, coalesce(sum(${hash}), 0)::text as hash from ${from} t`;
  });
  const all = sums.join(" union all ");
  await client.query(
    `declare lifeboat_sums no scroll cursor for select pg_export_snapshot() as rows, '' as hash union all ${all}`,
  );
  const first = await client.query("fetch 1 from lifeboat_sums");
  const snapshot = sumSchema.parse(first.rows[0]).rows;
  const theirs = async (): Promise<Sum[]> => {
    await other.query(`set transaction snapshot '${snapshot}'`);
    return z.array(sumSchema).parse((await other.query(all)).rows);
  };
  const [own, before] = await Promise.all([client.query("fetch all from lifeboat_sums"), theirs()]);
  await client.query("close lifeboat_sums");
  return [z.array(sumSchema).parse(own.rows), before];
}

const touchedSchema = z.strictObject({
  rowsBefore: z.string(),
  hashBefore: z.string(),
  rowsAfter: z.string(),
  hashAfter: z.string(),
});

function touchedQuery(table: LiveTable): string {
  const { t, key, columns } = table;
  const written = "w.state = 'ready' and w.op <> 'delete'";
  const after =
    key === null
      ? `select ${listedHash(table, "s")} as hash from ${staged.change(t)} w join ${staged.after(t)} s using (n) where ${written}`
      : `select ${rowHash(columns.map((column) => liveCell("t", column)))} as hash from ${liveByKey(table, "after", written)}`;
  return `
    select b.rows::text as "rowsBefore", b.hash::text as "hashBefore", a.rows::text as "rowsAfter", a.hash::text as "hashAfter"
      from (select count(*) as rows, coalesce(sum(w.hash), 0) as hash from ${staged.change(t)} w
             where w.state = 'ready' and w.op <> 'insert') b,
           (select count(*) as rows, coalesce(sum(hash), 0) as hash from (${after}) x) a`;
}

/** How many written rows are not there as the list has them. Without a key the sums alone tell. */
async function countUnlike(client: Client, table: LiveTable): Promise<string> {
  const { t, key, listedColumns } = table;
  if (key === null) return "0";
  const keyed = new Set(key.map(({ place }) => place));
  const same = listedColumns.flatMap((column, place) =>
    keyed.has(place)
      ? []
      : [
          `(not coalesce(w.changed[${place + 1}], true) or ${sameCell(liveCell("t", column), staged.cell("s", place))})`,
        ],
  );
  const written = "w.state = 'ready' and w.op <> 'delete'";
  const { rows } = await client.query<{ unlike: string }>(
    `select ((select count(*) from ${staged.change(t)} w where ${written})
           - (select count(*) from ${liveByKey(table, "after", [written, ...same].join(" and "))}))::text as unlike`,
  );
  return rows[0]?.unlike ?? "";
}

function failed(what: string): OperationError {
  return new OperationError(
    "proof-failed",
    `The repair was not kept: ${what}.`,
    "Nothing was changed. Something writes beside the repair: look at the table's triggers and rules, and try again.",
  );
}
