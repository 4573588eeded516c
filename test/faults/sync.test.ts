import { readFile, writeFile } from "node:fs/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { beforeEach, describe, expect, test } from "vitest";
import { generateKey, readPrivateKey } from "../../actions/lib/seal/keyring.ts";
import type { SyncRequest } from "../../actions/lib/sync/request.ts";
import { acquireLease } from "../../actions/lib/vault/lease.ts";
import { syncLease } from "../../actions/lib/vault/snapshot/keys.ts";
import { openSyncLab, type SyncLab } from "../integration/sync-lab.ts";
import { withClient } from "../lab/index.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { contentOf, type FaultKind, type SeedFile, seedFiles } from "../lab/storage/index.ts";

const seed = { count: 24, bytes: 400_000, seed: 7 };
let lab: SyncLab;
let files: SeedFile[];

beforeEach(async () => {
  lab = await openSyncLab({
    policy: (policy) => ({ ...policy, storage: { smallFileBytes: 20_000, packBytes: 100_000, concurrency: 4 } }),
  });
  files = await seedFiles(lab.project, lab.storage, seed);
  return () => lab[Symbol.asyncDispose]();
});

const pathOf = ({ bucket, name }: Pick<SeedFile, "bucket" | "name">): string => `${bucket}/${name}`;
const usual = (): SeedFile[] => files.filter(({ name, bytes }) => name.includes("/2025-") && bytes > 0);
const small = (): SeedFile => usual().find(({ bytes }) => bytes < 20_000) ?? never();
const large = (): SeedFile => usual().find(({ bytes }) => bytes >= 20_000) ?? never();

function never(): never {
  throw new Error("the seed has no such file");
}

/** Does something once, at the moment at which the given file is first asked for. */
function whenAsked(file: SeedFile, work: () => Promise<void>): { readonly done: Promise<void> } {
  let done: () => void;
  const promise = new Promise<void>((resolve) => (done = resolve));
  let met = false;
  lab.storage.inject({
    kind: "slow",
    times: 1,
    on({ operation, key }) {
      if (met || operation !== "GetObject" || key !== file.name) return false;
      met = true;
      void work().then(() => done());
      return true;
    },
  });
  return { done: promise };
}

async function expectWhole(
  set: string,
  without: readonly SeedFile[] = [],
  other: Record<string, string> = {},
): Promise<void> {
  const { contents } = await lab.read(set);
  const wanted = files.filter((file) => !without.includes(file));
  expect([...contents.keys()].sort()).toEqual(wanted.map(pathOf).sort());
  for (const file of wanted) {
    const content =
      other[pathOf(file)] === undefined ? contentOf(file, seed.seed) : Buffer.from(other[pathOf(file)] ?? "");
    expect(contents.get(pathOf(file))?.equals(content), pathOf(file)).toBe(true);
  }
}

describe("what the endpoint does to an answer is not believed", () => {
  test.each<[string, FaultKind, number]>([
    ["short reads", "short-read", 3],
    ["connections cut in the middle of a file", "reset", 6],
    ["429 for everybody for a while", "slow-down", 12],
    ["500 for everybody for a while", "internal-error", 12],
    ["a slow source", "slow", 8],
    ["spoilt bytes", "corrupt", 2],
  ])("%s: read again, and right in the end", async (_, kind, times) => {
    const ended = lab.storage.inject({ kind, times, on: ({ operation }) => operation === "GetObject" });
    const result = await lab.sync();
    expect(ended()).toBe(times);
    expect(result).toMatchObject({ failure: null, counts: { files: 24, findings: {} } });
    await expectWhole(result.set);
  });

  test("a file that is another each time it is read, under the same row, fails the run", async () => {
    let turn = 0;
    const file = small();
    lab.storage.inject({ kind: "short-read", on: ({ key }) => key === file.name && ++turn % 2 === 0 });
    lab.storage.inject({ kind: "corrupt", on: ({ key }) => key === file.name });
    await expect(lab.sync()).rejects.toMatchObject({ code: "file-unsteady", exitCode: 1 });
    expect(await manifests()).toEqual([]);
  });

  test("an endpoint that gives no file at all fails the run instead of calling all of them lost", async () => {
    lab.storage.inject({ kind: "internal-error", on: ({ operation }) => operation === "GetObject" });
    await expect(lab.sync()).rejects.toMatchObject({ code: "source-unavailable", exitCode: 1 });
    expect(await manifests()).toEqual([]);
  });
});

