import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { unfinishedUploads } from "../../actions/lib/vault/s3/segment-writer.ts";
import { type BackupLab, backUp, openBackupLab } from "../integration/backup-lab.ts";
import { execute } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "./proxy/http-proxy.ts";
import { quickRetry } from "./proxy/test-bucket.ts";

/** Random bytes don't compress: three parts of 5 MiB, so that there is something between the first and the last. */
const seed = `
  create extension if not exists pgcrypto;
  create table noise (id int primary key, bytes bytea);
  insert into noise select n, (select string_agg(gen_random_bytes(1000), '') from generate_series(1, 60)) from generate_series(1, 110) n;`;

const data = /\/data\//;

describe("a backup whose store fails under it", () => {
  const name = `store_${process.pid}`;
  let lab: BackupLab;
  let proxy: HttpFaultProxy;
  let url: string;

  beforeAll(async () => {
    const server = sharedPostgres(17);
    await execute(server.superuserUrl(), `create database ${name}`);
    url = server.superuserUrl(name);
    await execute(url, seed);
    const s3 = sharedS3();
    lab = await openBackupLab(s3);
    proxy = await startHttpFaultProxy(s3.endpoint);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
    await execute(sharedPostgres(17).superuserUrl(), `drop database ${name} with (force)`);
  });
  beforeEach(() => proxy.clear());

  /** The same bucket through the proxy, with little patience. */
  const faulty = (): Vault => {
    return openVault({ ...sharedS3().bucketAccess(lab.bucket), endpoint: proxy.url, retry: quickRetry });
  };

  const succeeding = async (): Promise<void> => {
    using vault = faulty();
    const { set, tier } = await backUp(lab, url, { vault });
    const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
    expect((await verifySet(lab.vault, { tier, set }, options, silentLog)).findings).toEqual([]);
    expect(await unfinishedUploads(lab.vault.transport, "database/")).toEqual([]);
  };

  test("succeeds when a part is reset on its way, one is slow, and an answer is lost", async () => {
    proxy.cut({ method: "PUT", url: data, nth: 2 }, "in-request", 1_000_000);
    proxy.slow({ method: "PUT", url: data, nth: 3 }, "request", 1_500_000);
    proxy.loseAnswer({ method: "PUT", url: /manifest\.json(\?|$)/ });
    await succeeding();
  });

  test("lets one of two runs at the same time win, and the other says so", async () => {
    const runs = await Promise.allSettled([backUp(lab, url), backUp(lab, url, { tier: "weekly" })]);
    const won = runs.filter(({ status }) => status === "fulfilled");
    expect(won).toHaveLength(1);
    const lost = runs.find((run) => run.status === "rejected");
    expect(lost?.reason).toMatchObject({ code: "lease-held", exitCode: 2 });
    await succeeding();
  });
});
