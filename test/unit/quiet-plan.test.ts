import { describe, expect, test } from "vitest";
import { asIfOn, planQuiet } from "../../actions/lib/operations/restore/quiet/outbound.ts";
import type { Inventory, InventoryObject } from "../../actions/lib/postgres/inventory/model.ts";
import { readTokens } from "../../actions/lib/postgres/sql-tokens.ts";

let lastOid = 20_000;

function object(kind: string, identity: string, definition = "", more: Partial<InventoryObject> = {}): InventoryObject {
  return {
    ...{ kind, identity, definition, schema: "public", classId: "1", oid: String(++lastOid), owner: "postgres" },
    ...{ grants: null, comment: null, extension: null, listed: true, ...more },
  };
}

function routine(name: string, body: string, language = "plpgsql", kind = "function"): InventoryObject {
  return object(
    kind,
    `public.${name}()`,
    `CREATE OR REPLACE FUNCTION public.${name}()\n RETURNS trigger\n LANGUAGE ${language}\nAS $function$${body}$function$\n`,
  );
}

const trigger = (name: string, calls: string, table = "public.orders", more = ""): InventoryObject =>
  object(
    "trigger",
    `${name} on ${table}`,
    `CREATE TRIGGER ${name} AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION public.${calls}()${more}`,
  );

const pgNet = object("function", "net.http_post(text,jsonb)", "", { schema: "net", extension: "pg_net" });

function inventory(objects: readonly InventoryObject[]): Inventory {
  return {
    ...{ format: "lifeboat-inventory/2", serverVersion: "17.4", serverMajor: 17, database: "d", databaseSettings: [] },
    ...{ roles: [], memberships: [], tables: [], sequences: [], materializedViews: [], largeObjects: [] },
    objects: [pgNet, ...objects],
  };
}

const offIn = (objects: readonly InventoryObject[], supabase = true): string[] =>
  planQuiet(inventory(objects), supabase).outbound.map(({ what }) => what);

const spoken: readonly [string, string][] = [
  ["calls pg_net", "begin perform net.http_post(url := 'x'); return new; end"],
  ["quotes the names", `begin perform "net"."http_post"(url := 'x'); return new; end`],
  ["writes them with escapes", `begin perform U&"net".U&"http\\005fpost"('x'); return new; end`],
  ["writes them with an escape of its own", `begin perform U&"http!005fpost" UESCAPE '!' ('x'); return new; end`],
  ["has a comment between", "begin perform net . /* ; */ HTTP_Post -- (\n ('x'); return new; end"],
  ["writes the queue", "begin insert into net.http_request_queue (method, url) values ('GET', 'x'); return new; end"],
  ["runs a text", "begin execute 'select net.' || 'http_post(1)'; return new; end"],
  ["runs a text as a block", "begin do 'begin end'; return new; end"],
  ["runs a query for a result in XML", "begin perform query_to_xml('select 1', true, true, ''); return new; end"],
  ["sends rows to a program", "begin copy (select 1) to program 'curl x'; return new; end"],
  ["subscribes", "begin create subscription s connection '' publication p; return new; end"],
  ["schedules what runs later", "begin insert into cron.job (command) values ('x'); return new; end"],
  ["hides it behind a quote that may end or not", "begin perform '\\'', net.http_post('x'), ''; return new; end"],
];

test.each(spoken)("a trigger is off when its function %s", (_name, body) => {
  expect(offIn([routine("f", body), trigger("t", "f")])).toEqual(["trigger t on public.orders"]);
});

const quiet: readonly [string, string][] = [
  ["makes a profile", "begin insert into public.profiles (id, email) values (new.id, new.email); return new; end"],
  ["sets a time", "begin new.updated_at := now(); return new; end"],
  ["only speaks of it", "begin -- net.http_post(\n raise notice 'net.http_post('; return new; end"],
  ["does nothing on conflict", "begin insert into t values (1) on conflict do nothing; return new; end"],
  ["notifies", "begin perform pg_notify('a', 'b'); notify c; return new; end"],
];

test.each(quiet)("a trigger stays on when its function %s", (_name, body) => {
  expect(offIn([routine("f", body), trigger("t", "f")])).toEqual([]);
});

