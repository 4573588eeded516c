import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Log, silentLog, type Track } from "../../actions/lib/base/log.ts";
import { type BackupLab, backUp, openBackupLab } from "../integration/backup-lab.ts";
import { isUntouched, restoreInto, told } from "../integration/restore-lab.ts";
import { createProject, dropProject, execute, type LabProject, PLANTED_EMAIL, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";

const superuser = () => sharedPostgres(17).superuserUrl();
let lab: BackupLab;
let source: LabProject;
let targets = 0;
const made: string[] = [];

async function newTarget(): Promise<LabProject> {
  const name = `restore_fault_${process.pid}_${++targets}`;
  made.push(name);
  return createProject(superuser(), name);
}

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  source = await createProject(superuser(), `restore_fault_source_${process.pid}`);
  made.push(source.name);
  await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 11, superuserUrl: source.superuserUrl });
  await backUp(lab, source.backupUrl);
});
afterAll(async () => {
  for (const name of made) await dropProject(superuser(), name);
  await lab[Symbol.asyncDispose]();
});

/** A log that does something when a track first notes what it is at. */
function whenAt(what: RegExp, act: () => void | Promise<void>): Log {
  let done = false;
  const note = async (text: string) => {
    if (done || !what.test(text)) return;
    done = true;
    await act();
  };
  const track: Track = { advance() {}, note: (text) => void note(text), end() {} };
  return {
    ...silentLog,
    track: () => track,
    group: async (title, work) => {
      // What is done at a stage's begin is done before its work.
      await note(title);
      return work();
    },
  };
}

describe("an interrupted restore", () => {
  test.each(["schema", "data", "keys and indexes", "owners and grants", "prove", "public\\.\\w+"])(
    "at %s is taken up by the next run, which proves the target",
    async (place) => {
      const target = await newTarget();
      const stop = new AbortController();
      const log = whenAt(new RegExp(`^${place}$`), () => stop.abort());
      await expect(restoreInto(lab, target.postgresUrl, { log, signal: stop.signal })).rejects.toThrow();
      const again = await restoreInto(lab, target.postgresUrl);
      expect(told(again, "failed")).toEqual([]);
      expect(again).toMatchObject({ outcome: "equal", begun: "resumed" });
    },
  );

  test("of one set is not mixed with another set", async () => {
    const target = await newTarget();
    const stop = new AbortController();
    const log = whenAt(/^data$/, () => stop.abort());
    await expect(restoreInto(lab, target.postgresUrl, { log, signal: stop.signal })).rejects.toThrow();
    await backUp(lab, source.backupUrl);
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({ code: "target-half-restored" });
  });
});

describe("a target that somebody fills meanwhile", () => {
  test("is noticed before rows are mixed", async () => {
    const target = await newTarget();
    const intrude = () =>
      execute(target.superuserUrl, "create or replace function public.busy() returns void language sql as ''").catch(
        () => undefined,
      );
    await intrude();
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({
      code: "target-not-empty",
      message: expect.stringContaining("public.busy()"),
    });
    await execute(target.superuserUrl, "drop function public.busy()");
    const row = "insert into auth.users (id, email) values ('9c1d1b60-0000-4000-8000-00000000feed', 'x@example.org')";
    await execute(target.superuserUrl, row);
    await expect(restoreInto(lab, target.postgresUrl)).rejects.toMatchObject({
      code: "target-not-empty",
      message: expect.stringContaining("rows in auth.users"),
    });
    await execute(target.superuserUrl, "delete from auth.users");
    const log = whenAt(/^data$/, () => execute(target.superuserUrl, row));
    await expect(restoreInto(lab, target.postgresUrl, { log })).rejects.toMatchObject({
      code: "target-filled-meanwhile",
      message: expect.stringContaining("auth.users"),
    });
  });
});

describe("nothing is written", () => {
  test("with a private key that does not open the set", async () => {
    await using other = await openBackupLab(sharedS3());
    const target = await newTarget();
    const env = { RESTORE_PRIVATE_KEY: other.operations.key.armor() };
    await expect(restoreInto(lab, target.postgresUrl, { env })).rejects.toMatchObject({ code: "wrong-private-key" });
    expect(await isUntouched(target.superuserUrl)).toBe(true);
  });

  test("by a dry run, which passes the same gates", async () => {
    const target = await newTarget();
    expect((await restoreInto(lab, target.postgresUrl, { dryRun: true })).outcome).toBe("dry-run");
    expect(await isUntouched(target.superuserUrl)).toBe(true);
    await execute(target.superuserUrl, "create table public.here ()");
    await expect(restoreInto(lab, target.postgresUrl, { dryRun: true })).rejects.toMatchObject({
      code: "target-not-empty",
    });
  });
});

describe("a row that the target refuses", () => {
  /** Checks and indexes that hold at the source only, because they look at a setting: every row breaks them elsewhere. */
  const treacherous = `
    create table public.contacts (id int primary key, email text not null);
    insert into public.contacts values (1, '${PLANTED_EMAIL}'), (2, 'second@example.org');
    create function public.at_home() returns boolean language sql immutable
      as $$ select coalesce(current_setting('lab.home', true) = 'yes', false) $$;
    create function public.tail(t text) returns text language sql immutable
      as $$ select case when public.at_home() then t else 'same' end $$;
    set lab.home = 'yes';
    create unique index contacts_tail on public.contacts (public.tail(email), (email = ''));
    create table public.guests (email text, constraint only_home check (public.at_home() and email is not null));
    insert into public.guests values ('${PLANTED_EMAIL}');`;

  test("is told by table, index and SQLSTATE, and its values by nobody", async () => {
    await using ownLab = await openBackupLab(sharedS3());
    const from = await newTarget();
    await execute(from.postgresUrl, treacherous);
    await backUp(ownLab, from.backupUrl);
    const target = await newTarget();
    const lines: string[] = [];
    const keep = (line: string) => void lines.push(line);
    const log: Log = { ...silentLog, info: keep, warn: keep, debug: keep };
    const result = await restoreInto(ownLab, target.postgresUrl, { log });
    expect(result.outcome).toBe("differs");
    const failed = told(result, "failed").join("\n");
    expect(failed).toMatch(/index public\.contacts_tail: missing: .*23505/);
    // Its rows are here; the check cannot be what it was.
    const { differences } = result;
    expect(differences.filter(({ identity, aspect }) => identity === "public.guests" && aspect === "rows")).toEqual([]);
    expect(differences.some(({ identity }) => identity === "only_home on public.guests")).toBe(true);
    expect(JSON.stringify(result) + lines.join("\n")).not.toContain(PLANTED_EMAIL);
  });
});
