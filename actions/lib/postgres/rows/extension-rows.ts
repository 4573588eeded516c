import type { Client } from "pg";
import { to as copyTo } from "pg-copy-streams";
import { z } from "zod";
import { describeCode, OperationError } from "../../base/errors.ts";
import { endLine, headingOf } from "../dump/plain/heading.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified, tableName } from "../identifier.ts";
import type { Inventory, TableContent } from "../inventory/model.ts";
import { isVaultSecrets } from "../inventory/vault-secrets.ts";

/** Tables with rows of their own that pg_dump leaves to their extension, the smallest first: what others hang on is small. */
export function extensionTables({ tables }: Pick<Inventory, "tables">): TableContent[] {
  return tables.filter((table) => !table.carried && !isVaultSecrets(table)).sort((a, b) => a.bytes - b.bytes);
}

/** Where pgmq keeps the names of its queues; the tables of each it makes by itself, as members of the extension. */
export const queueList = { schema: "pgmq", name: "meta" };

const queueSchema = z.strictObject({
  name: z.string(),
  kind: z.enum(["create", "create_unlogged", "create_partitioned"]),
});
/** A queue of pgmq and the function that makes it. */
export type Queue = z.infer<typeof queueSchema>;

/**
 * The rows of an extension's own tables, and the values of the sequences that count for them, as pg_dump would write them
 * into plain SQL: the readers of plain dumps read it, and psql loads it into a database that has the extension.
 *
 * @param client under the set's snapshot with the pinned settings, used for nothing else meanwhile
 * @param watch what passes of each table's rows
 * @throws OperationError `extension-rows-failed` with the SQLSTATE
 */
export async function* extensionRows(
  client: Client,
  inventory: Pick<Inventory, "tables" | "sequences">,
  watch: (table: TableContent, rows: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tables = extensionTables(inventory);
  yield text("SET client_encoding = 'UTF8';", "SET session_replication_role = replica;", "SET row_security = off;");
  if (tables.some((table) => tableName(table) === tableName(queueList))) yield text(...(await queueStatements(client)));
  let dumpId = 0;
  for (const table of tables) {
    const name = quoteQualified(table.schema, table.name);
    const columns = table.columns.map(quoteIdentifier).join(", ");
    const list = columns === "" ? name : `${name} (${columns})`;
    dumpId += 1;
    yield text(...headingOf({ dumpId, oid: table.oid, tag: table.name, desc: "TABLE DATA", namespace: table.schema }));
    yield text(`COPY ${list} FROM stdin;`);
    yield* watch(table, copied(client, table, `copy ${list} to stdout (encoding 'UTF8')`));
    yield text("\\.", "", "");
  }
  for (const { schema, name, lastValue, isCalled, countsFor } of inventory.sequences) {
    if (countsFor === undefined) continue;
    dumpId += 1;
    yield text(...headingOf({ dumpId, oid: "0", tag: name, desc: "SEQUENCE SET", namespace: schema }));
    yield text(
      `SELECT pg_catalog.setval(${quoteLiteral(quoteQualified(schema, name))}, ${lastValue}, ${isCalled});`,
      "",
    );
  }
  yield text("--", endLine, "--");
}

/** Makes the queues before their rows come; pgmq then lists them, and the list that comes is the source's. */
async function queueStatements(client: Client): Promise<string[]> {
  const { rows } = await client.query(
    `select queue_name::text as name, case when is_partitioned then 'create_partitioned'
            when is_unlogged then 'create_unlogged' else 'create' end as kind
       from ${quoteQualified(queueList.schema, queueList.name)} order by queue_name collate "C"`,
  );
  return [
    ...z.array(queueSchema).parse(rows).map(makeQueue),
    `DELETE FROM ${quoteQualified(queueList.schema, queueList.name)};`,
  ];
}

/** The statement that makes a queue anew. */
export function makeQueue({ name, kind }: Queue): string {
  return `SELECT pgmq.${kind}(${quoteLiteral(name)});`;
}

async function* copied(client: Client, table: TableContent, statement: string): AsyncGenerator<Uint8Array> {
  const stream = client.query(copyTo(statement));
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw new OperationError(
      "extension-rows-failed",
      `The rows of ${tableName(table)}, which extension ${table.extension} keeps, could not be copied (${describeCode(error)}).`,
      "Run `lifeboat check`, then run the backup again; nothing of this run is visible in the vault.",
    );
  }
}

function text(...lines: readonly string[]): Uint8Array {
  return Buffer.from(`${lines.join("\n")}\n`);
}
