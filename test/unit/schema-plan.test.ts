import { expect, test } from "vitest";
import { planSchema } from "../../actions/lib/operations/restore/plan/plan.ts";
import type { TocEntry } from "../../actions/lib/postgres/dump/archive/toc.ts";
import type { Inventory, InventoryObject } from "../../actions/lib/postgres/inventory/model.ts";
import { loadBaseline } from "../../actions/lib/supabase/platform/baseline.ts";
import { Platform } from "../../actions/lib/supabase/platform/platform.ts";

const baseline = loadBaseline({});
const supabase = new Platform(baseline, baseline.fit([], 17));

interface Part {
  readonly object: InventoryObject;
  readonly entry: TocEntry;
}

let lastId = 0;

function part(kind: "schema" | "extension", name: string, owner: string, defn: string): Part {
  const dumpId = ++lastId;
  const [oid, classId] = [String(16000 + dumpId), kind === "schema" ? "2615" : "3079"];
  return {
    object: {
      ...{ kind, identity: name, schema: null, classId, oid, owner, definition: "" },
      ...{ grants: null, comment: null, extension: null, listed: true },
    },
    entry: {
      ...{ dumpId, tableOid: classId, oid, tag: name, desc: kind.toUpperCase(), section: "pre-data", defn },
      ...{ dropStmt: "", copyStmt: "", namespace: null, tablespace: null, owner, tableam: null },
      ...{ dependencies: [], hasData: false },
    },
  };
}

const schema = (name: string, owner: string) => part("schema", name, owner, `CREATE SCHEMA ${name};\n`);
const extension = (name: string, into: string, owner: string) =>
  part("extension", name, owner, `CREATE EXTENSION IF NOT EXISTS ${name} WITH SCHEMA ${into};\n`);

function inventory(objects: readonly InventoryObject[]): Inventory {
  return {
    ...{ format: "lifeboat-inventory/2", serverVersion: "17.4", serverMajor: 17, database: "postgres" },
    ...{ databaseSettings: [], roles: [], memberships: [], tables: [], sequences: [], materializedViews: [] },
    ...{ largeObjects: [], objects: [...objects] },
  };
}

/** Statements before the data. */
function statements(
  parts: readonly Part[],
  fixedSchemas: ReadonlyMap<string, string | null>,
  there: readonly Part[] = [],
  platform: Platform | "none" = supabase,
): string[] {
  const [toc, source] = [parts.map(({ entry }) => entry), inventory(parts.map(({ object }) => object))];
  const target = inventory(there.map(({ object }) => object));
  return planSchema(toc, source, target, platform === "none" ? undefined : platform, { fixedSchemas }).before.map(
    ({ entry }) => entry.defn.trim(),
  );
}

const fixed = new Map([
  ["pg_graphql", "graphql"],
  ["pgmq", "pgmq"],
  ["citext", null],
]);
const graphql = [schema("graphql", "supabase_admin"), extension("pg_graphql", "graphql", "supabase_admin")];

test("the platform's schema that an extension insists on is made by the extension, so that the platform owns it", () => {
  expect(statements(graphql, fixed)).toEqual(['CREATE EXTENSION IF NOT EXISTS "pg_graphql";']);
});

test("a user's own schema is made as it was, for an extension that insists on it, too", () => {
  const queue = [schema("pgmq", "postgres"), extension("pgmq", "pgmq", "postgres")];
  expect(statements(queue, fixed)).toEqual([
    "CREATE SCHEMA pgmq;",
    "CREATE EXTENSION IF NOT EXISTS pgmq WITH SCHEMA pgmq;",
  ]);
});

test("so is the schema of an extension that goes anywhere, and of one that the target does not have", () => {
  const anywhere = [schema("texts", "supabase_admin"), extension("citext", "texts", "supabase_admin")];
  expect(statements(anywhere, fixed)).toHaveLength(2);
  expect(statements(graphql, new Map())).toHaveLength(2);
});

test("a schema that is there stays, and plain PostgreSQL has no platform that would own one", () => {
  expect(statements(graphql, fixed, graphql.slice(0, 1))).toEqual([
    "CREATE EXTENSION IF NOT EXISTS pg_graphql WITH SCHEMA graphql;",
  ]);
  const plain = statements(graphql, fixed, [], "none");
  expect(plain).toEqual(["CREATE SCHEMA graphql;", "CREATE EXTENSION IF NOT EXISTS pg_graphql WITH SCHEMA graphql;"]);
});
