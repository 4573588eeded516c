import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { listSets } from "../../actions/lib/vault/sets/catalogue.ts";
import { type BackupLab, backUp, openBackupLab } from "../integration/backup-lab.ts";
import { execute, withClient } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { startTcpFaultProxy, type TcpFaultProxy } from "./proxy/tcp-proxy.ts";
import { watchedLog } from "./table/watched-log.ts";

const seed = `
  create table big (id int primary key, filler text);
  insert into big select n, repeat(md5(n::text), 20) from generate_series(1, 12000) n;
  create table small (id int primary key);
  insert into small values (1), (2);`;

describe("a backup that is in a migration's way", () => {
  let server: RunningPostgres;
  let lab: BackupLab;
  let proxy: TcpFaultProxy;
  let url: string;

  beforeAll(async () => {
    server = await startPostgres(17);
    lab = await openBackupLab(sharedS3());
    await execute(server.superuserUrl(), "create database source");
    url = server.superuserUrl("source");
    proxy = await startTcpFaultProxy({ host: "127.0.0.1", port: server.port });
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(() => execute(url, `drop table if exists big, small; ${seed}`));

  const run = async (log: Log, rules: Record<string, number>, source = url) => {
    const config = await lab.config(source);
    const policy = { ...config.policy, source: { ...config.policy.source, ...rules } };
    return backUp(lab, source, { log, config: { ...config, policy }, acceptShrinkage: true });
  };
  /** Milliseconds that a statement takes. */
  const timed = async (sql: string): Promise<number> => {
    const begun = performance.now();
    await execute(url, sql);
    return performance.now() - begun;
  };
  const expectWhole = async (set: string) => {
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    expect((await verifySet(lab.vault, { tier: "daily", set }, options, silentLog)).findings).toEqual([]);
  };

  test("lets it go within two seconds when queries queue behind it, then starts over and makes the set", async () => {
    const waits: Promise<number>[] = [];
    const through = new URL(url);
    through.port = String(proxy.port);
    const log = watchedLog(/^data$/, () => {
      proxy.slow(500_000);
      void delay(500).then(async () => {
        waits.push(timed("alter table big add column late int"));
        await delay(200);
        waits.push(timed("select count(*) from big"), timed("insert into big values (0, 'new')"));
        await Promise.all(waits);
        proxy.slow(undefined);
      });
    });
    const before = (await listSets(lab.vault)).length;
    const { set, warnings, stages } = await run(log, { yieldToDdlSeconds: 30, startOverMinutes: 2 }, through.href);
    expect(waits).toHaveLength(3);
    expect(Math.max(...(await Promise.all(waits)))).toBeLessThan(2000);
    const told = warnings.filter((warning) => /^Started over \(\d\): .*public\.big/.test(warning));
    expect(told).toHaveLength(1);
    expect(log.lines).toContain(told[0]);
    expect(stages.map(({ name }) => name)).toContain("given up for a migration");
    expect(await listSets(lab.vault)).toHaveLength(before + 1);
    await expectWhole(set);
  });

  test("lets one that waits alone have what the policy says, and starts over as often as it has to", async () => {
    const waits: number[] = [];
    let column = 0;
    const log: Log = {
      ...silentLog,
      async group(title, work) {
        if (title === "data" && column < 2) waits.push(await timed(`alter table small add column c${++column} int`));
        return work();
      },
    };
    const { set, warnings } = await run(log, { yieldToDdlSeconds: 2, startOverMinutes: 2 });
    expect(Math.min(...waits)).toBeGreaterThan(1900);
    expect(Math.max(...waits)).toBeLessThan(3500);
    expect(warnings.filter((warning) => warning.startsWith("Started over"))).toHaveLength(2);
    await expectWhole(set);
  });

  test("fails by name at the end of its time when the migration never ends", async () => {
    const begun = performance.now();
    const before = (await listSets(lab.vault)).length;
    await withClient(url, async (migration) => {
      const log = watchedLog(/^data$/, () => migration.query("begin; alter table small add column never int"));
      await expect(run(log, { startOverMinutes: 0.1 })).rejects.toMatchObject({
        code: "ddl-waiting",
        message: expect.stringMatching(/public\.small.*start over is past/),
        next: expect.stringContaining("source.startOverMinutes"),
      });
    });
    expect(performance.now() - begun).toBeLessThan(20_000);
    expect(await listSets(lab.vault)).toHaveLength(before);
  });

  test("holds no table while it waits for another, and brings no migration into a deadlock", async () => {
    const waits: number[] = [];
    const made = await withClient(url, async (migration) => {
      await migration.query("begin; lock table small in access exclusive mode");
      const running = run(silentLog, { lockWaitSeconds: 30 });
      await delay(1500);
      for (let column = 0; column < 5; column += 1) {
        waits.push(await timed(`alter table big add column c${column} int`));
        await delay(100);
      }
      await migration.query("alter table big add column own int; commit");
      return running;
    });
    expect(Math.max(...waits)).toBeLessThan(1000);
    expect(made.warnings.filter((warning) => warning.startsWith("Started over"))).toEqual([]);
    await expectWhole(made.set);
  });
});
