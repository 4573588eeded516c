import type { Client } from "pg";
import { z } from "zod";
import type { Policy } from "../../config/policy/policy.ts";
import { quoteQualified } from "../../postgres/identifier.ts";
import type { Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { pathStatement, readingPaths } from "../../postgres/inventory/name-lookup.ts";
import {
  type DataFile,
  extensionFile,
  extensionTables,
  fileBytes,
  type Heap,
  planData,
} from "../../postgres/rows/data-plan.ts";
import { askTogether } from "../../postgres/rows/fingerprint.ts";

/**
 * Divides the rows of all tables that a set carries among files.
 * @param client under the set's snapshot, with its locks: no page moves any more
 * @throws the driver's error
 */
export async function planFiles(
  client: Client,
  inventory: Inventory,
  policy: Pick<Policy["source"], "sliceBytes" | "jobs">,
): Promise<DataFile[]> {
  const tables = inventory.tables.filter(({ carried }) => carried);
  const most = fileBytes(tables, policy);
  const large = tables.filter(({ bytes, filter }) => bytes > most && filter === null);
  const heaps = large.length === 0 ? new Map() : await cuttable(client, large, readingPaths(inventory));
  const ofExtensions = extensionTables(inventory);
  const files = planData(tables, heaps, policy);
  return ofExtensions.length === 0 ? files : [...files, extensionFile(ofExtensions)];
}

const heapsQuery = `
  select c.oid::int8::text as oid, (pg_relation_size(c.oid) / current_setting('block_size')::int8)::float8 as pages
    from pg_class c join pg_am a on a.oid = c.relam
   where a.amname = 'heap' and c.oid = any ($1::oid[])`;
const heapSchema = z.object({ oid: z.string(), pages: z.number() });

/** Heaps of which the server can read a range of pages without reading the rest: under the session's search path, or a wider one. */
async function cuttable(
  client: Client,
  tables: readonly TableContent[],
  paths: readonly string[],
): Promise<Map<string, Heap>> {
  const { rows } = await client.query(heapsQuery, [tables.map(({ oid }) => oid)]);
  const pages = new Map(
    z
      .array(heapSchema)
      .parse(rows)
      .map((heap) => [heap.oid, heap.pages]),
  );
  const found = new Map<string, Heap>();
  for (const path of [undefined, ...paths]) {
    const left = tables.filter(({ oid }) => pages.has(oid) && !found.has(oid));
    const together = await explain(client, left, path);
    for (const [place, table] of left.entries()) {
      const plan = together === undefined ? (await explain(client, [table], path))?.[0] : together[place];
      if (plan?.startsWith("Tid Range Scan")) found.set(table.oid, { pages: pages.get(table.oid) ?? 0, path });
    }
  }
  return found;
}

/** The first line of each plan; undefined when one cannot be planned: somebody's function in an index does not work. */
async function explain(
  client: Client,
  tables: readonly TableContent[],
  path: string | undefined,
): Promise<string[] | undefined> {
  if (tables.length === 0) return [];
  const plans = tables.map(
    ({ schema, name }) =>
      `explain (costs off) select from only ${quoteQualified(schema, name)} where ctid >= '(1,0)'::tid and ctid < '(2,0)'::tid`,
  );
  const before = path === undefined ? [] : [pathStatement(path)];
  const answers = await askTogether(client, [...before, ...plans]);
  return answers
    ?.slice(before.length)
    .map(([line]) => z.object({ "QUERY PLAN": z.string() }).parse(line)["QUERY PLAN"]);
}
