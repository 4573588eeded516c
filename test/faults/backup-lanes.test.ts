import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { listSets } from "../../actions/lib/vault/sets/catalogue.ts";
import { type BackupLab, backUp, openBackupLab, recordingLog } from "../integration/backup-lab.ts";
import { execute, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { startTcpFaultProxy, type TcpFaultProxy } from "./proxy/tcp-proxy.ts";
import { watchedLog } from "./table/watched-log.ts";

/** 20 MB, of which a slice has 1. */
const seed = `
  create table big (id int primary key, filler text);
  insert into big select n, repeat(md5(n::text), 20) from generate_series(1, 28000) n;
  create table small (id int primary key);
  insert into small values (1), (2);`;
const rows = "select pid from pg_stat_activity where application_name = 'lifeboat/rows'";

describe("the sessions that read a backup's rows", () => {
  let server: RunningPostgres;
  let lab: BackupLab;
  let proxy: TcpFaultProxy;

  beforeAll(async () => {
    server = await startPostgres(17, { settings: { max_connections: "20", superuser_reserved_connections: "0" } });
    lab = await openBackupLab(sharedS3());
    await execute(server.superuserUrl(), "create database source");
    await execute(server.superuserUrl("source"), seed);
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    proxy = await startTcpFaultProxy({ host: "127.0.0.1", port: server.port });
  });
  afterEach(() => proxy[Symbol.asyncDispose]());

  const run = async (log: Log = silentLog, jobs = 6, tier: "daily" | "weekly" = "daily") => {
    const through = new URL(server.superuserUrl("source"));
    through.port = String(proxy.port);
    const config = await lab.config(through.href);
    const source = { ...config.policy.source, jobs, sliceBytes: 1024 * 1024, connectionBudget: 12 };
    return backUp(lab, through.href, { log, tier, config: { ...config, policy: { ...config.policy, source } } });
  };
  const expectWhole = async (set: string, tier: "daily" | "weekly" = "daily") => {
    const options = {
      trustedSigners: lab.signers,
      deep: process.env["DEEP"] === undefined,
      privateKey: lab.operations,
    };
    expect((await verifySet(lab.vault, { tier, set }, options, silentLog)).findings).toEqual([]);
  };
  /** Looks at the sessions that read until the backup has ended; calls `act` each time. */
  const during = async <T>(running: Promise<T>, act: (pids: readonly number[]) => unknown): Promise<T> => {
    let over = false;
    const looking = withClient(server.superuserUrl(), async (client) => {
      while (!over) {
        const found = await client.query<{ pid: number }>(rows);
        await act(found.rows.map(({ pid }) => pid));
        await delay(20);
      }
    });
    const ended = running.finally(() => {
      over = true;
    });
    await Promise.allSettled([ended, looking]);
    return ended;
  };

  test("are as many as bring more, where each has a pace of its own", async () => {
    let most = 0;
    const log = watchedLog(/^data$/, () => proxy.slow(2_000_000));
    const { set } = await during(run(log, 4), (pids) => {
      most = Math.max(most, pids.length);
    });
    expect(most).toBe(4);
    await expectWhole(set);
  });

  test("stay as many as the pooler lets in, which is full before the fourth", async () => {
    let most = 0;
    const log = watchedLog(/^data$/, () => {
      proxy.slow(2_000_000);
      // The snapshot's holder, the watcher, and three that read, once pg_dump is gone.
      proxy.admit(5);
    });
    const { set } = await during(run(log), (pids) => {
      most = Math.max(most, pids.length);
    });
    expect(proxy.refused).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(3);
    await expectWhole(set);
  });

  test("may be one alone", async () => {
    let most = 0;
    const log = watchedLog(/^data$/, () => proxy.admit(4));
    const { set } = await during(run(log), (pids) => {
      most = Math.max(most, pids.length);
    });
    expect(proxy.refused).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2);
    await expectWhole(set);
  });

  test("cost what they were reading when each is cut in the middle, and nothing else", async () => {
    const cut = new Set<number>();
    const log = recordingLog();
    const { set, artifacts } = await during(run(log, 3), async (pids) => {
      const next = pids.find((pid) => !cut.has(pid));
      if (next === undefined || cut.size >= 8) return;
      cut.add(next);
      await execute(server.superuserUrl(), `select pg_terminate_backend(${next})`);
    });
    expect(cut.size).toBeGreaterThan(3); // more than read at a time: each was cut, and some that came after them
    expect(log.lines.filter((line) => line.includes("reading these again"))).not.toEqual([]);
    expect(new Set(artifacts.map(({ name }) => name)).size).toBe(artifacts.length);
    await expectWhole(set);
  });

  test("cost the file that they were exporting as JSON when they are cut, and nothing else", async () => {
    const cut = new Set<number>();
    const log = recordingLog();
    const { set, artifacts } = await during(run(log, 3, "weekly"), async (pids) => {
      const next = pids.find((pid) => !cut.has(pid));
      if (next === undefined || cut.size >= 3 || !log.lines.includes("JSON export")) return;
      cut.add(next);
      await execute(server.superuserUrl(), `select pg_terminate_backend(${next})`);
    });
    expect(cut.size).toBe(3);
    expect(log.lines.filter((line) => line.includes("reading these again"))).not.toEqual([]);
    expect(artifacts.filter(({ kind }) => kind === "json")).toHaveLength(2);
    await expectWhole(set, "weekly");
  });

  test("end the backup, and no set is visible, when the session that holds the snapshot is lost", async () => {
    const before = (await listSets(lab.vault)).length;
    const log = watchedLog(/^data$/, () => {
      proxy.slow(1_000_000);
      setTimeout(
        () =>
          void execute(
            server.superuserUrl(),
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lifeboat/snapshot'",
          ),
        500,
      );
    });
    await expect(run(log)).rejects.toMatchObject({ exitCode: 1, code: "snapshot-lost" });
    expect(await listSets(lab.vault)).toHaveLength(before);
  });
});
