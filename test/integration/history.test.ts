import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { reportBackup } from "../../actions/lib/operations/backup/page.ts";
import type { BackupResult } from "../../actions/lib/operations/backup/result.ts";
import { openNewFile } from "../../actions/lib/operations/history/new-file.ts";
import { reportHistory } from "../../actions/lib/operations/history/page.ts";
import { type HistoryKeys, type HistoryRequest, runHistory } from "../../actions/lib/operations/history/run-history.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { signingKey } from "../../actions/lib/vault/configured.ts";
import { setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { indexArtifact } from "../../actions/lib/vault/sets/table-index.ts";
import { lifeboat } from "../lab/command-line.ts";
import { createProject, dropProject, execute, type LabProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";

const made = `
  create table public.exams (id int primary key, price int, note text);
  insert into public.exams select i, i, 'note ' || i from generate_series(1, 20000) i;
  create table public.marks (tenant int, "a,b" text, mark int, primary key (tenant, "a,b"));
  insert into public.marks select i % 7, 'x' || i, i from generate_series(1, 3000) i;
  create table public.visits (at int, what text);
  insert into public.visits select i, 'v' from generate_series(1, 500) i;
  create table public.days (id int, day int, note text, primary key (day, id)) partition by list (day);
  create table public.days_1 partition of public.days for values in (1);
  create table public.days_2 partition of public.days for values in (2);
  insert into public.days select i, 1 + i % 2, 'n' from generate_series(1, 400) i;
  grant select on all tables in schema public to lifeboat_backup`;

/** What happens before each further set. */
const days = [
  "update public.exams set note = 'edited' where id in (3, 700, 15000); update public.days set day = 2 where id = 2",
  "update public.exams set price = 0 where id <= 12000; update public.visits set what = 'w'",
  "update public.exams set price = 987654321, note = E'one\\ttwo\\\\' where id = 700; update public.exams set note = note || '!' where id > 19400",
  "delete from public.exams where id > 17000; insert into public.exams values (30000, 1, 'new'); alter table public.marks add more text; delete from public.marks where tenant = 3",
];

describe.each([17, 15] as const)("the history of tables, PostgreSQL %i", (major) => {
  const name = `history_${major}_${process.pid}`;
  let lab: BackupLab;
  let project: LabProject;
  let request: Pick<HistoryRequest, "vault" | "config" | "log">;
  let signing: HistoryKeys;
  let opening: HistoryKeys;
  const sets: BackupResult[] = [];

  beforeAll(async () => {
    lab = await openBackupLab(sharedS3());
    project = await createProject(sharedPostgres(major).superuserUrl(), name);
    await execute(project.postgresUrl, made);
    for (const sql of ["select 1", ...days]) {
      await execute(project.postgresUrl, sql);
      // What sessions counted is told when they end, or a second later.
      await execute(project.superuserUrl, "select pg_sleep(1.1)");
      sets.push(await backUp(lab, project.backupUrl));
    }
    const config = await lab.config(project.backupUrl);
    request = { vault: lab.vault, config, log: silentLog };
    signing = { signing: [await signingKey(config)] };
    opening = { signing: [], opening: { privateKey: lab.operations, trustedSigners: lab.signers } };
  });
  afterAll(async () => {
    await dropProject(sharedPostgres(major).superuserUrl(), name);
    await lab[Symbol.asyncDispose]();
  });

  const idOf = (place: number): string => sets[place]?.set ?? "";

  test("tells without opening data by about how many rows a table changed, and which set was the last before a jump", async () => {
    const { vault, read } = watched(lab.vault);
    const { steps, jump } = await runHistory({ ...request, vault, table: "public.exams", keys: signing });
    expect(read.filter((key) => !/\/$|manifest\.json(\.sig)?$|\/index\/tables\./.test(key))).toEqual([]);
    expect(steps.map(({ manifest, state }) => [manifest.set, Number(state?.rows)])).toEqual([
      [idOf(0), 20000],
      [idOf(1), 20000],
      [idOf(2), 20000],
      [idOf(3), 20000],
      [idOf(4), 17001],
    ]);
    const [first, edits, accident, more, fewer] = steps.map(({ change }) => change);
    expect(first).toBeNull();
    expect(edits).toMatchObject({ differing: 3, changed: { rows: 3, sure: "about" } });
    expect(accident).toMatchObject({ differing: 1024, changed: { rows: 12000, sure: "about" }, altered: 12000 });
    expect(more?.differing).toBeLessThan(1024);
    expect(Math.abs((more?.changed.rows ?? 0) - 601)).toBeLessThan(90);
    expect(fewer).toMatchObject({ counted: { inserted: 1, updated: 0, deleted: 3000 } });
    expect(jump).toMatchObject({ set: idOf(2), before: { set: idOf(1) }, how: "altered", rows: 12000 });
  });

  test("is the same for whoever the sets are sealed to", async () => {
    const [byOpening, bySigning] = await Promise.all(
      [opening, signing].map((keys) => runHistory({ ...request, table: "public.exams", keys })),
    );
    expect(byOpening).toEqual(bySigning);
  });

  test("takes what is partitioned for one table, and a partition for itself", async () => {
    const whole = await runHistory({ ...request, table: "public.days", keys: signing });
    // One row went from a partition to another: its key is another one.
    expect(whole.steps.map(({ state, change }) => [Number(state?.rows), change?.changed.rows ?? 0])).toEqual([
      [400, 0],
      [400, 2],
      [400, 0],
      [400, 0],
      [400, 0],
    ]);
    const part = await runHistory({ ...request, table: "public.days_1", keys: signing });
    expect(part.steps.map(({ state }) => Number(state?.rows))).toEqual([200, 199, 199, 199, 199]);
  });

  test("goes by the server's counters where a table has no key, and says that columns came", async () => {
    const visits = await runHistory({ ...request, table: "public.visits", keys: signing });
    expect(visits.steps[2]?.change).toMatchObject({
      differing: null,
      changed: { rows: 500, sure: "about" },
      altered: 500,
    });
    const marks = await runHistory({ ...request, table: "public.marks", keys: signing });
    expect(marks.steps[4]?.change).toMatchObject({ reshaped: true, differing: null, counted: { deleted: 429 } });
  });

  test("shows a row as it is in each set, and reads its table only where it may have changed", async () => {
    const { vault, read } = watched(lab.vault);
    const { row } = await runHistory({ ...request, vault, table: "public.exams", key: "id=700", keys: opening });
    expect(row?.sets.map(({ outcome, values }) => [outcome, values?.get("price"), values?.get("note")])).toEqual([
      ["there", "700", "note 700"],
      ["there", "700", "edited"],
      ["there", "0", "edited"],
      ["there", "987654321", "one\ttwo\\"],
      ["there", "987654321", "one\ttwo\\"],
    ]);
    const gone = await runHistory({ ...request, table: "public.exams", key: "id=19999", keys: opening });
    expect(gone.row?.sets.map(({ outcome }) => outcome)).toEqual(["there", "there", "there", "there", "absent"]);
    const composite = await runHistory({
      ...request,
      vault,
      table: "public.marks",
      key: "tenant=1,a,b=x8",
      keys: opening,
    });
    expect(composite.row?.sets.map(({ values, byIndex }) => [values?.get("mark"), byIndex])).toEqual([
      ["8", false],
      ["8", true],
      ["8", true],
      ["8", true],
      ["8", false],
    ]);
    const ofSet = (place: number) => read.some((key) => key.startsWith(`${sets[place]?.prefix}data/`));
    expect(ofSet(0)).toBe(true);
  });

  test("finds a row in the partition where it lies", async () => {
    const { row } = await runHistory({ ...request, table: "public.days", key: "day=2,id=2", keys: opening });
    expect(row?.sets.map(({ outcome }) => outcome)).toEqual(["absent", "there", "there", "there", "there"]);
  });

  test("prints a row's values for the person at the terminal alone, and puts none on the page or into JSON", async () => {
    const history = await runHistory({ ...request, table: "public.exams", key: "id=700", keys: opening });
    const hidden = await reportHistory(history, { picture: undefined, shown: false });
    for (const text of [JSON.stringify(hidden.result), JSON.stringify(hidden.page), hidden.lines?.join("\n")])
      expect(text).not.toMatch(/edited|note 700|987654321/);
    expect(hidden.lines?.join("\n")).toMatch(/changed: price, note/);
    const shown = await reportHistory(history, { picture: undefined, shown: true });
    expect(shown.lines?.join("\n")).toMatch(/price = "987654321", was "0"; note = "one\\ttwo\\\\", was "edited"/);
    expect(JSON.stringify(shown.page)).not.toMatch(/edited/);
  });

  test("is a command: the signing key is enough for a table, a row wants the key that opens sets", async () => {
    const env = lab.env(project.backupUrl);
    const asked = ["history", "--table", "public.exams", "--json"];
    const table = await lifeboat(asked, env);
    expect([table.code, JSON.parse(table.stdout)]).toMatchObject([
      0,
      { table: "public.exams", jump: { set: idOf(2) } },
    ]);
    const closed = await lifeboat([...asked, "--key", "id=700"], env);
    expect([closed.code, closed.stderr]).toEqual([2, expect.stringContaining("RESTORE_PRIVATE_KEY")]);
    const opens = { ...env, BACKUP_SIGNING_KEY: "", RESTORE_PRIVATE_KEY: lab.operations.key.armor() };
    const row = await lifeboat([...asked, "--key", "id=700"], opens);
    expect([row.code, row.stdout]).toEqual([0, expect.not.stringMatching(/edited|987654321/)]);
    const shown = await lifeboat([...asked, "--key", "id=700", "--values"], opens);
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringMatching(/edited.*987654321/s)]);
  });

  test("has a line for each set, and a picture with the jump", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lifeboat-history-"));
    try {
      const history = await runHistory({ ...request, table: "public.exams", keys: signing });
      await using picture = await openNewFile(join(folder, "exams.svg"));
      const { page, lines } = await reportHistory(history, { picture, shown: false });
      expect(page?.sentence).toMatch(`The last set before about 12,000 rows changed at once is ${idOf(1)}`);
      const bars = page?.tables[0]?.rows.map((row) => row.at(-1)?.length);
      expect(bars).toEqual([0, 1, 24, 1, 6]);
      for (const { set } of sets) expect(lines?.filter((line) => line.includes(set)).length).toBeGreaterThan(0);
      const svg = await readFile(picture.path, "utf8");
      expect(svg).toMatch(/<title>public\.exams in 5 sets<\/title>/);
      await expect(openNewFile(picture.path)).rejects.toMatchObject({ code: "file-unwritable" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("looks only at the sets that are asked for", async () => {
    const newest = await runHistory({ ...request, table: "public.exams", newest: 2, keys: signing });
    expect(newest.steps.map(({ manifest }) => manifest.set)).toEqual([idOf(3), idOf(4)]);
    const since = sets[2]?.startedAt.replace(/\.\d+/, "") ?? "";
    const later = await runHistory({ ...request, table: "public.exams", since, keys: signing });
    expect(later.steps.map(({ manifest }) => manifest.set)).toEqual([idOf(2), idOf(3), idOf(4)]);
  });

  test.each([
    ["a name without its schema", { table: "exams" }, "usage"],
    ["a table that no set knows", { table: "public.exam" }, "table-unknown"],
    ["a time without sets", { since: "2999-01-01" }, "sets-missing"],
    ["a column that is not the key", { key: "price=3" }, "usage"],
    ["a part of a key", { table: "public.marks", key: "tenant=3" }, "usage"],
    ["a key where the table has none", { table: "public.visits", key: "at=3" }, "key-missing"],
  ] as const)("refuses %s, and says what to write", async (_what, asked, code) => {
    const refused = runHistory({ ...request, table: "public.exams", keys: opening, ...asked });
    await expect(refused).rejects.toMatchObject({ code, next: expect.stringMatching(/\w/) });
  });

  test("names the tables that may have been meant", async () => {
    const refused = runHistory({ ...request, table: "auth.exams", keys: signing });
    await expect(refused).rejects.toMatchObject({ next: expect.stringContaining("public.exams") });
  });

  test("says which signing key it wants when it is another one", async () => {
    const refused = runHistory({ ...request, table: "public.exams", keys: { signing: [lab.escrow] } });
    await expect(refused).rejects.toMatchObject({
      code: "index-key-foreign",
      message: expect.stringContaining(signing.signing[0]?.fingerprint ?? "none"),
    });
  });

  test("every backup tells of the tables that jumped since the set before, in its page, report and messages", async () => {
    const [first, edits, accident, more, fewer] = sets.map(({ sinceLast }) => sinceLast);
    expect([first, edits?.jumps, more?.jumps]).toEqual([null, [], []]);
    expect(accident?.jumps.map(({ table, how, altered }) => [table, how, altered])).toEqual([
      ["public.exams", "altered", 12000],
      ["public.visits", "altered", 500],
    ]);
    expect(fewer?.jumps.map(({ table, how }) => [table, how])).toEqual([
      ["public.exams", "lost"],
      ["public.marks", "lost"],
    ]);
    const told = reportBackup(sets[2] as BackupResult);
    expect(told.news).toBe("jumps");
    expect(told.facts?.jumps).toMatchObject({ since: idOf(1), more: 0 });
    expect(told.page?.notes?.join("\n")).toMatch(/12,000 of the 20,000 rows of public\.exams were changed/);
    expect(reportBackup(sets[1] as BackupResult).news).toBeUndefined();
  });

  test("the index is right, as a deep verification shows, and stays readable where rows are archived", async () => {
    const options = { trustedSigners: lab.signers, privateKey: lab.operations, deep: true };
    const verified = await verifySet(lab.vault, idOf(4), options, silentLog);
    expect(verified.findings.filter(({ severity }) => severity === "damage")).toEqual([]);
    expect(verified.artifacts.find(({ kind }) => kind === "index")?.outcome).toBe("whole");
  });

  test("passes over a meddled index by name, and tells of the other sets", async () => {
    const key = setPrefix("daily", idOf(1)) + indexArtifact.name;
    const { body } = await lab.vault.get(key);
    const other = await lab.vault.get(setPrefix("daily", idOf(2)) + indexArtifact.name);
    await lab.vault.put(key, other.body);
    try {
      const { steps } = await runHistory({ ...request, table: "public.exams", keys: signing });
      expect(steps.map(({ problem }) => problem?.code)).toEqual([
        undefined,
        "artifact-damaged",
        undefined,
        undefined,
        undefined,
      ]);
      expect(steps[2]?.change?.changed).toEqual({ rows: 12003, sure: "about" });
    } finally {
      await lab.vault.put(key, body);
    }
  });
});

/** A vault that notes every object that is read from it. */
function watched(vault: Vault): { readonly vault: Vault; readonly read: string[] } {
  const read: string[] = [];
  const get: Vault["get"] = (key, ...rest) => {
    read.push(key);
    return vault.get(key, ...rest);
  };
  const request: Vault["transport"]["request"] = (asked, attempt) => {
    if (asked.key !== undefined) read.push(asked.key);
    return vault.transport.request(asked, attempt);
  };
  return { read, vault: { ...vault, get, transport: { ...vault.transport, request } } };
}
