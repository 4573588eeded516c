import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { LifeboatError } from "../../actions/lib/base/errors.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { type BackupLab, backUp, openBackupLab } from "../integration/backup-lab.ts";
import { execute } from "../lab/index.ts";
import { type RunningS3, startS3 } from "../lab/servers/s3.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "./proxy/http-proxy.ts";
import { quickRetry } from "./proxy/test-bucket.ts";
import { inspectVault, problemsOf } from "./table/inspect-vault.ts";
import { judge } from "./table/judge.ts";
import type { Seen } from "./table/row.ts";

/** A server with room for a few megabytes: the disk that is full is a real one, and what it answers is its own. */
const name = `full_${process.pid}`;
const seed = "create table marks as select n as id, md5(n::text) as mark from generate_series(1, 20000) n";
let s3: RunningS3;
let client: S3Client;
let lab: BackupLab;
let store: HttpFaultProxy;
let url: string;

beforeAll(async () => {
  s3 = await startS3({ megabytes: 16 });
  client = s3.client();
  lab = await openBackupLab(s3);
  store = await startHttpFaultProxy(s3.endpoint);
  await execute(sharedPostgres(17).superuserUrl(), `create database ${name}`);
  url = sharedPostgres(17).superuserUrl(name);
  await execute(url, seed);
});
afterAll(async () => {
  client?.destroy();
  await store?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await execute(sharedPostgres(17).superuserUrl(), `drop database if exists ${name} with (force)`);
  await s3?.stop();
});

/** Until nothing more fits. The server looks at its own size every few seconds. */
async function fill(): Promise<void> {
  for (let count = 0; count < 400; count++) {
    const object = {
      Bucket: lab.bucket,
      Key: `filler/${randomBytes(8).toString("hex")}`,
      Body: randomBytes(1_000_000),
    };
    const refused = await client.send(new PutObjectCommand(object)).then(
      () => false,
      () => true,
    );
    if (refused) return;
  }
  throw new Error("The store took everything.");
}

async function attempt(hit: () => boolean): Promise<Seen> {
  const before = await inspectVault(client, lab.bucket);
  using vault = openVault({ ...s3.bucketAccess(lab.bucket), endpoint: store.url, retry: quickRetry });
  const ended = await backUp(lab, url, { vault }).catch((error: unknown) => ({ error }));
  const after = await inspectVault(client, lab.bucket);
  const broken: string[] = after.visible.length === before.visible.length ? [] : ["a set appeared, or is gone"];
  for (const prefix of after.visible) broken.push(...(await problemsOf(client, lab, prefix)));
  const named = "error" in ended && ended.error instanceof LifeboatError ? ended.error : undefined;
  if (!("error" in ended)) return { outcome: "false success", code: undefined, broken, falseSuccess: true };
  if (named === undefined) broken.push(inspect(ended.error));
  const wrote = after.strays.length > before.strays.length;
  const outcome = named?.exitCode === 2 && !wrote ? "refused before writing" : "failed, no manifest";
  return { outcome: hit() ? outcome : "no fault was injected", code: named?.code, broken, falseSuccess: false };
}

function judged(task: TestContext["task"], stage: string, outcome: "failed, no manifest" | "refused before writing") {
  const row = { kind: "the store's disk is full", stage, outcome, inject: () => undefined };
  return async (hit: () => boolean): Promise<void> => judge(task, row, await attempt(hit));
}

test("a disk that fills up while data is sent ends the backup by name; the earlier set stays whole", async ({
  task,
}) => {
  await backUp(lab, url);
  const trap = store.hold({ method: "PUT", url: /\/data\// });
  const filled = trap.hit.then(fill).finally(() => trap.release());
  await judged(task, "data", "failed, no manifest")(() => trap.hits > 0);
  await filled;
});

test("a disk that is full before the backup begins is found by its first look", async ({ task }) => {
  store.clear();
  await fill();
  await judged(task, "preflight", "refused before writing")(() => true);
  expect((await inspectVault(client, lab.bucket)).visible).toHaveLength(1);
});
