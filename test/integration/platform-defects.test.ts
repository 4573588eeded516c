import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Difference } from "../../actions/lib/compare/difference.ts";
import { compareObjects } from "../../actions/lib/compare/objects.ts";
import { compareRoles } from "../../actions/lib/compare/roles.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { occupants } from "../../actions/lib/operations/restore/gate/occupants.ts";
import { inspectTarget, type TargetFacts } from "../../actions/lib/operations/target/target.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";
import { readInventory } from "../../actions/lib/postgres/inventory/read.ts";
import { Platform, switchWebhooksOn } from "../../actions/lib/supabase/platform/platform.ts";
import { createProject, execute } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { builtInDefects } from "./built-in-defects.ts";
import { oddContents } from "./odd-contents.ts";
import { ground, platformDefects } from "./platform-defects.ts";
import { projectDefects } from "./project-defects.ts";

const defects = [...platformDefects, ...projectDefects, ...builtInDefects];
const refused = defects.flatMap(([name, sql, , atTheGate]) =>
  atTheGate === undefined ? [] : [[name, sql, atTheGate] as const],
);

/** One project stands for source and copy: each defect is planted in a transaction that is rolled back. */

let cluster: RunningPostgres;
let copy: pg.Client;
let untouched: pg.Client;
let source: Inventory;
let facts: TargetFacts;

const session = (url: string) => connect(parseConnectionUrl(url), { applicationName: "lifeboat/test" });

beforeAll(async () => {
  // Of its own: other tests' roles would be strangers in it.
  cluster = await startPostgres(17);
  const project = await createProject(cluster.superuserUrl(), "copy");
  untouched = await session((await createProject(cluster.superuserUrl(), "untouched")).superuserUrl);
  await execute(project.superuserUrl, `set role postgres; reset role; ${ground}`);
  copy = await session(project.superuserUrl);
  source = await readInventory(copy);
  facts = await inspectTarget(copy, 17);
});
afterAll(async () => {
  await copy?.end();
  await untouched?.end();
  await cluster?.stop();
});

async function within<Answer>(client: pg.Client, sql: string, look: () => Promise<Answer>): Promise<Answer> {
  await client.query("begin");
  try {
    await client.query(sql);
    return await look();
  } finally {
    await client.query("rollback");
  }
}

async function differences(): Promise<Difference[]> {
  const target = await readInventory(copy);
  const context = {
    platform: (await Platform.read(copy, target)).against(source),
    failures: new Map<string, string>(),
    words: { same: new Set<string>(), untold: new Set<string>() },
    deliberate: new Map<string, string>(),
    unavailableExtensions: new Set<string>(),
    extensionSchemas: new Map<string, string>(),
    makers: new Set([facts.role, facts.firstRole]),
  };
  const found = [...compareRoles(source, target, context), ...compareObjects(source, target, context)];
  return found.filter(({ verdict }) => verdict !== "expected");
}

test("a perfect copy has no difference", async () => {
  expect(await differences()).toEqual([]);
});

test.each(defects.map(([name, sql, named]) => [name, sql, named] as const))(
  "the proof fails for %s, and names nothing else",
  async (_name, sql, named) => {
    const found = await within(copy, sql, differences);
    expect(found.map(({ verdict, kind, identity, aspect }) => `${verdict} ${kind} ${identity} ${aspect}`)).toEqual([
      `failed ${named}`,
    ]);
  },
);

const found = (client: pg.Client) => async () => {
  const inventory = await readInventory(client);
  return occupants(client, { ...facts, inventory, platform: await Platform.read(client, inventory) }, { roles: [] });
};

test("an extension that the set does not have is named, and is no difference while nobody but its owner can use it", async () => {
  const create = "create schema apart; create extension hstore with schema apart";
  expect(await within(copy, create, differences)).toEqual([]);
  const open = await within(copy, `${create}; grant usage on schema apart to anon`, differences);
  expect(open.map(({ kind, identity, aspect }) => `${kind} ${identity} ${aspect}`)).toContain("extension hstore extra");
});

test("Database Webhooks that are switched off are one difference, with what to switch on", async () => {
  const found = await within(copy, "drop schema supabase_functions cascade", differences);
  const ofSchema = found.filter(({ identity }) => /supabase_functions/.test(identity));
  expect(ofSchema.map(({ kind, identity, aspect, why }) => `${kind} ${identity} ${aspect}: ${why}`)).toEqual([
    `schema supabase_functions missing: ${switchWebhooksOn}`,
  ]);
});

test("a new project is empty", async () => {
  const strangers = await occupants(untouched, await inspectTarget(untouched, 17), { roles: source.roles });
  expect(strangers).toEqual([]);
});

// Rows are looked for in transactions of their own, which are rolled back: they have to be there.
test.each(oddContents.map((one, place) => [...one, place] as const))(
  "a target with %s is not empty, and is told by name",
  async (_name, sql, named, place) => {
    const { superuserUrl } = await createProject(cluster.superuserUrl(), `filled_${place}`);
    await execute(superuserUrl, sql);
    const client = await session(superuserUrl);
    expect(await found(client)().finally(() => client.end())).toContain(named);
  },
);

test.each(refused)("a target with %s is not empty, and is told by name", async (_name, sql, named) => {
  expect(await within(untouched, sql, found(untouched))).toContain(named);
});
