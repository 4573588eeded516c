import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { tableName } from "../../actions/lib/postgres/identifier.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";
import { startTcpFaultProxy } from "../faults/proxy/tcp-proxy.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { type DataFile, resliceSet } from "./resliced-set.ts";
import { isUntouched, restoreInto, told } from "./restore-lab.ts";

/** A table that is cut, its key checked early; many small ones, among them some that go in only when others are there. */
const contents = `
  create table public.big (id int primary key, body text not null);
  insert into public.big select i, repeat(md5(i::text), 20) from generate_series(1, 4000) i;
  create table public.letters (letter text, n int) partition by hash (letter);
  create table public.letters_0 partition of public.letters for values with (modulus 2, remainder 0);
  create table public.letters_1 partition of public.letters for values with (modulus 2, remainder 1);
  insert into public.letters select chr(97 + i % 26), i from generate_series(1, 500) i;
  create table public.nothing ();
  insert into public.nothing default values;
  insert into public.nothing default values;
  create table public."odd\\. ""name"" FROM stdin;" (id int, "a column
\\." text);
  insert into public."odd\\. ""name"" FROM stdin;" values (1, E'\\\\.\\n\\\\.'), (2, null);
  do $$ begin
    for i in 1..250 loop
      execute format('create table public.small_%s (id int primary key, said text)', i);
      execute format('insert into public.small_%s select %s, ''row %s''', i, i, i);
    end loop;
  end $$;
  create function public.known(int) returns boolean language sql stable
    as 'select exists (select from public.small_250 where id >= $1)';
  create table public.a_late (id int check (public.known(id)));
  insert into public.a_late values (7);`;

const made = new AsyncDisposableStack();
let projects = 0;
let lab: BackupLab;
let source: LabProject;
let set: string;

async function another(major: 15 | 17 = 17): Promise<LabProject> {
  const superuser = sharedPostgres(major).superuserUrl();
  const project = await createProject(superuser, `slices_${process.pid}_${projects++}`);
  made.defer(() => dropProject(superuser, project.name));
  return project;
}

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await another();
  await execute(source.postgresUrl, contents);
  set = (await backUp(lab, source.backupUrl)).set;
});
afterAll(async () => {
  await made.disposeAsync();
  await lab[Symbol.asyncDispose]();
});

const slices = { "public.big": 5, "public.letters_0": 2 };
const reslice = (change?: (files: DataFile[], inventory: Inventory) => void) =>
  resliceSet({ lab, set, slices, ...(change && { change }) });

const verify = (set: string) =>
  verifySet(lab.vault, set, { trustedSigners: lab.signers, deep: true, privateKey: lab.operations }, silentLog);

const sums = (url: string) =>
  withClient(url, async (client) => {
    const one = await client.query(
      "select count(*)::int as rows, md5(string_agg(b::text, ',' order by id)) as text from public.big b",
    );
    const two = await client.query("select count(*)::int as rows, sum(n)::int as sum from public.letters");
    return [...one.rows, ...two.rows];
  });