describe("both sides told apart", () => {
  test("a row whose file is lost: named, told again the next day, and taken when it is back", async () => {
    const file = small();
    const { version } = await rowOf(file);
    await lab.storage.files.remove(version);
    const result = await lab.sync();
    expect(result.counts).toMatchObject({ files: 23, findings: { lost: 1 } });
    expect(result.failure).toContain("1 lost");
    const read = await lab.read(result.set);
    expect(read.entries.get(pathOf(file))).toMatchObject({ state: "lost", object: null });
    const lost = read.findings.filter(({ kind }) => kind === "lost");
    expect(lost).toMatchObject([{ bucket: file.bucket, name: file.name }]);
    expect((await lab.sync()).counts).toMatchObject({ files: 23, filesCopied: 0, findings: { lost: 1 } });
    await seedAgain(file);
    const found = await lab.sync();
    expect(found).toMatchObject({ failure: null, counts: { files: 24, findings: {} } });
    expect(lab.log.lines.join("\n")).not.toContain(file.name);
  });

  test("a file without a row is found by an audit, and only by one", async () => {
    // Supabase's endpoint lists rows, so that a file without one cannot be seen through it; a plain store's can.
    const { endpoint, region, accessKeyId, secretAccessKey, createBucket, client } = sharedS3();
    const bucket = `audited-${process.pid}`;
    await createBucket(bucket, { lock: false });
    const s3 = client();
    for (const Key of ["known.txt", "orphan & co.txt"])
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "a text" }));
    s3.destroy();
    await lab.sql("delete from storage.objects");
    await lab.sql("insert into storage.buckets (id, name) values ($1, $1)", [bucket]);
    await lab.sql(
      `insert into storage.objects (bucket_id, name, version, metadata) values ($1, 'known.txt', 'v1', '{"size": 6}')`,
      [bucket],
    );
    const env = {
      ...{ SUPABASE_STORAGE_ENDPOINT: endpoint, SUPABASE_STORAGE_REGION: region },
      ...{ SUPABASE_STORAGE_ACCESS_KEY_ID: accessKeyId, SUPABASE_STORAGE_SECRET_ACCESS_KEY: secretAccessKey },
    };
    expect((await lab.sync({}, env)).counts).toMatchObject({ files: 1, findings: {} });
    const audited = await lab.sync({ audit: true }, env);
    expect(audited).toMatchObject({ failure: null, counts: { files: 1, filesCopied: 0, findings: { orphan: 1 } } });
    expect((await lab.read(audited.set)).findings).toMatchObject([{ kind: "orphan", bucket, name: "orphan & co.txt" }]);
  });

  test("a row that lies of its file's size: taken as it is, and named", async () => {
    const file = small();
    await lab.sql(
      `update storage.objects set metadata = metadata || '{"size": 5, "eTag": "\\"d41d8cd98f00b204e9800998ecf8427e\\""}'
       where bucket_id = $1 and name = $2`,
      [file.bucket, file.name],
    );
    const result = await lab.sync();
    expect(result.counts.findings).toEqual({ "unlike-row": 1, "uncarried-metadata": 4 });
    expect(result.failure).toContain("1 unlike-row");
    await expectWhole(result.set);
  });

  test.each([["small", small] as const, ["large", large] as const])(
    "a %s file that is replaced between list and read: the newer one, under its own row, and named",
    async (_, which) => {
      const file = which();
      const client = lab.storage.client();
      const replaced = whenAsked(file, async () => {
        await client.send(
          new PutObjectCommand({ Bucket: file.bucket, Key: file.name, Body: "newer", ContentType: "application/pdf" }),
        );
      });
      const result = await lab.sync();
      await replaced.done;
      client.destroy();
      // Whether the old or the new content was served first is the server's: what counts is that it fits a row.
      const after = await lab.sync();
      await expectWhole(after.set, [], { [pathOf(file)]: "newer" });
      expect(result.counts.filesCopied + after.counts.filesCopied).toBeGreaterThanOrEqual(24);
      expect((await lab.sync()).counts.filesCopied).toBe(0);
    },
  );

  test("a file that is deleted between list and read: not in the snapshot, and named", async () => {
    const file = small();
    // Gone for the reader before it asks: the list was read under a snapshot that still has it.
    const inTheWay = lab.storage.inject({ kind: "internal-error", on: ({ key }) => key === file.name });
    const deleted = whenAskedOther(file, () => remove(file));
    const result = await lab.sync();
    await deleted.done;
    expect(inTheWay()).toBeGreaterThan(0);
    expect(result).toMatchObject({ failure: null, counts: { files: 23, findings: { vanished: 1 } } });
    await expectWhole(result.set, [file]);
    expect((await lab.sync()).counts).toMatchObject({ filesCopied: 0, filesRemoved: 0, findings: {} });
  });
});

