import type { Client } from "pg";
import { z } from "zod";
import { heapUsed } from "../../base/collector.ts";
import { OperationError } from "../../base/errors.ts";
import { askEach } from "../connect/connect.ts";
import { quoteQualified } from "../identifier.ts";
import {
  accessMethodsQuery,
  constraintsQuery,
  databaseQuery,
  defaultPrivilegesQuery,
  eventTriggersQuery,
  extensionsQuery,
  foreignQueries,
  indexesQuery,
  largeObjectsQuery,
  policiesQuery,
  publicationsQuery,
  rulesQuery,
  schemasQuery,
  statisticsQuery,
  subscriptionsQuery,
  triggersQuery,
} from "./around-relations.ts";
import { builtInsQuery } from "./built-in.ts";
import {
  builtInSchema,
  grantSchema,
  type Inventory,
  type InventoryObject,
  membershipSchema,
  objectSchema,
  roleSchema,
  type SequenceValue,
  sequenceValueSchema,
  tableContentSchema,
} from "./model.ts";
import {
  columnGrantsQuery,
  largeObjectNumbersQuery,
  materializedViewsQuery,
  relationsQuery,
  sequenceNamesQuery,
  sequencesQuery,
  tablesQuery,
} from "./relations.ts";
import { databaseSettingsQuery, everybodysSettingsQuery, membershipsQuery, rolesQuery } from "./roles.ts";
import {
  castsQuery,
  collationsQuery,
  conversionsQuery,
  dataTypesQuery,
  languagesQuery,
  operatorClassesQuery,
  operatorFamiliesQuery,
  operatorsQuery,
  routinesQuery,
  textSearchQueries,
  transformsQuery,
} from "./routines.ts";

const objectQueries = [
  schemasQuery,
  extensionsQuery,
  languagesQuery,
  dataTypesQuery,
  collationsQuery,
  conversionsQuery,
  ...textSearchQueries,
  accessMethodsQuery,
  operatorFamiliesQuery,
  operatorClassesQuery,
  operatorsQuery,
  castsQuery,
  transformsQuery,
  routinesQuery,
  ...foreignQueries,
  relationsQuery,
  sequencesQuery,
  constraintsQuery,
  indexesQuery,
  triggersQuery,
  policiesQuery,
  rulesQuery,
  statisticsQuery,
  eventTriggersQuery,
  publicationsQuery,
  subscriptionsQuery,
  defaultPrivilegesQuery,
  largeObjectsQuery,
  databaseQuery,
];

/** What is no object, beside what hangs on the server's version. */
const others = [
  columnGrantsQuery,
  databaseSettingsQuery,
  everybodysSettingsQuery,
  rolesQuery,
  membershipsQuery,
  tablesQuery,
  sequenceNamesQuery,
  materializedViewsQuery,
  largeObjectNumbersQuery,
];

const settingsSchema = z.array(z.strictObject({ setting: z.string() }));
const tablesSchema = z.array(tableContentSchema.omit({ fingerprint: true }));
const ownTable = z.strictObject({ schema: z.string(), name: z.string() });
const sequenceNamesSchema = z.array(
  sequenceValueSchema.pick({ schema: true, name: true }).extend({ countsFor: ownTable.nullable() }),
);
const viewsSchema = z.array(ownTable.extend({ populated: z.boolean() }));
const numbersSchema = z.array(z.strictObject({ oid: z.string() }));
const columnGrantsSchema = z.array(z.strictObject({ oid: z.string(), grants: z.array(grantSchema) }));

/**
 * Reads every object in scope: identity, definition, owner, grants, comment; roles; sequence values. Rows are not read:
 * fingerprints of tables, materialised views and large objects are null or empty until postgres/rows/fingerprint fills them.
 *
 * @param client a connection with the pinned session settings (postgres/connect/connect), inside the transaction whose snapshot
 *   counts. Note that pg_get_viewdef and its kin read the present, not the snapshot: a caller that needs both to agree
 *   reads again afterwards and compares.
 * @throws OperationError `catalogue-moved` when an object went away while it was being read
 */
