import type { Client } from "pg";
import { z } from "zod";
import { OperationError, sqlState } from "../../base/errors.ts";
import { quoteIdentifier, quoteQualified, tableName } from "../../postgres/identifier.ts";
import type { Fingerprint } from "../../postgres/inventory/model.ts";
import { hashOfRow } from "../../postgres/rows/fingerprint.ts";
import type { LedgerEntry } from "../../vault/erasures/entries.ts";
import { blocksOf, type HashKey } from "../../vault/erasures/hash-key.ts";
import { type ReplayData, replayData, replaySql, replayTables } from "../../vault/erasures/script.ts";

/** What the ledger says, with the key to find it in a database. */
export interface Erasures {
  readonly entries: readonly LedgerEntry[];
  readonly key: HashKey;
}

/** A table that the replay took rows of, or changed rows of. */
export interface ReplayedTable {
  /** `schema.table`: of a partitioned one the partition. */
  readonly table: string;
  readonly rows: number;
  /** What the rows came to before, and what is there in their place. A fingerprint is a sum, so it can be taken away. */
  readonly gone: Fingerprint;
  readonly came: Fingerprint;
}

/** A table whose rows are hashed, by these columns. */
interface Hashed {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
}

const doneSchema = z.array(
  z.strictObject({
    ...{ number: z.number(), place: z.string(), rows: z.string() },
    ...{ gone_rows: z.string(), gone_hash: z.string(), came_rows: z.string(), came_hash: z.string() },
  }),
);

/** One rule's work in one table. */
export interface Replayed extends ReplayedTable {
  readonly rule: ReplayData["rules"][number];
}

/**
 * Takes out of a database what was erased. In the client's transaction, which the caller commits, or rolls back to have only looked.
 * @param client with the pinned settings, in a transaction; triggers are off where the role may do that
 * @param snapshotAt the time of what the database holds: consents that were withdrawn earlier were so already
 * @param hashed the tables whose rows are hashed as they go
 * @throws OperationError `erasure-too-much`: more rows than an entry is signed for; `erasure-untold`: a column is not there by which
 * rows are found; what the server throws
 */
export async function replay(
  client: Client,
  { entries, key }: Erasures,
  snapshotAt: string,
  hashed: readonly Hashed[] = [],
): Promise<Replayed[]> {
  const data = replayData(entries);
  if (data.rules.length === 0) return [];
  await client.query(`set local row_security = off;\n${replayTables}`);
  const { inner, outer } = blocksOf(key);
  await client.query("insert into pg_temp.lifeboat_erasure_key values ($1, $2)", [inner, outer]);
  await client.query("insert into pg_temp.lifeboat_erasure_snapshot values ($1)", [snapshotAt]);
  await fill(
    client,
    "lifeboat_erasure_rule",
    "number int, depth int, place text, finder text, needs json, sets json",
    data.rules,
  );
  await fill(client, "lifeboat_erasure_hash", "place text, hash text, entry int", data.hashes);
  await fill(client, "lifeboat_erasure_most", "number int, entry int, most int8, before timestamptz", data.most);
  await fill(
    client,
    "lifeboat_erasure_row",
    "place text, hash text",
    hashed.map((table) => ({ place: quoteQualified(table.schema, table.name), hash: rowHash(table.columns) })),
  );
  try {
    await client.query(replaySql);
  } catch (error) {
    throw whyStopped(error);
  }
  const answer = await client.query(
    "select number, place, rows::text, gone_rows::text, gone_hash::text, came_rows::text, came_hash::text from pg_temp.lifeboat_erasure_done",
  );
  await client.query(
    ["key", "snapshot", "rule", "hash", "most", "row", "found", "done"]
      .map((one) => `drop table pg_temp.lifeboat_erasure_${one}`)
      .join("; "),
  );
  const names = new Map(hashed.map((table) => [quoteQualified(table.schema, table.name), tableName(table)]));
  return doneSchema.parse(answer.rows).flatMap((row) => {
    const rule = data.rules.find(({ number }) => number === row.number);
    if (rule === undefined) return [];
    return {
      ...{ rule, rows: Number(row.rows) },
      table: names.get(row.place) ?? plainName(row.place),
      gone: { rows: row.gone_rows, hash: row.gone_hash },
      came: { rows: row.came_rows, hash: row.came_hash },
    };
  });
}

/** All rules' work, by table. */
export function byTable(done: readonly ReplayedTable[]): ReplayedTable[] {
  const tables = new Map<string, ReplayedTable>();
  for (const one of done) {
    const known = tables.get(one.table);
    tables.set(one.table, {
      ...{ table: one.table, rows: (known?.rows ?? 0) + one.rows },
      gone: plus(known?.gone, one.gone),
      came: plus(known?.came, one.came),
    });
  }
  return [...tables.values()].sort((a, b) => (a.table < b.table ? -1 : 1));
}

/** What is expected where rows were erased: what was there, without what went, with what came in its place. */
export function withoutErased(whole: Fingerprint, { gone, came }: Pick<ReplayedTable, "gone" | "came">): Fingerprint {
  const sum = (part: "rows" | "hash") => (BigInt(whole[part]) - BigInt(gone[part]) + BigInt(came[part])).toString();
  return { rows: sum("rows"), hash: sum("hash") };
}

function plus(a: Fingerprint | undefined, b: Fingerprint): Fingerprint {
  if (a === undefined) return b;
  return { rows: (BigInt(a.rows) + BigInt(b.rows)).toString(), hash: (BigInt(a.hash) + BigInt(b.hash)).toString() };
}

const rowHash = (columns: readonly string[]): string =>
  hashOfRow(`row(${columns.map((column) => `t.${quoteIdentifier(column)}`).join(", ")})`);

const plainName = (quoted: string): string => quoted.replaceAll(/"([^"]*)"/g, "$1");

async function fill(client: Client, table: string, form: string, rows: readonly object[]): Promise<void> {
  await client.query(`insert into pg_temp.${table} select * from json_to_recordset($1) as r(${form})`, [
    JSON.stringify(rows),
  ]);
}

/** Names and counts alone: what the server says of rows is not repeated. */
function whyStopped(error: unknown): unknown {
  const said = error instanceof Error ? error.message.replace(/^lifeboat: /, "") : "";
  if (sqlState(error) === "LB001")
    return new OperationError(
      "erasure-too-much",
      `The erasures were not replayed: ${said}.`,
      "Look at what the rule finds there. Where it is right, `lifeboat erase` the person again with a higher --most: runbooks/compliance/gdpr-erasure.md.",
      error,
    );
  if (sqlState(error) === "LB002")
    return new OperationError(
      "erasure-untold",
      `The erasures were not replayed: ${said}.`,
      "The set is older than that column. Look by hand for the people who were erased: runbooks/compliance/gdpr-erasure.md.",
      error,
    );
  return error;
}
