import { afterAll, beforeAll, expect, test } from "vitest";
import { LifeboatError } from "../../actions/lib/base/errors.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { type Given, readInputs } from "../../actions/lib/edge/inputs.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { fieldsOf } from "../../actions/lib/operations/field.ts";
import type { Operation, Told } from "../../actions/lib/operations/operation.ts";
import { askStanding, openStorageVault } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { targetEnv } from "./files-lab.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

let lab: SyncLab;
/** The lab's store, whose buckets say that they lie in a region that the policy does not allow. */
let elsewhere: HttpFaultProxy;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await openSyncLab();
  elsewhere = await startHttpFaultProxy(sharedS3().endpoint);
  elsewhere.replaceAnswerHeader(
    { method: "HEAD", times: Number.POSITIVE_INFINITY },
    "x-amz-bucket-region",
    "ap-south-1",
  );
  env = {
    ...lab.env({ AWS_ENDPOINT_URL: elsewhere.url }),
    ...{ S3_REPLICA_BUCKET: `${lab.lab.bucket}-replica`, S3_REPLICA_REGION: "us-east-1" },
    ...{ RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor(), STAGING_PROJECT_REF: "x".repeat(20) },
    ...targetEnv(lab.project, lab.storage),
  };
});
afterAll(async () => {
  await elsewhere?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** What else opens a bucket than the inputs that a verb cannot do without. */
const further: Readonly<Record<string, readonly Given[]>> = {
  backup: [{ "with-files": true }, { "dry-run": true }],
  list: [{ files: true }, { from: "replica" }, { files: true, from: "replica" }],
  prove: [{ "with-files": true }],
  repair: [{ set: "latest", table: "public.x", missing: true, "dry-run": true }, { undo: "latest" }],
  restore: [{ "with-files": true }, { from: "replica" }],
  "restore-files": [{ to: "/nowhere" }, { from: "replica" }],
  retention: [{ "dry-run": true }],
  verify: [{ files: true }, { deep: true }, { files: true, deep: true }, { from: "replica" }],
};

/** Every way to run a verb that needs a bucket, by its declaration: whoever adds a verb adds a door. */
async function doors(): Promise<{ operation: Operation; inputs: Record<string, unknown>; name: string }[]> {
  const found = [];
  for (const operation of await loadOperations()) {
    const edge = operation.onlyAction === undefined ? "command" : "action";
    const required = fieldsOf(operation.inputs, edge).filter((field) => field.required);
    const [chosen] = required.filter(({ choices }) => choices.length > 0);
    const rest = Object.fromEntries(required.map(({ name, isNumber }) => [name, isNumber ? "1" : "latest"]));
    const bases = (chosen?.choices ?? [undefined]).map((one) => ({ ...rest, ...(chosen && { [chosen.name]: one }) }));
    for (const given of bases.flatMap((base) => [
      base,
      ...(further[operation.name] ?? []).map((more) => ({ ...base, ...more })),
    ])) {
      const inputs = attempt(() => readInputs(operation, edge, given));
      if (inputs === undefined) continue;
      const needs = operation.needs?.(inputs, env) ?? [];
      if (!needs.some((section) => ["vault", "storageVault", "replica"].includes(section))) continue;
      found.push({ operation, inputs, name: `${operation.name} ${JSON.stringify(given)}` });
    }
  }
  return found;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "usage") return undefined;
    throw error;
  }
}

test("no verb reads or writes a bucket outside the policy's regions: all that it is asked is where it is", async () => {
  const refused = new Set<string>();
  for (const { operation, inputs, name } of await doors()) {
    const before = elsewhere.passed.length;
    const surrounded = { env, log: silentLog, signal: new AbortController().signal };
    const told = await runOperation(operation, inputs, surrounded).catch((error: unknown) => error);
    // What names no bucket is asked of the account. How a bucket is set up is what `provision` looks at, wherever it lies.
    const setUp = (url: string) => url === "/" || (operation.name === "provision" && /^\/[^/]+\/\?[\w-]+=$/.test(url));
    expect(
      elsewhere.passed
        .slice(before)
        .filter(({ method, url }) => !setUp(url) && (method !== "HEAD" || /^\/[^/]+\/./.test(url))),
      name,
    ).toEqual([]);
    if (JSON.stringify(told instanceof Error ? [messageOf(told)] : (told as Told)).includes("ap-south-1"))
      refused.add(operation.name);
  }
  expect([...refused].sort()).toEqual(
    expect.arrayContaining(
      ["backup", "check", "keys", "list", "prove", "repair", "report", "restore"].concat([
        "restore-files",
        "retention",
        "sync",
        "thaw",
        "verify",
      ]),
    ),
  );
});

function messageOf(error: Error): string {
  return error instanceof LifeboatError ? `${error.code} ${error.message}` : `${error.stack}`;
}

test.each([
  ["vault", "S3_BACKUP_BUCKET"],
  ["storageVault", "S3_STORAGE_BUCKET"],
  ["replica", "S3_REPLICA_BUCKET"],
] as const)("a bucket (%s) is asked once where it is, however much is asked of it", async (section, variable) => {
  await using proxy = await startHttpFaultProxy(sharedS3().endpoint);
  proxy.replaceAnswerHeader({ method: "HEAD", times: Number.POSITIVE_INFINITY }, "x-amz-bucket-region", "us-east-1");
  const others = { S3_BACKUP_BUCKET: "one", S3_STORAGE_BUCKET: "two", S3_REPLICA_BUCKET: "three" };
  const settings = { ...env, ...others, [variable]: lab.lab.bucket, AWS_ENDPOINT_URL: proxy.url };
  const config = await loadConfig({ needs: [section], env: settings });
  using vault = openVault(config[section]);
  await Promise.all([vault.head("a"), vault.head("b"), vault.get("c").catch(() => {})]);
  await vault.head("d");
  expect(proxy.passed.filter(({ url }) => !/^\/[^/]+\/[a-z]/.test(url))).toHaveLength(1);
});

test("what looks at the vault beside the verbs is refused too", async () => {
  const config = await loadConfig({ needs: ["vault"], env });
  await expect(askStanding(config)).rejects.toMatchObject({ code: "region-refused", exitCode: 2 });
  using storage = await openStorageVault({}, env);
  await expect(storage?.put("snapshots/x", Buffer.from("x"))).rejects.toMatchObject({ code: "region-refused" });
});
