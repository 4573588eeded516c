import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeShop, readState, refill, type Shop } from "../faults/accidents/scene.ts";
import { repairRunner } from "../faults/accidents/tools.ts";
import { execute, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";

const admin = sharedPostgres(15).superuserUrl();
let lab: BackupLab;
let shop: Shop;
let run: ReturnType<typeof repairRunner>;
let set: string;
/** The transaction of the accident: every price of the courses up to 30. */
let accident: string;

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  shop = await makeShop(admin, `repair_verb_${process.pid}`);
  set = (await backUp(lab, shop.url)).set;
  run = repairRunner(lab, shop);
  accident = await damage();
});
afterAll(async () => {
  await execute(admin, `drop database ${shop?.name} with (force)`);
  await lab?.[Symbol.asyncDispose]();
});

async function damage(): Promise<string> {
  return withClient(shop.url, async (client) => {
    await client.query("set shop.clock = '2026-02-02 00:00Z'");
    const answer = await client.query(
      "begin; update public.courses set price = 0 where id <= 30; select pg_current_xact_id()::text as id",
    );
    await client.query("commit; update public.courses set title = 'by hand' where id = 40");
    return (answer as unknown as { rows: { id: string }[] }[])[2]?.rows[0]?.id ?? "";
  });
}

const courses = { table: "public.courses", "dry-run": true } as const;
const refused = (code: string, message = "") => ({ exitCode: 2, code, message: expect.stringContaining(message) });

test("what goes together and what is needed is said before anything is opened", async () => {
  const wrong: readonly Record<string, string | boolean>[] = [
    { set },
    { set, table: "public.courses" },
    { table: "public.courses", missing: true, "expect-rows": "1" },
    { set, "good-target": "default", ...courses, missing: true },
    { set, table: "public.courses", missing: true },
    { set, ...courses, transaction: "7-9" },
    { undo: set, set },
    { undo: set, apply: set },
    { apply: set },
    { set, ...courses, missing: true, "plan-hash": "ab" },
    { set, ...courses, missing: true, "expect-rows": "many" },
    { set, ...courses, missing: true, "batch-rows": "0" },
    { set, ...courses, missing: true, "batch-rows": "9", "all-or-none": true },
    { undo: set, "with-files": true },
  ];
  for (const given of wrong) {
    const told = await Promise.resolve()
      .then(() => run(given))
      .catch((error: unknown) => error);
    expect(told, JSON.stringify(given)).toMatchObject(refused("usage"));
  }
});

test("a set, a table, a column or a plan that is not there is named", async () => {
  await expect(run({ set: "20200101T000000Z-00000000", ...courses, missing: true })).rejects.toMatchObject(
    refused("set-unknown"),
  );
  await expect(run({ set, ...courses, table: "public.nobody", missing: true })).rejects.toMatchObject(
    refused("set-without-table", "public.nobody"),
  );
  await expect(run({ set, ...courses, "all-rows": true, columns: "price,prize" })).rejects.toMatchObject(
    refused("repair-columns", "prize"),
  );
  await expect(run({ set, ...courses, "all-rows": true, columns: "id" })).rejects.toMatchObject(
    refused("repair-columns", "key"),
  );
  await expect(run({ apply: set, "plan-hash": "0123456789abcdef" })).rejects.toMatchObject(refused("plan-unknown"));
  await expect(run({ undo: set })).rejects.toMatchObject(refused("plan-unknown"));
});

test("a selection that chooses nothing, every row, or rows of several writers is refused until it is meant", async () => {
  await expect(run({ set, ...courses, missing: true })).rejects.toMatchObject(refused("repair-chooses-nothing"));
  await expect(run({ set, ...courses, transaction: "999999" })).rejects.toMatchObject(
    refused("repair-chooses-nothing"),
  );
  await expect(run({ set, ...courses, where: "id < 0" })).rejects.toMatchObject({ exitCode: 2 });
  await expect(run({ set, ...courses, where: "id > 0" })).rejects.toMatchObject(refused("repair-chooses-all"));
  await expect(run({ set, ...courses, where: "id > 20" })).rejects.toMatchObject(
    refused("repair-many-writers", `${accident} (10 rows)`),
  );
  expect(await run({ set, ...courses, where: "id > 20 and id < 40" })).toMatchObject({ result: { rows: 10 } });
  expect(await run({ set, ...courses, "all-rows": true })).toMatchObject({ result: { rows: 31 } });
});

test("rows are named by a file, in the table's own types, and a file that is none is refused", async () => {
  const keys = join(lab.folder, "keys.txt");
  const named = (text: string) => writeFile(keys, text).then(() => run({ set, ...courses, keys }));
  expect(await named("id\n0003\n7\n39\n")).toMatchObject({ result: { rows: 2 } });
  await expect(named("id\nx\n")).rejects.toMatchObject(refused("keys-unreadable"));
  await expect(named("no such column\n1\n")).rejects.toMatchObject(refused("keys-unreadable"));
  await expect(run({ set, ...courses, keys: join(lab.folder, "nowhere") })).rejects.toMatchObject(
    refused("keys-unreadable"),
  );
});