describe("bounds", () => {
  const withPolicy = async (storage: Record<string, unknown>): Promise<Partial<SyncRequest>> => {
    const { loadConfig } = await import("../../actions/lib/config/load.ts");
    const config = await loadConfig({ needs: ["storageVault", "sourceStorage", "signing", "source"], env: lab.env() });
    const policy = { ...config.policy, storage: { ...config.policy.storage, ...storage } };
    return { config: { ...config, policy } };
  };

  test("a bucket that is emptied stops the run, unless somebody says that it was meant", async () => {
    const { set } = await lab.sync();
    const bound = await withPolicy({ largestVanishingShare: 0.2 });
    await lab.sql("delete from storage.objects where bucket_id = 'exam-files'");
    await expect(lab.sync(bound)).rejects.toMatchObject({
      code: "shrunk",
      next: expect.stringContaining("--accept-shrinkage"),
    });
    expect(await manifests()).toEqual([set]);
    const result = await lab.sync({ ...bound, acceptShrinkage: true });
    expect(result.counts).toMatchObject({ buckets: 3, files: 16, filesRemoved: 8 });
    expect(result.warnings.join()).toContain("It was accepted");
  });

  test("buckets that come and go are followed; one that the policy names must be there", async () => {
    await lab.sync();
    await lab.sql("insert into storage.buckets (id, name, public) values ('later', 'later', true)");
    await lab.sql("delete from storage.objects where bucket_id = 'student-submissions'");
    await lab.sql("delete from storage.buckets where id = 'student-submissions'");
    const result = await lab.sync();
    expect(result.inBuckets.map(({ bucket, files: count }) => [bucket, count])).toEqual([
      ["exam-files", 8],
      ["later", 0],
      ["processed-results", 8],
    ]);
    const named = await withPolicy({ buckets: ["exam-files", "student-submissions"] });
    await expect(lab.sync(named)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("student-submissions"),
    });
  });

  test("egress ends at the budget; what was copied is not copied again by the next run", async () => {
    const bound = await withPolicy({ egress: { bytesPerRun: 250_000, bytesPerMonth: null } });
    await expect(lab.sync(bound)).rejects.toMatchObject({ code: "egress-budget" });
    expect(await manifests()).toEqual([]);
    const read = lab.storage.answered.filter(({ operation }) => operation === "GetObject").length;
    expect(read).toBeLessThan(24);
    const result = await lab.sync(bound);
    expect(Number(result.counts.egressBytes)).toBeLessThan(250_000);
    expect(result.counts.filesCopied).toBe(24);
    await expectWhole(result.set);
  });
});