const ways: readonly [string, readonly InventoryObject[]][] = [
  [
    "another function",
    [routine("deep", "begin perform net.http_post('x'); end"), routine("f", "begin perform deep(); end")],
  ],
  [
    "a procedure",
    [
      routine("p", "begin perform net.http_post('x'); end", "plpgsql", "procedure"),
      routine("f", "begin call p(); end"),
    ],
  ],
  ["SQL", [routine("deep", "select net.http_post('x')", "sql"), routine("f", "begin perform deep(); end")]],
  [
    "SQL that was parsed",
    [
      object(
        "function",
        "public.f()",
        "CREATE FUNCTION public.f()\n LANGUAGE sql\nBEGIN ATOMIC\n SELECT net.http_post('x'::text);\nEND\n",
      ),
    ],
  ],
  [
    "a view",
    [object("view", "public.v", " SELECT net.http_post('x'::text);"), routine("f", "begin perform 1 from v; end")],
  ],
  [
    "a default",
    [
      object("table", "public.log", "  column id bigint default net.http_post('x')"),
      routine("f", "begin insert into log default values; end"),
    ],
  ],
  [
    "a partition's default",
    [
      object("table", "public.log", "partition by RANGE (id)"),
      object(
        "table",
        "public.log_1",
        "partition of public.log FOR VALUES FROM (1) TO (2)\n  column id bigint default net.http_post('x')",
      ),
      routine("f", "begin insert into log values (1); end"),
    ],
  ],
  [
    "a check",
    [
      object("table", "public.log"),
      object("table constraint", "c on public.log", "CHECK ((net.http_post('x'::text) > 0))"),
      routine("f", "begin insert into log values (1); end"),
    ],
  ],
  [
    "a domain",
    [
      object("type", "public.dom", "domain text"),
      object("domain constraint", "c on public.dom", "CHECK (net.http_post(VALUE) > 0)"),
      routine("f", "begin perform 'x'::dom; end"),
    ],
  ],
  [
    "an operator",
    [
      routine("deep", "begin perform net.http_post('x'); end"),
      object("operator", "public.~~>(text,text)", "public.deep(text,text) result text"),
      routine("f", "begin perform a ~~> b; end"),
    ],
  ],
  [
    "a policy",
    [
      object("table", "public.log"),
      object(
        "policy",
        "p on public.log",
        "permissive for insert to public with check ((net.http_post('x'::text) > 0))",
      ),
      routine("f", "begin insert into log values (1); end"),
    ],
  ],
  [
    "a foreign table",
    [object("foreign table", "public.far", "server s"), routine("f", "begin insert into far values (1); end")],
  ],
  ["another language", [routine("f", "import requests", "plpython3u")]],
  [
    "an extension that nobody knows",
    [object("function", "public.send()", "", { extension: "sender" }), routine("f", "begin perform send(); end")],
  ],
];

test.each(ways)("a trigger is off when it calls out by %s", (_name, objects) => {
  expect(offIn([...objects, trigger("t", "f")])).toContain("trigger t on public.orders");
});

test("only what calls out by itself is off: not the table that another trigger writes", () => {
  const tables = [object("table", "public.orders"), object("table", "public.audit")];
  const functions = [
    routine("call", "begin perform net.http_post('x'); end"),
    routine("note", "begin insert into audit values (1); end"),
  ];
  expect(offIn([...tables, ...functions, trigger("a", "call", "public.audit"), trigger("b", "note")])).toEqual([
    "trigger a on public.audit",
  ]);
});

