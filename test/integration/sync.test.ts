import { createHash } from "node:crypto";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reportSnapshot } from "../../actions/lib/operations/sync/page.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { readStanding } from "../../actions/lib/vault/standing.ts";
import { execute } from "../lab/index.ts";
import { contentOf, PLANTED_NAME, type SeedFile, seedFiles } from "../lab/storage/index.ts";
import { openSyncLab, type ReadSnapshot, type SyncLab } from "./sync-lab.ts";

const seed = { count: 90, bytes: 2_000_000, seed: 11 };
let lab: SyncLab;
let files: SeedFile[];
let first: string;

beforeAll(async () => {
  // Files from 30 kB on travel alone, packs are small: so that there are several of both.
  lab = await openSyncLab({
    policy: (policy) => ({ ...policy, storage: { smallFileBytes: 30_000, packBytes: 200_000, concurrency: 8 } }),
  });
  files = await seedFiles(lab.project, lab.storage, seed);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const put = async (bucket: string, name: string, body: string | Buffer): Promise<void> => {
  const client = lab.storage.client();
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: body, ContentType: "text/plain" }));
  client.destroy();
};

function expectContents(read: ReadSnapshot, wanted: ReadonlyMap<string, Buffer>): void {
  expect([...read.contents.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [path, content] of wanted) {
    expect(read.contents.get(path)?.equals(content), path).toBe(true);
    expect(read.entries.get(path)?.sha256).toBe(createHash("sha256").update(content).digest("hex"));
  }
}

const wanted = (): Map<string, Buffer> =>
  new Map(files.map((file) => [`${file.bucket}/${file.name}`, contentOf(file, seed.seed)]));

describe("a sync", () => {
  test("copies every file, whatever its name, with all that its row says", async () => {
    const result = await lab.sync();
    first = result.set;
    expect(result).toMatchObject({
      ...{ outcome: "published", previous: null, failure: null, list: "database" },
      counts: { buckets: 3, files: 90, filesCopied: 90, filesRenamed: 0, filesRemoved: 0 },
    });
    const read = await lab.read(first);
    expectContents(read, wanted());
    for (const file of files) {
      expect(read.entries.get(`${file.bucket}/${file.name}`)).toMatchObject({
        ...{ mimetype: file.contentType, cacheControl: file.cacheControl, ownerId: file.ownerId },
        ...{ userMetadata: file.userMetadata, bytes: file.bytes, rowBytes: file.bytes },
        createdAt: expect.stringContaining(file.createdAt.toISOString().slice(0, 10)),
      });
    }
    const kinds = new Set([...read.entries.values()].map(({ object }) => object?.split("/")[0]));
    expect(kinds).toEqual(new Set(["packs", "files"]));
  });

  test("is what the reports' page knows of the files", async () => {
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);
    const { tiers } = (await lab.lab.config(lab.project.backupUrl)).policy;
    const standing = async (storage: Vault | undefined) =>
      (await readStanding({ vault: lab.lab.vault, storage, verify, verifyProof: verify, verifyRelease: verify, tiers }))
        .files;
    const known = await standing(lab.lab.vault);
    expect(known?.bytes).toBe(files.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(await standing(undefined)).toBeUndefined();
  });

  test("tells no name of a file, in a key, a manifest or a log", async () => {
    const texts = [...lab.log.lines];
    for await (const { key } of lab.lab.vault.list("")) {
      texts.push(key);
      if (/\.(json|md)$/i.test(key)) texts.push(Buffer.from((await lab.lab.vault.get(key)).body).toString());
    }
    for (const text of texts) {
      expect(text).not.toContain(PLANTED_NAME);
      expect(text).not.toContain("report.pdf");
    }
  });

  test("that finds nothing new copies nothing, says so, and adds a few small objects", async () => {
    const asked = lab.storage.answered.length;
    const result = await lab.sync();
    expect(result).toMatchObject({
      previous: first,
      counts: { files: 90, filesCopied: 0, filesChanged: 0, filesRemoved: 0, egressBytes: "0" },
    });
    expect(lab.storage.answered.slice(asked).filter(({ operation }) => operation === "GetObject")).toEqual([]);
    const keys: string[] = [];
    for await (const { key } of lab.lab.vault.list(`snapshots/${result.set}/`)) keys.push(key.split("/")[2] ?? "");
    expect(keys).toEqual(["RECOVER.md", "head.json.zst.pgp", "index.keys.pgp", "manifest.json", "manifest.json.sig"]);
    expectContents(await lab.read(result.set), wanted());
  });

  test("moves exactly what was changed, removed or renamed", async () => {
    const contents = wanted();
    const [changed, removed, renamed, touched] = files.slice(20).filter(({ bucket }) => bucket === "processed-results");
    if (changed === undefined || removed === undefined || renamed === undefined || touched === undefined)
      throw new Error();
    await put(changed.bucket, changed.name, "other content");
    contents.set(`${changed.bucket}/${changed.name}`, Buffer.from("other content"));
    await put("exam-files", "new/file.txt", "new");
    contents.set("exam-files/new/file.txt", Buffer.from("new"));
    const client = lab.storage.client();
    await client.send(new DeleteObjectCommand({ Bucket: removed.bucket, Key: removed.name }));
    client.destroy();
    contents.delete(`${removed.bucket}/${removed.name}`);
    // As Storage moves a file: the row keeps its id, the content stays.
    await lab.sql("update storage.objects set name = 'moved/away.bin' where bucket_id = $1 and name = $2", [
      renamed.bucket,
      renamed.name,
    ]);
    contents.set(`${renamed.bucket}/moved/away.bin`, contentOf(renamed, seed.seed));
    contents.delete(`${renamed.bucket}/${renamed.name}`);
    await lab.sql("update storage.objects set user_metadata = '{\"a\": 1}' where bucket_id = $1 and name = $2", [
      touched.bucket,
      touched.name,
    ]);

    const asked = lab.storage.answered.length;
    const result = await lab.sync();
    expect(result.counts).toMatchObject({
      files: 90,
      filesCopied: 2,
      filesRenamed: 1,
      filesRemoved: 1,
      filesChanged: 4,
    });
    const got = lab.storage.answered.slice(asked).filter(({ operation }) => operation === "GetObject");
    expect(got.map(({ key }) => key).sort()).toEqual([changed.name, "new/file.txt"].sort());
    const read = await lab.read(result.set);
    expectContents(read, contents);
    expect(read.entries.get(`${touched.bucket}/${touched.name}`)?.userMetadata).toEqual({ a: 1 });
    // The earlier snapshot is as it was.
    expectContents(await lab.read(first), wanted());
  });

  test("of a listing alone has every content, and copies nothing of what it knows", async () => {
    const result = await lab.sync({ config: await withoutSource() });
    expect(result).toMatchObject({ list: "endpoint", counts: { files: 90, filesCopied: 0 } });
    const full = await lab.sync({ config: await withoutSource(), full: true });
    expect(full).toMatchObject({ list: "endpoint", previous: null, counts: { files: 90, filesCopied: 90 } });
    const read = await lab.read(full.set);
    expect(read.contents.size).toBe(90);
    const file = files[1];
    expect(read.entries.get(`${file?.bucket}/${file?.name}`)).toMatchObject({
      ...{ mimetype: file?.contentType, cacheControl: file?.cacheControl, bytes: file?.bytes },
    });
  });

  test("of a listing goes on past a name that the endpoint lists and does not take", async () => {
    const row = `'exam-files', 'a "quoted" name.pdf', gen_random_uuid()::text, '{"eTag": "\\"aa\\"", "size": 3}'`;
    await execute(
      lab.project.postgresUrl,
      `insert into storage.objects (bucket_id, name, version, metadata) values (${row})`,
    );
    const result = await lab.sync({ config: await withoutSource() });
    await execute(
      lab.project.postgresUrl,
      `set session_replication_role = replica; delete from storage.objects where name = 'a "quoted" name.pdf'`,
    );
    expect(result).toMatchObject({
      outcome: "published",
      counts: { filesCopied: 0, findings: { "uncarried-key": 1 } },
    });
    expect(result.failure).toMatch(/uncarried-key/);
  });

  test("rehearsed, says what it would copy and writes nothing", async () => {
    await put("exam-files", "rehearsed.txt", "12345");
    const before = await allKeys();
    const result = await lab.sync({ dryRun: true });
    expect(result).toMatchObject({ outcome: "rehearsed", counts: { filesCopied: 1, bytesCopied: "5" } });
    expect(reportSnapshot(result).outputs).toMatchObject({ made: "false", parts: "[]" });
    expect(await allKeys()).toEqual(before);
  });
});

async function withoutSource() {
  const { loadConfig } = await import("../../actions/lib/config/load.ts");
  return loadConfig({ needs: ["storageVault", "sourceStorage", "signing"], env: lab.env() });
}

async function allKeys(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of lab.lab.vault.list("")) keys.push(key);
  return keys;
}
