import { describe, expect, test } from "vitest";
import { compareObjects } from "../../actions/lib/compare/objects.ts";
import type { Inventory, InventoryObject } from "../../actions/lib/postgres/inventory/model.ts";
import { Baseline, loadBaseline } from "../../actions/lib/supabase/platform/baseline.ts";
import {
  emptyBaseline,
  type Fact,
  factOfObject,
  unpackRights,
  withSnapshot,
} from "../../actions/lib/supabase/platform/fact.ts";
import { Platform } from "../../actions/lib/supabase/platform/platform.ts";

/** A made-up auth server in two versions: the second has a table more, another function, and lets anon read less. */

const grants = (...rights: string[]) =>
  rights.map((right) => {
    const [grantee = "", privilege = ""] = right.split(" ");
    return { grantee, grantor: "supabase_auth_admin", privilege, column: null, grantable: false };
  });

function object(kind: string, identity: string, more: Partial<InventoryObject> = {}): InventoryObject {
  return {
    ...{ kind, identity, schema: "auth", classId: "1", oid: identity, owner: "supabase_auth_admin" },
    ...{ definition: "", grants: null, comment: null, extension: null, listed: true },
    ...more,
  };
}

const users = object("table", "auth.users", { definition: "row level security", grants: grants("anon SELECT") });
const usersShut = { ...users, grants: grants() };
const uid = object("function", "auth.uid()", { definition: "first" });
const uidLater = { ...uid, definition: "second" };
const factors = object("table", "auth.factors", { definition: "row level security" });
const older = [users, uid];
const newer = [usersShut, uidLater, factors];

const snapshot = (version: string) => ({ major: 17, version, label: "made up" });
const file = withSnapshot(
  withSnapshot(emptyBaseline("auth"), snapshot("20250101000000"), older.map(factOfObject)),
  snapshot("20260101000000"),
  newer.map(factOfObject),
);
const baseline = new Baseline([file]);

function inventory(objects: readonly InventoryObject[]): Inventory {
  return {
    ...{ format: "lifeboat-inventory/2", serverVersion: "17.4", serverMajor: 17, database: "postgres" },
    ...{ databaseSettings: [], roles: [], memberships: [], tables: [], sequences: [], materializedViews: [] },
    ...{ largeObjects: [], objects: [...objects] },
  };
}

/** `kind identity aspect: verdict` of every difference between a source and a target of a version. */
function compare(
  source: readonly InventoryObject[],
  target: readonly InventoryObject[],
  version: string,
  of = baseline,
): string[] {
  const facts = target.map(factOfObject);
  const fit = of.fit(facts, 17, new Map([["auth", version]]));
  const none = new Map<string, string>();
  const found = compareObjects(inventory(source), inventory(target), {
    platform: new Platform(of, fit).against(inventory(source)),
    ...{ failures: none, deliberate: none, extensionSchemas: none, unavailableExtensions: new Set<string>() },
    ...{ words: { same: new Set<string>(), untold: new Set<string>() }, makers: new Set<string>() },
  });
  return found.map(({ kind, identity, aspect, verdict }) => `${kind} ${identity} ${aspect}: ${verdict}`);
}

const failed = (lines: readonly string[]) => lines.filter((line) => !line.endsWith("expected"));

describe("versions that were recorded", () => {
  test("what the platform changed between two of them is expected", () => {
    const found = compare(older, newer, "20260101000000");
    expect(failed(found)).toEqual([]);
    expect(found).toHaveLength(3);
  });

  test("a right that only an older version gives is failed in a newer one", () => {
    const target = [{ ...usersShut, grants: grants("anon SELECT") }, uidLater, factors];
    expect(failed(compare(newer, target, "20260101000000"))).toEqual(["table auth.users grants: failed"]);
  });

  test("a table's definition that only an older version has is failed in a newer one, a function's is not", () => {
    const open = { ...usersShut, definition: "" };
    expect(failed(compare(newer, [open, uid, factors], "20260101000000"))).toEqual([
      "table auth.users definition: failed",
    ]);
  });

  test("what the version has and neither set nor target does is missed", () => {
    expect(failed(compare(older, [usersShut, uidLater], "20260101000000"))).toEqual([
      "table auth.factors missing: failed",
    ]);
  });

  test("a right that was taken away at the source and is here again is failed", () => {
    expect(failed(compare([{ ...users, grants: grants() }, uid], older, "20250101000000"))).toEqual([
      "table auth.users grants: failed",
    ]);
  });

  test("rights that a new project takes from everybody and gives to some are expected, others are failed", () => {
    const call = object("function", "auth.call()", { extension: "caller", grants: grants(" EXECUTE") });
    const forSome = { ...call, grants: grants("anon EXECUTE", "postgres EXECUTE") };
    const known = withSnapshot(emptyBaseline("auth"), snapshot("20260101000000"), [factOfObject(forSome)]);
    const among = (one: InventoryObject, other: InventoryObject) =>
      failed(compare([one], [other], "20260101000000", new Baseline([known])));
    expect(among(call, forSome)).toEqual([]);
    expect(among(call, { ...call, grants: grants("anon EXECUTE", "teacher EXECUTE") })).not.toEqual([]);
    expect(among({ ...call, grants: grants("postgres EXECUTE") }, forSome)).not.toEqual([]);
    expect(among({ ...call, grants: grants("anon EXECUTE") }, call)).not.toEqual([]);
  });

  test("a function that was replaced at the source and is the platform's here is failed", () => {
    expect(failed(compare([users, { ...uid, definition: "ours" }], older, "20250101000000"))).toEqual([
      "function auth.uid() definition: failed",
    ]);
  });

  test("a user's table among the platform's is failed when it is gone", () => {
    const own = object("table", "auth.api_keys", { owner: "supabase_admin" });
    expect(failed(compare([...older, own], older, "20250101000000"))).toEqual(["table auth.api_keys missing: failed"]);
  });
});