describe("each is switched on again by one statement", () => {
  const call = routine("f", "begin perform net.http_post('x'); end");
  const rule = (more = "") =>
    object(
      "rule",
      "r on public.orders",
      `CREATE RULE r AS\n    ON INSERT TO public.orders DO  SELECT net.http_post('x'::text);${more}`,
    );
  const statements: readonly [string, InventoryObject, boolean, string][] = [
    ["a trigger", trigger("t", "f"), true, "ALTER TABLE public.orders ENABLE TRIGGER t;"],
    [
      "one that always fires",
      trigger("t", "f", "public.orders", " always"),
      true,
      "ALTER TABLE public.orders ENABLE ALWAYS TRIGGER t;",
    ],
    [
      "a platform's table",
      { ...trigger("t", "f", "auth.users"), schema: "auth" },
      true,
      "CREATE TRIGGER t AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.f();",
    ],
    [
      "the same in plain Postgres",
      { ...trigger("t", "f", "auth.users"), schema: "auth" },
      false,
      "ALTER TABLE auth.users ENABLE TRIGGER t;",
    ],
    [
      "a view",
      trigger("t", "f", "public.v"),
      true,
      "CREATE TRIGGER t AFTER INSERT ON public.v FOR EACH ROW EXECUTE FUNCTION public.f();",
    ],
    ["a rule", rule(), true, "ALTER TABLE public.orders ENABLE RULE r;"],
    ["a rule that always fires", rule(" enabled A"), true, "ALTER TABLE public.orders ENABLE ALWAYS RULE r;"],
    [
      "an event trigger",
      object("event trigger", "e", "ddl_command_end public.f() enabled R tags CREATE TABLE", { schema: null }),
      true,
      "ALTER EVENT TRIGGER e ENABLE REPLICA;",
    ],
    [
      "a materialised view",
      object("materialized view", "public.m", "populated\n SELECT net.http_post('x'::text);"),
      true,
      "REFRESH MATERIALIZED VIEW public.m;",
    ],
  ];
  test.each(statements)("%s", (_name, one, supabase, statement) => {
    const view = object("view", "public.v", " SELECT 1");
    const { outbound } = planQuiet(inventory([call, view, one]), supabase);
    expect(outbound.map(({ switchOn }) => switchOn)).toEqual([statement]);
  });
});

test("a check that speaks at once is left out, since every row that is loaded would ask it; one that queues stays", () => {
  const dblink = object("function", "extensions.dblink_connect(text)", "", {
    schema: "extensions",
    extension: "dblink",
  });
  const knock = routine("knock", "begin perform dblink_connect('x'); end");
  const post = routine("post", "begin perform net.http_post('x'); end");
  const check = (name: string, calls: string, more = ""): InventoryObject =>
    object("table constraint", `${name} on public.orders`, `CHECK (public.${calls}(id))${more}`, { listed: false });
  const plan = planQuiet(
    inventory([dblink, knock, post, check("k", "knock", " NO INHERIT no inherit"), check("p", "post")]),
    true,
  );
  expect(plan.outbound.map(({ how, switchOn }) => [how, switchOn])).toEqual([
    ["left out", "ALTER TABLE public.orders ADD CONSTRAINT k CHECK (public.knock(id)) NO INHERIT;"],
  ]);
});

test("what was off at the source is nobody's business", () => {
  const call = routine("f", "begin perform net.http_post('x'); end");
  expect(offIn([call, trigger("t", "f", "public.orders", " disabled")])).toEqual([]);
});

test("a backslash before a quote leaves no doubt where PostgreSQL printed it", () => {
  const check = "CHECK ((slug !~~ like_escape('%\\_%'::text, '\\'::text)))";
  expect(offIn([object("table constraint", "lp on public.orders", check)])).toEqual([]);
});

test("a trigger that was switched off differs from the source in nothing else", () => {
  const call = routine("f", "begin perform net.http_post('x'); end");
  const source = inventory([call, trigger("t", "f", "public.orders", " always")]);
  const off = inventory([call, trigger("t", "f", "public.orders", " disabled")]);
  const { target, differences } = asIfOn(off, planQuiet(source, true).outbound);
  expect(target.objects.at(-1)?.definition).toMatch(/ always$/);
  expect(differences).toHaveLength(1);
  expect(asIfOn(source, planQuiet(source, true).outbound).differences).toEqual([]);
});

test("requests are held back for as long as code that stays on may send any", () => {
  const call = routine("f", "begin perform net.http_post('x'); end");
  expect(planQuiet(inventory([call]), true).holdsRequests).toBe(true);
  expect(planQuiet(inventory([routine("f", "begin return new; end"), trigger("t", "f")]), true).holdsRequests).toBe(
    false,
  );
});

test("names are read as Postgres folds and cuts them", () => {
  const long = "a".repeat(70);
  const names = readTokens(`Abc "Abc" "a""b" ${long} é$1 $t$ "x" ' $t$ 'it''s' E'\\'' /* a /* b */ c */ d`).tokens;
  expect(names.filter(({ kind }) => kind === "name").map(({ text }) => text)).toEqual([
    ...["abc", "Abc", 'a"b', "a".repeat(63), "é$1", "d"],
  ]);
});
