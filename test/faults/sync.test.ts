import { PutObjectCommand } from "@aws-sdk/client-s3";
import { beforeEach, describe, expect, test } from "vitest";
import { keysIn } from "../integration/backup-lab.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { openSyncScene, pathOf, type SyncScene } from "./sync-scene.ts";

let lab: SyncScene;

beforeEach(async () => {
  lab = await openSyncScene();
  return () => lab[Symbol.asyncDispose]();
});

test("the journal of a run that has published is locked by nothing, and retention removes it alone", async () => {
  const { set } = await lab.sync();
  const journals = `snapshots/${set}/journal/`;
  const before = await keysIn(lab.lab.vault);
  expect(before.some((key) => key.startsWith(journals))).toBe(true);
  await lab.retention();
  // Beside what it tries the store's locks with.
  const after = (await keysIn(lab.lab.vault)).filter((key) => key !== "probe/lock.txt");
  expect(after).toEqual(before.filter((key) => !key.startsWith(journals)));
  await lab.expectWhole(set);
});

describe("both sides told apart", () => {
  test("a row whose file is lost: named, told again the next day, and taken when it is back", async () => {
    const file = lab.small;
    await lab.storage.files.remove(await lab.versionOf(file));
    const result = await lab.sync();
    expect(result.counts).toMatchObject({ files: 23, findings: { lost: 1 } });
    expect(result.failure).toContain("1 lost");
    const read = await lab.read(result.set);
    expect(read.entries.get(pathOf(file))).toMatchObject({ state: "lost", object: null });
    const lost = read.findings.filter(({ kind }) => kind === "lost");
    expect(lost).toMatchObject([{ bucket: file.bucket, name: file.name }]);
    expect((await lab.sync()).counts).toMatchObject({ files: 23, filesCopied: 0, findings: { lost: 1 } });
    await lab.seedAgain(file);
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
    const file = lab.small;
    await lab.sql(
      `update storage.objects set metadata = metadata || '{"size": 5, "eTag": "\\"d41d8cd98f00b204e9800998ecf8427e\\""}'
       where bucket_id = $1 and name = $2`,
      [file.bucket, file.name],
    );
    const result = await lab.sync();
    expect(result.counts.findings).toEqual({ "unlike-row": 1, "uncarried-metadata": 4 });
    expect(result.failure).toContain("1 unlike-row");
    await lab.expectWhole(result.set);
  });

  test.each(["small", "large"] as const)(
    "a %s file that is replaced between list and read: the newer one, under its own row, and named",
    async (size) => {
      const file = lab[size];
      const client = lab.storage.client();
      const replaced = lab.whenAsked(file, async () => {
        await client.send(
          new PutObjectCommand({ Bucket: file.bucket, Key: file.name, Body: "newer", ContentType: "application/pdf" }),
        );
      });
      const result = await lab.sync();
      await replaced.done;
      client.destroy();
      // Whether the old or the new content was served first is the server's: what counts is that it fits a row.
      const after = await lab.sync();
      await lab.expectWhole(after.set, [], { [pathOf(file)]: "newer" });
      expect(result.counts.filesCopied + after.counts.filesCopied).toBeGreaterThanOrEqual(24);
      expect((await lab.sync()).counts.filesCopied).toBe(0);
    },
  );

  test("a file that is deleted between list and read: not in the snapshot, and named", async () => {
    const file = lab.small;
    // Gone for the reader before it asks: the list was read under a snapshot that still has it.
    const inTheWay = lab.storage.inject({ kind: "internal-error", on: ({ key }) => key === file.name });
    const deleted = lab.whenAskedOther(file, () => lab.remove(file));
    const result = await lab.sync();
    await deleted.done;
    expect(inTheWay()).toBeGreaterThan(0);
    expect(result).toMatchObject({ failure: null, counts: { files: 23, findings: { vanished: 1 } } });
    await lab.expectWhole(result.set, [file]);
    expect((await lab.sync()).counts).toMatchObject({ filesCopied: 0, filesRemoved: 0, findings: {} });
  });
});
