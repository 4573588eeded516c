import type { Client } from "pg";
import { wholeOf } from "../../../base/flow/chunks.ts";
import { quoteLiteral, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject, TableContent } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { readInventory } from "../../../postgres/inventory/read.ts";
import { unescapeCopy } from "../../../postgres/rows/copy-text.ts";
import type { OpenSet } from "../../../vault/sets/open-set.ts";
import { rows } from "../../../vault/sets/rows.ts";
import { attempt, attemptEach } from "../../target/sessions.ts";
import type { TargetFacts } from "../../target/target.ts";
import type { Run } from "../plan/run.ts";
import { isLoaded } from "./load-table.ts";

/**
 * Takes out of a new project what stands in the way of the source's own: a publication that the user has changed there, an
 * extension that lies in another schema there. What was dropped is made from the dump.
 *
 * @returns the target as it is now, and why something stayed, by object key
 */
export async function makeRoom(
  client: Client,
  source: Inventory,
  facts: TargetFacts,
): Promise<{ facts: TargetFacts; failures: Map<string, string> }> {
  let changed = false;
  const wanted = byKey(source.objects);
  const failures = new Map<string, string>();
  const run = async (object: InventoryObject, ...ways: readonly string[]) => {
    let reason: string | undefined;
    for (const way of ways) {
      reason = await attempt(client, way);
      changed ||= reason === undefined;
      if (reason === undefined) return;
    }
    if (reason !== undefined) failures.set(objectKey(object), reason);
  };
  for (const object of facts.inventory.objects) {
    const twin = wanted.get(objectKey(object));
    if (object.kind === "publication" && object.owner === "postgres" && !sameText(object, twin)) {
      await run(object, `drop publication ${object.identity}`);
    }
    if (object.kind === "schema" && object.identity === "public" && twin === undefined) {
      await run(object, "drop schema public");
    }
    if (object.kind === "extension" && twin !== undefined) {
      const place = schemaOf(twin);
      if (place !== undefined && place !== schemaOf(object)) await run(object, ...moving(object.identity, place));
    }
  }
  return { facts: changed ? { ...facts, inventory: await readInventory(client) } : facts, failures };
}

function sameText(object: InventoryObject, twin: InventoryObject | undefined): boolean {
  return twin !== undefined && object.definition === twin.definition && object.comment === twin.comment;
}

/** As it stands in a statement; from the definition `version 1.1 schema extensions`. */
function schemaOf({ definition }: InventoryObject): string | undefined {
  return / schema (.+)$/.exec(definition)?.[1];
}

/** Not every extension can be moved; one that nothing hangs on yet can be made anew. */
function moving(extension: string, schema: string): string[] {
  const make = `create schema if not exists ${schema};\n`;
  return [
    `${make}alter extension ${extension} set schema ${schema}`,
    `${make}drop extension ${extension};\ncreate extension ${extension} with schema ${schema}`,
  ];
}

/**
 * Makes the queues of pgmq anew, by its own functions: their tables belong to the extension, so no dump makes them. What
 * they held comes with the other rows, the list of the queues too.
 *
 * @returns why a queue could not be made, by the names of its tables
 */
export async function makeQueues({
  task,
  source,
  journal,
  client,
}: Pick<Run, "task" | "source" | "journal" | "client">): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  const list = source.tables.find((table) => !table.carried && tableName(table) === tableName(queueList));
  if (list === undefined || list.fingerprint?.rows === "0") return failures;
  const queues = await readQueues(task.open, source, list);
  const partitioned = queues.filter(({ kind }) => kind === "create_partitioned");
  const others = queues.filter((queue) => !partitioned.includes(queue));
  const refused = await attemptEach(client, others, makeQueue);
  for (const queue of partitioned) refused.set(queue, madeByHand(queue));
  for (const [queue, reason] of refused) {
    // pgmq's format_table_name
    for (const kind of ["q", "a"]) {
      failures.set(tableName({ schema: queueList.schema, name: `${kind}_${queue.name}`.toLowerCase() }), reason);
    }
  }
  if (isLoaded(journal, list)) return failures;
  // The list that comes with the rows tells when each queue was made; pgmq has just listed them as made now.
  const reason = await attempt(client, `delete from ${quoteQualified(queueList.schema, queueList.name)}`);
  if (reason !== undefined) failures.set(tableName(queueList), reason);
  return failures;
}

/** Where pgmq keeps the names of its queues; the tables of each it makes by itself, as members of the extension. */
const queueList = { schema: "pgmq", name: "meta" };

/** A queue of pgmq and the function that makes it. */
interface Queue {
  readonly name: string;
  readonly kind: "create" | "create_unlogged" | "create_partitioned";
}

/** The statement that makes a queue anew. */
function makeQueue({ name, kind }: Queue): string {
  return `SELECT pgmq.${kind}(${quoteLiteral(name)});`;
}

function madeByHand(queue: Queue): string {
  return `a partitioned queue: make it as it was, with its interval and retention (${makeQueue(queue).slice(0, -2)}, …)), then load data/extensions.sql of the set`;
}

async function readQueues(open: OpenSet, source: Inventory, list: TableContent): Promise<Queue[]> {
  const lines = (await wholeOf(rows(open, source, list))).toString("utf8").split("\n").slice(0, -1);
  return lines.map((line) => queueOf(line.split("\t").map(unescapeCopy), list.columns));
}

function queueOf(fields: readonly (string | null)[], columns: readonly string[]): Queue {
  const field = (name: string) => fields[columns.indexOf(name)] ?? "";
  const kind = field("is_partitioned") === "t" ? "create_partitioned" : "create";
  return { name: field("queue_name"), kind: field("is_unlogged") === "t" ? "create_unlogged" : kind };
}