test("only the columns that were asked for are put back", async () => {
  const told = await run({ set, ...courses, transaction: accident, columns: "price" });
  expect(told).toMatchObject({ result: { rows: 30, tables: [{ columns: { price: 30 } }] } });
  expect(await run({ set, ...courses, transaction: accident })).toMatchObject({
    result: { rows: 30, tables: [{ columns: { price: 30, updated_at: 30 } }] },
  });
});

test("what was reviewed is what runs: another hash, another number of rows, a prover's key or no typed ref ends it before", async () => {
  const before = await readState(shop);
  const planned = await run({ set, ...courses, transaction: accident });
  const { repair } = planned.outputs as { repair: string };
  await expect(run({ apply: repair, "plan-hash": "0123456789abcdef" })).rejects.toMatchObject(refused("plan-other"));
  await expect(run({ set, table: "public.courses", transaction: accident, "expect-rows": "29" })).rejects.toMatchObject(
    refused("rows-unexpected", "30 rows"),
  );
  const prover = repairRunner(lab, shop, { RESTORE_PRIVATE_KEY: lab.prover.key.armor() });
  await expect(prover({ set, ...courses, transaction: accident })).rejects.toMatchObject(
    refused("signing-key-missing"),
  );
  await expect(run({ apply: repair, "plan-hash": "0", production: "another" })).rejects.toMatchObject(
    refused("target-is-production"),
  );
  await expect(run({ apply: repair, "plan-hash": "0", incident: "20260101T000000Z-00000000" })).rejects.toMatchObject(
    refused("incident-not-on"),
  );
  expect(await readState(shop)).toEqual(before);
});

test("neither page nor report of a plan shows a value of a row; the file that was asked for does", async () => {
  const plan = join(lab.folder, "plan.ndjson");
  const told = await run({ set, ...courses, "all-rows": true, plan });
  expect(JSON.stringify(told)).not.toContain("by hand");
  const { readFile, stat } = await import("node:fs/promises");
  expect(await readFile(plan, "utf8")).toContain("by hand");
  expect(((await stat(plan)).mode & 0o777).toString(8)).toBe("600");
  await expect(run({ set, ...courses, "all-rows": true, plan })).rejects.toMatchObject(refused("plan-file"));
});

test("the good rows may be another database's", async () => {
  const copy = await makeShop(admin, `repair_good_${process.pid}`);
  try {
    await refill(copy);
    const policy = JSON.parse(
      await (await import("node:fs/promises")).readFile(join(lab.folder, "policy.json"), "utf8"),
    );
    await writeFile(
      join(lab.folder, "policy.json"),
      JSON.stringify({ ...policy, targets: { ...policy.targets, minute: { env: "MINUTE" } } }),
    );
    const other = repairRunner(lab, shop, { MINUTE_DATABASE_URL: copy.url });
    const given = { table: "public.courses", transaction: accident, "good-target": "minute" };
    expect(await other({ ...given, "dry-run": true })).toMatchObject({ result: { rows: 30 } });
    const repaired = await other({ ...given, "expect-rows": "30" });
    expect(repaired).toMatchObject({ exitCode: 0, result: { outcome: "repaired", rows: 30 } });
    const found = await readState(shop);
    expect(found.courses.get("7")).toEqual((await readState(copy)).courses.get("7"));
    expect(found.courses.get("40")?.[2]).toBe("by hand");
  } finally {
    await execute(admin, `drop database ${copy.name} with (force)`);
  }
});

test("all or none ends at the first change that cannot be written, and batches are kept each by itself", async () => {
  const second = await damage();
  const { repair, hash } = (await run({ set, ...courses, transaction: second })).result as Record<string, string>;
  await execute(shop.url, "set shop.clock = '2026-02-03 00:00Z'; update public.courses set price = 77 where id = 7");
  const before = await readState(shop);
  // Keys are told to who asks for them, and stand in no page.
  const planned = await run({ set, ...courses, transaction: second, values: true });
  const seven = { table: "public.courses", key: [{ column: "id", value: "7" }] };
  expect((planned.result as { conflicts: object[] }).conflicts).toContainEqual({ ...seven, code: "edited-since" });
  expect(planned.lines?.join("\n")).toContain("id 7");
  const quiet = await run({ set, ...courses, transaction: second });
  expect(quiet.result).not.toHaveProperty("conflicts");
  expect(`${quiet.lines?.join("\n")} ${JSON.stringify(planned.page)}`).not.toContain("id 7");
  const apply = { apply: repair ?? "", "plan-hash": hash ?? "" };
  await expect(run({ ...apply, "all-or-none": true })).rejects.toMatchObject({ code: "rows-refused" });
  expect(await readState(shop)).toEqual(before);

  const done = await run({ ...apply, "batch-rows": "8", values: true });
  expect(done).toMatchObject({
    exitCode: 1,
    result: { outcome: "repaired", rows: 29, left: 1, leftRows: [{ ...seven, code: "edited" }] },
  });
  expect((done.result as { transactions: string[] }).transactions).toHaveLength(4);
  expect((await readState(shop)).courses.get("7")).toEqual(before.courses.get("7"));
  expect(await run({ undo: repair ?? "" })).toMatchObject({ exitCode: 0, result: { outcome: "undone", rows: 29 } });
  expect(await readState(shop)).toEqual(before);
});