describe("a set of slices", () => {
  test("is whole, and is restored with every row once", async () => {
    const { set } = await reslice();
    const { outcome, findings } = await verify(set);
    expect(outcome).toBe("whole");
    expect(findings.map(({ code }) => code)).toEqual(["object-unlocked"]);
    const target = await another();
    const result = await restoreInto(lab, target.postgresUrl, { ref: set });
    expect({ restored: result.outcome, failed: told(result, "failed") }).toEqual({ restored: "equal", failed: [] });
    expect(await sums(target.superuserUrl)).toEqual(await sums(source.superuserUrl));
  });

  test.each([1, 2, 4])("is taken up when a restore is killed at slice %i: no row comes twice", async (slice) => {
    const { set } = await reslice();
    const target = await another();
    const stop = new AbortController();
    const log: Log = {
      ...silentLog,
      track: (name, total) => {
        if (name.startsWith(`data/10-big.00${slice}.`)) stop.abort();
        return silentLog.track(name, total);
      },
    };
    await expect(restoreInto(lab, target.postgresUrl, { ref: set, log, signal: stop.signal })).rejects.toThrow();
    const result = await restoreInto(lab, target.postgresUrl, { ref: set });
    expect({ restored: result.outcome, failed: told(result, "failed") }).toEqual({ restored: "equal", failed: [] });
    expect(await sums(target.superuserUrl)).toEqual(await sums(source.superuserUrl));
  });

  test("of PostgreSQL 15, as a backup cuts it, goes into 17, though the network is cut in each slice", async () => {
    const old = await another(15);
    const contents = String.raw`
      create table public.big (id int primary key, body text not null);
      insert into public.big select i, repeat(E'\\.\n\\N\t' || md5(i::text), 30) from generate_series(1, 6000) i;
      create table public.letters (letter text, n int);`;
    await execute(old.postgresUrl, contents);
    const { set, artifacts } = await backUp(lab, old.backupUrl, { acceptShrinkage: true });
    const slices = artifacts.map(({ name }) => name).filter((name) => /-public\.big\.\d{3}\./.test(name));
    expect(slices.length).toBeGreaterThan(2);
    // Of its own: other tests' roles would be strangers in it.
    const cluster = await startPostgres(17);
    made.defer(() => cluster.stop());
    const target = await createProject(cluster.superuserUrl(), "target");
    const through = new URL(target.postgresUrl);
    await using proxy = await startTcpFaultProxy(
      { host: through.hostname, port: Number(through.port) },
      { roundTripMs: 1, bytesPerSecond: 4_000_000 },
    );
    through.port = String(proxy.port);
    const uncut = new Set(slices);
    const restore = () => {
      const track: Log["track"] = (name, total) => {
        if (uncut.delete(name)) setTimeout(() => proxy.cut(), 100);
        return silentLog.track(name, total);
      };
      return restoreInto(lab, through.href, { ref: set, log: { ...silentLog, track } });
    };
    while (uncut.size > 0) await expect(restore()).rejects.toMatchObject({ code: "restore-interrupted" });
    const result = await restore();
    expect({ restored: result.outcome, begun: result.begun, failed: told(result, "failed") }).toEqual({
      ...{ restored: "equal", begun: "resumed", failed: [] },
    });
    expect(await sums(target.superuserUrl)).toEqual(await sums(old.superuserUrl));
  });

  test("is not taken up when somebody has written between two slices", async () => {
    const { set } = await reslice();
    const target = await another();
    const stop = new AbortController();
    const log: Log = {
      ...silentLog,
      track: (name, total) => {
        if (name.startsWith("data/10-letters_0.002.")) stop.abort();
        return silentLog.track(name, total);
      },
    };
    await expect(restoreInto(lab, target.postgresUrl, { ref: set, log, signal: stop.signal })).rejects.toThrow();
    await execute(target.superuserUrl, "insert into public.big values (100000, 'mine')");
    await expect(restoreInto(lab, target.postgresUrl, { ref: set })).rejects.toMatchObject({ code: "target-moved-on" });
  });
});

const file = (files: DataFile[], name: string): DataFile => {
  const found = files.find((one) => one.name.startsWith(name));
  if (found === undefined) throw new Error(name);
  return found;
};
const swap = (one: DataFile, other: DataFile): void => {
  [one.blocks, other.blocks] = [other.blocks, one.blocks];
};
const tableOf = ({ tables }: Inventory, name: string) => {
  const found = tables.find((one) => tableName(one) === name);
  if (found?.parts === undefined) throw new Error(name);
  return { ...found, parts: found.parts };
};