describe("a version that nobody has recorded", () => {
  const version = "20270101000000";
  const more = object("table", "auth.passkeys", {
    definition: "row level security",
    grants: grants("postgres SELECT"),
  });

  test("may have tables and columns more, as long as they give nobody anything", () => {
    const wider = { ...usersShut, definition: "row level security\n  column more text" };
    expect(failed(compare(newer, [wider, uidLater, factors, more], version))).toEqual([]);
  });

  test("leaves unverified what may run, and what others may read", () => {
    const given = { ...more, grants: grants("service_role SELECT") };
    const trigger = object("trigger", "t on auth.users", { owner: null });
    const target = [usersShut, { ...uidLater, definition: "third" }, factors, given, trigger];
    expect(failed(compare(newer, target, version))).toEqual([
      "function auth.uid() definition: unverified",
      "table auth.passkeys extra: unverified",
      "trigger t on auth.users extra: unverified",
    ]);
  });

  test("never has rights of anon, policies, or row security off", () => {
    const open = { ...usersShut, definition: "  column more text", grants: grants("anon SELECT") };
    const policy = object("policy", "p on auth.users", { owner: null });
    const leaked = object("table", "auth.leak", { owner: "postgres" });
    expect(failed(compare(newer, [open, uidLater, factors, policy, leaked], version))).toEqual([
      "table auth.users definition: failed",
      "table auth.users grants: failed",
      "policy p on auth.users extra: failed",
      "table auth.leak extra: failed",
    ]);
  });
});

test("states that come with Lifeboat are read, and know both majors and what every project has", () => {
  const shipped = loadBaseline({});
  for (const major of [15, 17]) {
    const fit = shipped.fit([], major);
    for (const component of ["auth", "postgres", "realtime", "storage"]) expect(fit.isOpen(component)).toBe(false);
    expect(fit.state("table auth.users")?.owner).toBe("supabase_auth_admin");
    expect([...(fit.state("table auth.users")?.rights ?? [])].filter((right) => right.startsWith("anon "))).toEqual([]);
    expect(fit.state("role anon")).toBeDefined();
    expect(fit.state("function storage.foldername(text)")).toBeDefined();
  }
});

/** What a new project has of a component, beside what was found and without some of it. */
function newProject(
  component: string,
  major: number,
  without: (key: string) => boolean,
  {
    found = [],
    version = new Map(),
  }: { readonly found?: readonly Fact[]; readonly version?: ReadonlyMap<string, string> },
): Fact[] {
  const fit = loadBaseline({}).fit(found, major, version);
  return fit
    .keys(component)
    .filter((key) => !without(key))
    .map((key) => ({ key, component, ...(fit.state(key) ?? { definition: "", owner: null, rights: [] }), comment: "" }))
    .map((fact) => ({ ...fact, rights: [...fact.rights] }));
}

test("a new project has pg_graphql's schema and rights, whether the extension is on or was taken out again", () => {
  const own = "supabase_admin";
  const to = (privilege: string) =>
    ["anon", "authenticated", "postgres", "service_role"].map((grantee) => ({
      ...{ grantee, grantor: own, privilege, column: null, grantable: false },
    }));
  const of = (kind: string, identity: string, given: Partial<InventoryObject>) =>
    factOfObject(object(kind, identity, { schema: null, owner: own, ...given }));
  const left = [
    of("schema", "graphql", { grants: to("USAGE") }),
    ...Object.entries({ functions: to("EXECUTE"), sequences: ["SELECT", "UPDATE", "USAGE"].flatMap(to) }).map(
      ([what, grants]) => of("default acl", `for role supabase_admin in schema graphql on ${what}`, { grants }),
    ),
    of("function", "graphql_public.graphql(text,text,jsonb,jsonb)", {
      schema: "graphql_public",
      grants: to("EXECUTE"),
    }),
  ];
  const on = [...left, of("extension", "pg_graphql", { definition: "version 1.5.11 schema graphql" })];
  for (const major of [15, 17]) {
    const others = newProject("postgres", major, (key) => on.some((one) => one.key === key), { found: on });
    for (const found of [left, on]) {
      const fit = loadBaseline({}).fit([...others, ...found], major);
      for (const { key, rights } of found) {
        expect([key, fit.state(key)?.owner]).toEqual([key, own]);
        const known = fit.state(key)?.rights;
        // postgres may pass on the use of the schema.
        expect(rights.filter((right) => !known?.has(right) && !known?.has(`${right}*`))).toEqual([]);
      }
    }
  }
});

test("the tables of Iceberg are missing where Supabase's storage serves many projects, and that is a new project, too", () => {
  const version = new Map([["storage", "63"]]);
  for (const major of [15, 17]) {
    const facts = newProject("storage", major, (key) => key.includes("iceberg_"), { version });
    const fit = loadBaseline({}).fit(facts, major, version);
    expect(fit.isExact("storage")).toBe(true);
    expect(fit.state("table storage.objects")).toBeDefined();
    expect(fit.state("table storage.iceberg_namespaces")).toBeUndefined();
  }
});

test("rights are kept by grantee and come back as they were", () => {
  const rights = ["anon SELECT", "anon SELECT(email)*", " EXECUTE", 'search_path="$user", public', "here a=b c"];
  const facts = [{ ...factOfObject(users), rights }];
  const kept = withSnapshot(emptyBaseline("auth"), snapshot("1"), facts).rights[0];
  expect(unpackRights(kept ?? []).sort()).toEqual(rights.sort());
});
