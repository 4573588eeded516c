import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectTaggingCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { archiveTag, archiveTagging } from "../../actions/lib/vault/bucket/lifecycle.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { openArtifact } from "../../actions/lib/vault/s3/download.ts";
import { readBack } from "../../actions/lib/vault/s3/read-back.ts";
import { unfinishedUploads } from "../../actions/lib/vault/s3/segment-writer.ts";
import { uploadStream } from "../../actions/lib/vault/s3/upload.ts";
import { collect, newVault, noise } from "../faults/proxy/test-bucket.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { keysIn } from "./backup-lab.ts";

const MiB = 1024 * 1024;
let vault: Vault;
beforeAll(async () => {
  vault = await newVault();
});
afterAll(() => vault.close());

test.each([
  ["one byte", 1, 1],
  ["exactly one part", 5 * MiB, 1],
  ["one byte more than a part", 5 * MiB + 1, 1],
  ["exactly one segment", 10 * MiB, 1],
  ["one byte more than a segment", 10 * MiB + 1, 2],
  ["three segments and a bit", 31 * MiB, 4],
])("%s comes back as it was stored, and reads back", async (name, bytes, segmentCount) => {
  const prefix = `shapes/${name}/`;
  const seen: number[] = [];
  const segments = await uploadStream(vault, `${prefix}data/01.pgp`, noise(bytes), {
    prefix,
    partBytes: 5 * MiB,
    maxParts: 2,
    onBytes: (count) => seen.push(count),
  });
  expect(segments.map(({ key }) => key)).toEqual(
    ["data/01.pgp", "data/01.pgp.002", "data/01.pgp.003", "data/01.pgp.004"].slice(0, segmentCount),
  );
  expect(seen.reduce((sum, count) => sum + count, 0)).toBe(bytes);
  await readBack(vault, prefix, segments);

  const sent = await collect(noise(bytes));
  const got = await collect(openArtifact(vault, prefix, { name: "data/01.pgp", segments }));
  expect(got.equals(sent)).toBe(true);
  let offset = 0;
  for (const segment of segments) {
    const own = sent.subarray(offset, offset + segment.bytes);
    expect(createHash("sha256").update(own).digest("hex")).toBe(segment.sha256);
    offset += segment.bytes;
  }
  expect(offset).toBe(bytes);
});

test("tags are on every segment, whether it went up in one request or in parts", async () => {
  const options = { prefix: "tagged/", partBytes: 5 * MiB, maxParts: 2, tags: archiveTag };
  const segments = await uploadStream(vault, "tagged/a", noise(11 * MiB), options);
  expect(segments.map(({ parts }) => parts.length)).toEqual([2, 1]);
  const client = sharedS3().client();
  for (const { key } of segments) {
    const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket: vault.bucket, Key: `tagged/${key}` }));
    expect([key, TagSet]).toEqual([key, [{ Key: archiveTagging.key, Value: archiveTagging.value }]]);
  }
  client.destroy();
});

test("an empty source is refused, and nothing is stored", async () => {
  const upload = uploadStream(vault, "empty/a", noise(0), { prefix: "empty/" });
  await expect(upload).rejects.toMatchObject({ code: "artifact-empty" });
  expect(await keysIn(vault, "empty/")).toEqual([]);
});

test.each([
  ["small", 10],
  ["of several parts", 11 * MiB],
])("an object that is there is never replaced by one %s", async (name, bytes) => {
  const prefix = `taken/${name}/`;
  await vault.put(`${prefix}a`, Buffer.from("mine"));
  const upload = uploadStream(vault, `${prefix}a`, noise(bytes), { prefix, partBytes: 5 * MiB });
  await expect(upload).rejects.toMatchObject({ code: "s3-condition" });
  expect(Buffer.from((await vault.get(`${prefix}a`)).body).toString()).toBe("mine");
  expect(await unfinishedUploads(vault.transport, prefix)).toEqual([]);
});

test("an error of the source ends the upload with that error and leaves nothing unfinished", async () => {
  async function* broken() {
    yield* noise(12 * MiB);
    throw new Error("the dump died");
  }
  const upload = uploadStream(vault, "broken/a", broken(), { prefix: "broken/", partBytes: 5 * MiB });
  await expect(upload).rejects.toThrow("the dump died");
  expect(await keysIn(vault, "broken/")).toEqual([]);
  expect(await unfinishedUploads(vault.transport, "broken/")).toEqual([]);
});

test("an upload that is called off ends at once, also while its source is silent", async () => {
  let closed = false;
  async function* silent() {
    try {
      yield* noise(6 * MiB);
      await sleep(600_000, undefined, { ref: false });
    } finally {
      closed = true;
    }
  }
  const stop = new AbortController();
  const source = silent();
  const taken = Promise.withResolvers<number>();
  const upload = uploadStream(vault, "off/a", source, {
    ...{ prefix: "off/", partBytes: 5 * MiB, signal: stop.signal },
    onBytes: taken.resolve,
  });
  // Not before its first part is there: an upload that is called off while it begins may be the store's alone.
  await Promise.race([taken.promise, upload]);
  stop.abort(new Error("called off"));
  await expect(upload).rejects.toThrow("called off");
  expect(closed).toBe(false); // it still sleeps: nobody waited for it
  expect(await unfinishedUploads(vault.transport, "off/")).toEqual([]);
});

test("ten uploads at once share the memory of four parts, and all arrive", async () => {
  const stored = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      uploadStream(vault, `many/${i}`, noise(7 * MiB, i + 1), { prefix: "many/", partBytes: 5 * MiB }),
    ),
  );
  const opened = stored.map(async (segments, i) => {
    const got = await collect(openArtifact(vault, "many/", { name: `${i}`, segments }));
    expect(got.equals(await collect(noise(7 * MiB, i + 1)))).toBe(true);
  });
  await Promise.all(opened);
});

test("a reader that leaves early gives its memory back", async () => {
  const segments = await uploadStream(vault, "left/a", noise(16 * MiB), { prefix: "left/", partBytes: 5 * MiB });
  for (let round = 0; round < 20; round++) {
    for await (const chunk of openArtifact(vault, "left/", { name: "a", segments })) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
  }
});