describe("a signed set of which a slice is not as it should be is found out by --deep", () => {
  test.each<[string, string, RegExp, (files: DataFile[], inventory: Inventory) => void]>([
    [
      "two slices of a table are swapped",
      "rows-differ",
      /big\.001.*public\.big.*not those/s,
      (files) => swap(file(files, "data/10-big.001"), file(files, "data/10-big.002")),
    ],
    [
      "a slice holds another table's rows",
      "rows-malformed",
      /public\.big do not come next/,
      (files) => swap(file(files, "data/10-big.003"), file(files, "data/10-letters_0.001")),
    ],
    [
      "a slice is empty",
      "rows-differ",
      /0 rows of public\.big/,
      (files) => {
        for (const block of file(files, "data/10-big.004").blocks) block[1] = "";
      },
    ],
    [
      "a slice has a row more",
      "rows-differ",
      /801 rows of public\.big/,
      (files) => {
        for (const block of file(files, "data/10-big.004").blocks) block[1] += "0\tx\n";
      },
    ],
    ["a file has no block", "rows-malformed", /ends/, (files) => void file(files, "data/10-big.002").blocks.pop()],
    [
      "a file has a block twice",
      "rows-malformed",
      /follows/,
      (files) => {
        const { blocks } = file(files, "data/10-big.002");
        blocks.push(...blocks);
      },
    ],
    [
      "a small table's rows are another's",
      "rows-malformed",
      /do not come next/,
      (files) => void file(files, "data/90").blocks.reverse(),
    ],
  ])("%s", async (_what, code, what, change) => {
    const { set } = await reslice(change);
    const { outcome, findings } = await verify(set);
    expect(outcome).toBe("damaged");
    expect(findings).toContainEqual(
      expect.objectContaining({ code, severity: "damage", where: expect.stringMatching(/^data\//) }),
    );
    expect(findings.map((one) => `${one.where} ${one.what}`).join("\n")).toMatch(what);
  });

  test.each<[string, string, (files: DataFile[], inventory: Inventory) => void]>([
    [
      "a slice is lost",
      "slice-missing",
      (files) => void files.splice(files.indexOf(file(files, "data/10-big.003")), 1),
    ],
    [
      "a slice is in no list",
      "parts-differ",
      (_files, inventory) => void tableOf(inventory, "public.big").parts.splice(2, 1),
    ],
    [
      "a slice counts twice",
      "slice-twice",
      (_files, inventory) => {
        const { parts } = tableOf(inventory, "public.big");
        parts.push(...parts.slice(-1));
      },
    ],
    [
      "slices are out of order",
      "slices-disordered",
      (_files, inventory) => void tableOf(inventory, "public.big").parts.reverse(),
    ],
    [
      "a table is in no file",
      "table-missing",
      (_files, inventory) => void tableOf(inventory, "public.small_7").parts.pop(),
    ],
  ])("%s: and a restore refuses it before anything is touched", async (_what, code, change) => {
    const { set } = await reslice(change);
    const { outcome, findings } = await verify(set);
    expect(outcome).toBe("damaged");
    expect(findings.map((one) => one.code)).toContain(code);
    const target = await another();
    await expect(restoreInto(lab, target.postgresUrl, { ref: set })).rejects.toMatchObject({
      code: "set-inconsistent",
    });
    expect(await isUntouched(target.superuserUrl)).toBe(true);
  });

  test("a slice with another table's rows ends the restore by name", async () => {
    const { set } = await reslice((files) =>
      swap(file(files, "data/10-big.003"), file(files, "data/10-letters_0.001")),
    );
    await expect(restoreInto(lab, (await another()).postgresUrl, { ref: set })).rejects.toMatchObject({
      ...{ code: "rows-malformed", message: expect.stringContaining("do not come next") },
    });
  });

  test("a slice that is not what its list says is restored, and the proof tells", async () => {
    const { set } = await reslice((files) => {
      for (const block of file(files, "data/10-big.004").blocks) block[1] = "";
    });
    const result = await restoreInto(lab, (await another()).postgresUrl, { ref: set });
    expect(result.outcome).toBe("differs");
    expect(told(result, "failed").join("\n")).toMatch(/public\.big/);
  });
});