describe("two runs", () => {
  test("at once: the second is refused and says who is at work", async () => {
    await using lease = await acquireLease(lab.lab.vault, syncLease, { holder: "another sync" });
    await lease.assertHeld();
    await expect(lab.sync()).rejects.toMatchObject({
      ...{ code: "lease-held", exitCode: 2 },
      message: expect.stringContaining("another sync"),
    });
  });

  test("one that was called off in the middle leaves no snapshot, and the next goes on where it was", async () => {
    const controller = new AbortController();
    let asked = 0;
    lab.storage.inject({
      kind: "slow",
      on({ operation }) {
        if (operation === "GetObject" && ++asked === 16) controller.abort(new Error("off"));
        return false;
      },
    });
    await expect(lab.sync({ signal: controller.signal })).rejects.toMatchObject({ code: "interrupted" });
    expect(await manifests()).toEqual([]);
    const before = lab.storage.answered.length;
    const result = await lab.sync();
    const again = lab.storage.answered.slice(before).filter(({ operation }) => operation === "GetObject").length;
    expect(again).toBeLessThan(24);
    expect(result.counts).toMatchObject({ files: 24, filesCopied: 24 });
    await expectWhole(result.set);
    const left: string[] = [];
    for await (const { key } of lab.lab.vault.list("snapshots/")) if (key.includes("/journal/")) left.push(key);
    expect(left).toEqual([]);
    expect((await lab.sync()).counts).toMatchObject({ filesCopied: 0, filesChanged: 0 });
  });
});

describe("another signing key", () => {
  test("closes the lists, says what to do, and is bridged once by the former one", async () => {
    const { set } = await lab.sync();
    const passphrase = "another passphrase";
    const expires = new Date(Date.now() + 86_400_000);
    const made = await generateKey({ role: "signing", project: "lab", passphrase, expires });
    const policyPath = lab.env()["LIFEBOAT_POLICY"] ?? "";
    const policy = JSON.parse(await readFile(policyPath, "utf8"));
    policy.keys.signing.unshift(made.fingerprint);
    await writeFile(policyPath, JSON.stringify(policy));
    const change = {
      BACKUP_PUBLIC_KEYS: `${lab.lab.publicKeys}\n${made.publicArmored}`,
      ...{ BACKUP_SIGNING_KEY: made.privateArmored, BACKUP_SIGNING_PASSPHRASE: passphrase },
    };
    await expect(lab.sync({}, change)).rejects.toMatchObject({
      ...{ code: "index-key-foreign", exitCode: 2 },
      next: expect.stringMatching(/BACKUP_SIGNING_KEY_PREVIOUS.*--full/),
    });
    const { BACKUP_SIGNING_KEY = "", BACKUP_SIGNING_PASSPHRASE } = lab.env();
    const former = await readPrivateKey(BACKUP_SIGNING_KEY, BACKUP_SIGNING_PASSPHRASE);
    const bridged = await lab.sync({ formerSigning: [former] }, change);
    expect(bridged).toMatchObject({ previous: set, counts: { files: 24, filesCopied: 0 } });
    // From then on the present key is enough.
    expect(await lab.sync({}, change)).toMatchObject({ previous: bridged.set, counts: { filesCopied: 0 } });
    const opened = await lab.sync({ opening: lab.lab.operations }, { BACKUP_PUBLIC_KEYS: change.BACKUP_PUBLIC_KEYS });
    expect(opened).toMatchObject({ counts: { files: 24, filesCopied: 0 } });
  });
});

async function manifests(): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of lab.lab.vault.list("snapshots/"))
    if (key.endsWith("/manifest.json")) found.push(key.split("/")[1] ?? "");
  return found;
}

async function rowOf({ bucket, name }: SeedFile): Promise<{ version: string }> {
  const found = await withClient(lab.project.superuserUrl, (client) =>
    client.query<{ version: string }>("select version from storage.objects where bucket_id = $1 and name = $2", [
      bucket,
      name,
    ]),
  );
  return found.rows[0] ?? never();
}

async function remove({ bucket, name }: SeedFile): Promise<void> {
  await lab.sql("delete from storage.objects where bucket_id = $1 and name = $2", [bucket, name]);
}

/** Does something once, when a file other than this one is asked for: the list has been read by then. */
function whenAskedOther(file: SeedFile, work: () => Promise<void>): { readonly done: Promise<void> } {
  const other = files.find((one) => one !== file && one.bytes > 0) ?? never();
  return whenAsked(other, work);
}

async function seedAgain(file: SeedFile): Promise<void> {
  const client = lab.storage.client();
  await client.send(
    new PutObjectCommand({
      Bucket: file.bucket,
      Key: file.name,
      Body: contentOf(file, seed.seed),
      ContentType: file.contentType,
    }),
  );
  client.destroy();
}
