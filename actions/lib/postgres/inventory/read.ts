import type { Client } from "pg";
import { z } from "zod";
import { heapUsed } from "../../base/collector.ts";
import { OperationError } from "../../base/errors.ts";
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

const settingSchema = z.strictObject({ setting: z.string() });
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
  const rows = async (sql: string): Promise<unknown[]> => {
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
  const tables = z
    .array(tableContentSchema.omit({ fingerprint: true }))
    .parse(await rows(tablesQuery))
    .map((table) => ({ ...table, fingerprint: null }));
  const views = z
    .array(z.strictObject({ schema: z.string(), name: z.string(), populated: z.boolean() }))
    .parse(await rows(materializedViewsQuery));
  const largeObjects = z.array(z.strictObject({ oid: z.string() })).parse(await rows(largeObjectNumbersQuery));
  const serverMajor = Math.floor(Number(facts.number) / 10_000);
  const settings = async (sql: string) =>
    z
      .array(settingSchema)
      .parse(await rows(sql))
      .map(({ setting }) => setting);
  // Each part is parsed by itself: all of it once more would be a second catalogue in memory.
  return {
    format: "lifeboat-inventory/2",
    serverVersion: facts.version,
    serverMajor,
    database: facts.database,
    databaseSettings: await settings(databaseSettingsQuery),
    everybodysSettings: await settings(everybodysSettingsQuery),
    objects: await readObjects(rows),
    builtIns: z.array(builtInSchema).parse(await rows(builtInsQuery(serverMajor))),
    roles: z.array(roleSchema).parse(await rows(rolesQuery)),
    memberships: z.array(membershipSchema).parse(await rows(membershipsQuery)),
    tables,
    sequences: await readSequences(rows),
    materializedViews: views.map((view) => ({ ...view, stored: null, fresh: null })),
    largeObjects: largeObjects.map(({ oid }) => ({ oid, bytes: "0", hash: "0" })),
  };
}

async function readObjects(rows: (sql: string) => Promise<unknown[]>): Promise<InventoryObject[]> {
  const objects: InventoryObject[] = [];
  for (const query of objectQueries) objects.push(...z.array(objectSchema).parse(await rows(query)));
  const gone = objects.find((object) => object.identity === "");
  if (gone !== undefined) {
    throw new OperationError(
      "catalogue-moved",
      `An object (catalogue ${gone.classId}, OID ${gone.oid}) was dropped while the catalogue was being read.`,
      "Run again when no migration is under way.",
    );
  }
  const byOid = new Map(columnGrantsSchema.parse(await rows(columnGrantsQuery)).map((row) => [row.oid, row.grants]));
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

const ownTable = z.strictObject({ schema: z.string(), name: z.string() });

async function readSequences(rows: (sql: string) => Promise<unknown[]>): Promise<SequenceValue[]> {
  const names = z
    .array(sequenceValueSchema.pick({ schema: true, name: true }).extend({ countsFor: ownTable.nullable() }))
    .parse(await rows(sequenceNamesQuery));
  const values: SequenceValue[] = [];
  for (let start = 0; start < names.length; start += 200) {
    const selects = names
      .slice(start, start + 200)
      .map(
        (one, index) =>
          `select ${start + index} as at, last_value::text as "lastValue", is_called as "isCalled" from ${quoteQualified(one.schema, one.name)}`,
      );
    const answer = z
      .array(z.strictObject({ at: z.number(), lastValue: z.string(), isCalled: z.boolean() }))
      .parse(await rows(selects.join(" union all ")));
    for (const { at, ...value } of answer) {
      const { countsFor, ...name } = names[at] ?? {};
      values.push(sequenceValueSchema.parse({ ...name, ...value, ...(countsFor && { countsFor }) }));
    }
  }
  return values;
}
