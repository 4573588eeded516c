import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import repair from "../../actions/lib/operations/repair/operation.ts";
import { abandonRestore } from "../../actions/lib/operations/restore/abandon-restore.ts";
import { runRestore } from "../../actions/lib/operations/restore/run-restore.ts";
import { runRestoreFiles } from "../../actions/lib/operations/restore-files/run-restore-files.ts";
import { everyFile } from "../../actions/lib/operations/restore-files/selection.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { isSameDatabase } from "../../actions/lib/postgres/connect/same-database.ts";
import { startTcpFaultProxy, type TcpFaultProxy } from "../faults/proxy/tcp-proxy.ts";
import { createProject, dropProject, type LabProject } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage, storageSettings } from "../lab/storage/index.ts";
import { backUp } from "./backup-lab.ts";
import { type FilesLab, openFilesLab } from "./files-lab.ts";

const superuserUrl = sharedPostgres(17).superuserUrl();
const names = [`whose_${process.pid}`, `whose_other_${process.pid}`] as const;
let lab: FilesLab;
let source: LabProject;
let storage: RunningStorage;
let other: LabProject;
let proxy: TcpFaultProxy;
/** Production's database by another port, as a pooler or a tunnel gives it. */
let elsewhere: string;

beforeAll(async () => {
  lab = await openFilesLab();
  [source, other] = [await createProject(superuserUrl, names[0]), await createProject(superuserUrl, names[1])];
  storage = await startStorage(source);
  await seedFiles(source, storage, { count: 5, bytes: 10_000, seed: 2 });
  await lab.sync(source, storage);
  await backUp(lab.sets, source.backupUrl, { tier: "weekly" });
  const server = parseConnectionUrl(source.postgresUrl);
  proxy = await startTcpFaultProxy(
    server.host.startsWith("/") ? { path: `${server.host}/.s.PGSQL.${server.port}` } : server,
  );
  const { host, port } = proxy;
  elsewhere = Object.assign(new URL(source.postgresUrl), { host: `${host}:${port}` }).href;
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await storage?.stop();
  for (const name of names) await dropProject(superuserUrl, name);
  await lab?.[Symbol.asyncDispose]();
});

const production = { code: "target-is-production", exitCode: 2 };
const common = { log: silentLog, dryRun: false, production: undefined };

function settings(change: Record<string, string>): Record<string, string> {
  return { ...lab.env, DATABASE_URL: source.backupUrl, TARGET_DATABASE_URL: elsewhere, ...change };
}

async function restoreFiles(change: Record<string, string>, overwrite: boolean, typed?: string) {
  const needs = ["storageVault", "opening", "target", "targetStorage"] as const;
  const config = await loadConfig({
    needs,
    env: { ...settings(change), ...storageSettings(storage, "TARGET"), ...change },
  });
  return runRestoreFiles({
    config,
    ref: "latest",
    choice: everyFile,
    overwrite,
    erasures: undefined,
    sample: undefined,
    ...common,
    production: typed,
  });
}

test("the same database is known by another port, and another one of the same server told apart", async () => {
  const open = (url: string) => connect(parseConnectionUrl(url), { applicationName: "lifeboat/test" });
  const [one, same, second] = [await open(source.backupUrl), await open(elsewhere), await open(other.postgresUrl)];
  expect([await isSameDatabase(one, same), await isSameDatabase(one, second)]).toEqual([true, false]);
  const locks = await one.query(
    "select count(*)::int as held from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
  );
  expect(locks.rows).toEqual([{ held: 0 }]);
  for (const client of [one, same, second]) await client.end();
});

describe("production by another address is not written without its ref", () => {
  test("by a restore, a repair, or giving a restore up", async () => {
    const config = await loadConfig({ needs: ["vault", "opening", "target"], env: settings({}) });
    const request = { config, ref: "latest", ...common };
    await expect(runRestore(request)).rejects.toMatchObject(production);
    const rows = readInputs(repair, "command", {
      set: "latest",
      table: "storage.buckets",
      missing: true,
      "dry-run": true,
    });
    const surrounded = { env: settings({}), log: silentLog, signal: new AbortController().signal };
    await expect(runOperation(repair, rows, surrounded)).rejects.toMatchObject(production);
    await expect(abandonRestore({ config, set: undefined, ...common })).rejects.toMatchObject(production);
  });

  test("by a restore of files that writes over newer ones, whichever of its names is written otherwise", async () => {
    const s3 = storage.client();
    const key = { Bucket: "exam-files", Key: "plain/report.pdf" };
    await s3.send(new PutObjectCommand({ ...key, Body: "newer than the snapshot", ContentType: "application/pdf" }));
    s3.destroy();
    const sent = () => storage.answered.filter(({ operation }) => operation === "PutObject").length;
    const before = sent();
    const otherwise = storage.endpoint.replace("127.0.0.1", "LOCALHOST");
    const attempts = [
      () => restoreFiles({}, true),
      () => restoreFiles({ DATABASE_URL: "", SUPABASE_STORAGE_ENDPOINT: otherwise }, true),
      () =>
        restoreFiles(
          { DATABASE_URL: "", SUPABASE_PROJECT_REF: " Productionref ", TARGET_PROJECT_REF: "productionref" },
          true,
        ),
      () => restoreFiles({ SUPABASE_PROJECT_REF: "productionref" }, true, "somethingelse"),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(production);
    // Nothing names it, and nobody can be asked.
    await expect(restoreFiles({ DATABASE_URL: "" }, true)).rejects.toMatchObject({
      ...{ code: "target-unknown", exitCode: 2, next: expect.stringContaining("DATABASE_URL") },
    });
    expect(sent()).toBe(before);
    const meant = await restoreFiles({ SUPABASE_PROJECT_REF: "productionref" }, true, " productionref");
    expect(meant).toMatchObject({ outcome: "equal" });
  });

  test("and another database beside it needs no ref", async () => {
    const config = await loadConfig({
      needs: ["vault", "opening", "target"],
      env: settings({ TARGET_DATABASE_URL: other.postgresUrl }),
    });
    expect(await runRestore({ config, ref: "latest", ...common, dryRun: true })).toMatchObject({ outcome: "dry-run" });
    const mistaken = runRestore({ config, ref: "latest", ...common, production: "productionref" });
    await expect(mistaken).rejects.toMatchObject({ code: "production-not-meant" });
  });
});
