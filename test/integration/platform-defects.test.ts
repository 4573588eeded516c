import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { Platform } from "../../actions/lib/platform/platform.ts";
import { compareObjects } from "../../actions/lib/prove/compare-objects.ts";
import { compareRoles } from "../../actions/lib/prove/compare-roles.ts";
import type { Difference } from "../../actions/lib/prove/difference.ts";
import { occupants } from "../../actions/lib/restore/occupants.ts";
import { inspectTarget, type TargetFacts } from "../../actions/lib/restore/target.ts";
import { connect } from "../../actions/lib/source/connect.ts";
import type { Inventory } from "../../actions/lib/source/inventory/model.ts";
import { readInventory } from "../../actions/lib/source/inventory/read.ts";
import { createProject, execute } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { oddContents } from "./odd-contents.ts";
import { ground, platformDefects } from "./platform-defects.ts";

/** One project stands for source and copy: each defect is planted in a transaction that is rolled back. */

let cluster: RunningPostgres;
let copy: pg.Client;
let untouched: pg.Client;
let source: Inventory;
let facts: TargetFacts;

beforeAll(async () => {
  // Of its own: other tests' roles would be strangers in it.
  cluster = await startPostgres(17);
  const session = (url: string) => connect(parseConnectionUrl(url), { applicationName: "lifeboat/test" });
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

test.each(platformDefects)("the proof fails for %s, and names nothing else", async (_name, sql, named) => {
  const found = await within(copy, sql, differences);
  expect(found.map(({ verdict, kind, identity, aspect }) => `${verdict} ${kind} ${identity} ${aspect}`)).toEqual([
    `failed ${named}`,
  ]);
});

const found = (client: pg.Client) => async () => {
  const inventory = await readInventory(client);
  return occupants(client, { ...facts, inventory, platform: await Platform.read(client, inventory) }, { roles: [] });
};

test("a new project is empty", async () => {
  const strangers = await occupants(untouched, await inspectTarget(untouched, 17), { roles: source.roles });
  expect(strangers).toEqual([]);
});

test.each(oddContents)("a target with %s is not empty, and is told by name", async (_name, sql, named) => {
  const mine = await within(untouched, sql, found(untouched));
  expect(mine).toContain(named);
});
