import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LifeboatError } from "../../actions/lib/base/errors.ts";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { unfinishedUploads } from "../../actions/lib/vault/s3/segment-writer.ts";
import { listSets } from "../../actions/lib/vault/sets/catalogue.ts";
import { type BackupLab, backUp, keysIn, openBackupLab } from "../integration/backup-lab.ts";
import { execute, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { startTcpFaultProxy, type TcpFaultProxy } from "./proxy/tcp-proxy.ts";
import { retentionLater } from "./table/inspect-vault.ts";

const planted = "planted.8c41@personal.example";
const seed = `
  create table big (id int primary key, email text, filler text);
  insert into big select n, '${planted}', repeat(md5(n::text), 20) from generate_series(1, 7000) n;
  create table small (id int primary key);
  insert into small values (1), (2);
  create view answers as select 1 as answer;`;

/** Calls `when` once, as soon as something of this name begins: `schema`, or `rows`, before the sessions for them are opened. */
function atBegin(name: "schema" | "rows", when: () => void): Log {
  let done = false;
  return {
    ...silentLog,
    track(title, total) {
      if (!done && name === title) {
        done = true;
        when();
      }
      return silentLog.track(title, total);
    },
  };
}

/** Process ids of the pg_dumps that this process has started. */
function pgDumps(): number[] {
  return readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8")
      .split(" ")
      .filter((pid) => pid.trim() !== "")
      .map(Number)
      .filter((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "pg_dump"),
  );
}

async function until<T>(found: () => T | undefined): Promise<T> {
  for (let waited = 0; waited < 20_000; waited += 20) {
    const value = found();
    if (value !== undefined) return value;
    await delay(20);
  }
  throw new Error("It did not come to that.");
}

describe("a backup whose source fails under it", () => {
  let server: RunningPostgres;
  let lab: BackupLab;
  let proxy: TcpFaultProxy;
  let url: string;

  beforeAll(async () => {
    server = await startPostgres(17);
    lab = await openBackupLab(sharedS3());
    await execute(server.superuserUrl(), "create database source");
    await execute(server.superuserUrl("source"), seed);
    url = server.superuserUrl("source");
    proxy = await startTcpFaultProxy({ host: "127.0.0.1", port: server.port });
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
    await server.stop();
  });

  /** The same database behind the proxy; what is connected to after it was made slow is slow. */
  const behindProxy = async (): Promise<string> => {
    await proxy[Symbol.asyncDispose]();
    proxy = await startTcpFaultProxy({ host: "127.0.0.1", port: server.port });
    const through = new URL(url);
    through.port = String(proxy.port);
    return through.href;
  };

  /** Calls `when` in the middle of the first file of rows, which takes some seconds. */
  const inTheMiddle = (when: () => unknown): Log =>
    atBegin("rows", () => {
      proxy.slow(1_000_000);
      void delay(1000).then(when);
    });

  /** Runs a backup that must fail, and holds it to what every failure promises. */
  const failing = async (source: string, log: Log = silentLog): Promise<LifeboatError> => {
    const before = (await listSets(lab.vault)).map(({ set }) => set);
    const error = await backUp(lab, source, { log }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof LifeboatError)) throw new Error("The backup ended otherwise.", { cause: error });
    expect((await listSets(lab.vault)).map(({ set }) => set)).toEqual(before);
    expect(await unfinishedUploads(lab.vault.transport, "database/")).toEqual([]);
    expect(pgDumps()).toEqual([]);
    expect(`${error.message} ${error.next}`).not.toContain(planted);
    return error;
  };

  /** The next run is clean: one set more, whole. What failed runs left, which no backup may delete, retention removes. */
  const succeeding = async (): Promise<void> => {
    const { set, tier } = await backUp(lab, url);
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    expect((await verifySet(lab.vault, { tier, set }, options, silentLog)).findings).toEqual([]);
    await retentionLater(lab);
    const sets = new Set((await listSets(lab.vault)).map((listed) => `database/${listed.tier}/${listed.set}/`));
    const strays = (await keysIn(lab.vault, "database/")).filter(
      (key) => !sets.has(`${key.split("/").slice(0, 3).join("/")}/`),
    );
    expect(strays).toEqual([]);
  };

  test("fails by name when pg_dump is killed, and the next run is clean", async () => {
    const error = await failing(
      await behindProxy(),
      atBegin("schema", () => {
        proxy.slow(20_000);
        void until(() => pgDumps()[0]).then((pid) => process.kill(pid, "SIGKILL"));
      }),
    );
    expect(error).toMatchObject({ code: "dump-failed", exitCode: 1 });
    expect(error.message).toContain("SIGKILL");
    await succeeding();
  });

  test("fails when the server cancels what it runs", async () => {
    const cancel = `do $$ begin for i in 1..2000 loop
      perform pg_cancel_backend(pid) from pg_stat_activity where application_name = 'lifeboat/rows';
      perform pg_stat_clear_snapshot(), pg_sleep(0.001); end loop; end $$`;
    let cancelled: Promise<void> | undefined;
    const slowly = atBegin("rows", () => {
      proxy.slow(1_000_000);
      cancelled = execute(server.superuserUrl(), cancel);
    });
    expect((await failing(await behindProxy(), slowly)).exitCode).toBe(1);
    await cancelled;
  });

  test("gives up a lock that doesn't come, and names the table", async () => {
    const error = await withClient(url, async (holder) => {
      await holder.query("begin; lock table small in access exclusive mode");
      return failing(url);
    });
    expect(error).toMatchObject({ code: "lock-wait", exitCode: 1 });
    expect(error.message).toContain("public.small");
  });

  test("gives way to DDL that waits for it, and names the table", async () => {
    let altered: Promise<void> | undefined;
    const log = inTheMiddle(() => {
      altered = execute(url, "alter table big add column late int");
    });
    const error = await failing(await behindProxy(), log);
    expect(error).toMatchObject({ code: "ddl-waiting", exitCode: 1 });
    expect(error.message).toContain("big");
    await altered;
    await succeeding();
  });

  test("takes a new snapshot when a definition changes during the schema dump", async () => {
    const log = atBegin("schema", () => void execute(url, "create or replace view answers as select 2 as answer"));
    const { warnings } = await backUp(lab, url, { log });
    expect(warnings.filter((text) => /^Started over \(1\): .*view public\.answers/.test(text))).toHaveLength(1);
    await succeeding();
  });

  test("reads the rows while pg_dump still asks for the schema, where the way is long", async () => {
    await using far = await startTcpFaultProxy(
      { host: "127.0.0.1", port: server.port },
      { roundTripMs: 20, bytesPerSecond: 20e6 },
    );
    const through = new URL(url);
    through.port = String(far.port);
    const told: string[] = [];
    const log: Log = {
      ...silentLog,
      track(title, total) {
        told.push(`${title} begins`);
        return { ...silentLog.track(title, total), end: () => void told.push(`${title} ends`) };
      },
    };
    await backUp(lab, through.href, { log });
    const schema = [told.indexOf("schema begins"), told.indexOf("rows begins"), told.indexOf("schema ends")];
    expect(schema).toEqual(schema.toSorted((a, b) => a - b));
    expect(schema).not.toContain(-1);
  });

  test("fails by name when definitions never stop changing", async () => {
    let answer = 10;
    const log: Log = {
      ...silentLog,
      track(title, total) {
        if (title === "schema") void execute(url, `create or replace view answers as select ${++answer} as answer`);
        return silentLog.track(title, total);
      },
    };
    const error = await failing(url, log);
    expect(error).toMatchObject({ code: "definitions-moved", exitCode: 1 });
    expect(error.message).toContain("public.answers");
  });

  test("makes a set that does not lie while tables are created, dropped and altered, or says why not", async () => {
    let going = true;
    const churn = withClient(url, async (client) => {
      await client.query("set lock_timeout = '500ms'");
      for (let n = 0; going; n += 1) {
        for (const sql of [
          `create table churn_${n} as select ${n} as n`,
          `alter table churn_${n} add column x int default ${n}`,
          `drop table if exists churn_${n - 3}`,
          "truncate small",
          "insert into small values (1), (2)",
        ]) {
          await client.query(sql).catch(() => {});
          await delay(5);
        }
      }
    });
    try {
      for (let time = 0; time < 4; time += 1) {
        const outcome = await backUp(lab, url, { acceptShrinkage: true }).catch((error: unknown) => error);
        if (outcome instanceof LifeboatError) {
          expect(outcome.exitCode).toBe(1);
          expect([
            "catalogue-moving",
            "catalogue-moved",
            "definitions-moved",
            "lock-wait",
            "ddl-waiting",
            "dump-failed",
          ]).toContain(outcome.code);
        } else if (outcome instanceof Error) throw outcome;
        else {
          const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
          expect((await verifySet(lab.vault, "latest", options, silentLog)).findings).toEqual([]);
        }
      }
    } finally {
      going = false;
      await churn;
    }
  });

  test("fails when the server stops, as the last thing that it is here for", async () => {
    const error = await failing(
      await behindProxy(),
      inTheMiddle(() => process.kill(server.pid, "SIGQUIT")),
    );
    expect(error.exitCode).toBe(1);
    const refused = await failing(url);
    expect(refused).toMatchObject({ code: "preflight-failed", exitCode: 2 });
  });
});