export async function readInventory(client: Client): Promise<Inventory> {
  const rows: Rows = async (sql) => {
    const answer = await client.query(sql);
    heapUsed();
    return answer.rows;
  };
  const server = await client.query<{ version: string; number: string; database: string }>(
    `select split_part(current_setting('server_version'), ' ', 1) as version,
            current_setting('server_version_num') as number, current_database() as database`,
  );
  const facts = server.rows[0];
  if (facts === undefined) throw new OperationError("catalogue-unreadable", "The server did not tell its version.");
  const serverMajor = Math.floor(Number(facts.number) / 10_000);
  // Each part is parsed by itself: all of it once more would be a second catalogue in memory.
  const objects = await readObjects(client, objectQueries, rows);
  const [columns, settings, everybodys, roles, memberships, tables, sequences, views, largeObjects, builtIns] =
    await askEach(client, [...others, builtInsQuery(serverMajor)], rows);
  return {
    format: "lifeboat-inventory/2",
    serverVersion: facts.version,
    serverMajor,
    database: facts.database,
    databaseSettings: settingsSchema.parse(settings).map(({ setting }) => setting),
    everybodysSettings: settingsSchema.parse(everybodys).map(({ setting }) => setting),
    objects: withColumnGrants(objects, columns),
    builtIns: z.array(builtInSchema).parse(builtIns),
    roles: z.array(roleSchema).parse(roles),
    memberships: z.array(membershipSchema).parse(memberships),
    tables: tablesSchema.parse(tables).map((table) => ({ ...table, fingerprint: null })),
    sequences: await readSequences(client, sequenceNamesSchema.parse(sequences), rows),
    materializedViews: viewsSchema.parse(views).map((view) => ({ ...view, stored: null, fresh: null })),
    largeObjects: numbersSchema.parse(largeObjects).map(({ oid }) => ({ oid, bytes: "0", hash: "0" })),
  };
}

type Rows = (sql: string) => Promise<unknown[]>;

/**
 * Objects of some kinds, grants on columns not among theirs.
 * @throws OperationError as `readInventory`
 */
export async function readObjects(
  client: Client,
  queries: readonly string[],
  rows: Rows = async (sql) => (await client.query(sql)).rows,
): Promise<InventoryObject[]> {
  const parse = async (query: string) => z.array(objectSchema).parse(await rows(query));
  const objects = (await askEach(client, queries, parse)).flat();
  const gone = objects.find((object) => object.identity === "");
  if (gone === undefined) return objects;
  throw new OperationError(
    "catalogue-moved",
    `An object (catalogue ${gone.classId}, OID ${gone.oid}) was dropped while the catalogue was being read.`,
    "Run again when no migration is under way.",
  );
}

/** Sorted, each relation with the grants on its columns. */
function withColumnGrants(objects: InventoryObject[], columnGrants: unknown): InventoryObject[] {
  const byOid = new Map(columnGrantsSchema.parse(columnGrants).map((row) => [row.oid, row.grants]));
  objects.sort((a, b) => order(a.kind, b.kind) || order(a.identity, b.identity));
  return objects.map((object) => {
    const columns = isRelation(object.kind) ? byOid.get(object.oid) : undefined;
    return columns === undefined ? object : { ...object, grants: [...(object.grants ?? []), ...columns] };
  });
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const relationKinds = new Set(["table", "view", "materialized view", "foreign table"]);

/** Whether the kind is one of pg_class that has columns (a partitioned table is a `table` too). */
export function isRelation(kind: string): boolean {
  return relationKinds.has(kind);
}

/** Sequences whose values come with one answer. */
const together = 200;

async function readSequences(
  client: Client,
  names: z.infer<typeof sequenceNamesSchema>,
  rows: Rows,
): Promise<SequenceValue[]> {
  const groups = Array.from({ length: Math.ceil(names.length / together) }, (_, group) => group * together);
  const answers = await askEach(client, groups, async (start) => {
    const selects = names
      .slice(start, start + together)
      .map(
        (one, index) =>
          `select ${start + index} as at, last_value::text as "lastValue", is_called as "isCalled" from ${quoteQualified(one.schema, one.name)}`,
      );
    return z
      .array(z.strictObject({ at: z.number(), lastValue: z.string(), isCalled: z.boolean() }))
      .parse(await rows(selects.join(" union all ")));
  });
  return answers.flat().map(({ at, ...value }) => {
    const { countsFor, ...name } = names[at] ?? {};
    return sequenceValueSchema.parse({ ...name, ...value, ...(countsFor && { countsFor }) });
  });
}
