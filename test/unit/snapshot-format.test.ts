import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { generateKey, readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { deriveIndexKey, indexKeyScope, sessionKeyCommitment } from "../../actions/lib/seal/keys/session-key.ts";
import { signerKeys } from "../../actions/lib/vault/files/snapshot-keys.ts";
import { fileKey, packKey, runOfObject, runPrefixes } from "../../actions/lib/vault/format/names.ts";
import {
  encodeEntry,
  type FileEntry,
  fileEntrySchema,
  isStored,
  type Layer,
  livingObjects,
  parseEntry,
  sessionKeyCommitments,
  shardOf,
} from "../../actions/lib/vault/format/snapshot-manifest.ts";

const run = "20261122T221500Z-1a2b3c4d";
const later = "20261123T221500Z-5e6f7a8b";
const zeros = "0".repeat(64);

function entryOf(more: Partial<FileEntry>): FileEntry {
  return fileEntrySchema.parse({ bucket: "exam-files", name: "a", object: packKey(run, 1), entry: "000001", ...more });
}

describe("an entry of a list", () => {
  test("comes back as it was, whatever its name and metadata", () => {
    for (const name of [" leading", "trailing ", "a//b", "+&=?#%", "quote\" and \\ and '", "line\nbreak", "نورة"]) {
      const entry = entryOf({
        ...{
          name,
          bytes: 7,
          sha256: zeros,
          mimetype: "text/plain",
          ownerId: "x",
          userMetadata: { نص: { a: [1, null] } },
        },
        ...{ createdAt: "2026-11-22 22:15:00.123456+00", etag: "abc-2", version: "v" },
      });
      const line = encodeEntry(entry);
      expect(line).not.toContain("\n");
      expect(parseEntry(line)).toEqual(entry);
      expect(isStored(entry)).toBe(true);
    }
  });

  test("begins with what a shell needs, in this order, and leaves out what is usual", () => {
    expect(encodeEntry(entryOf({}))).toBe(
      `{"bucket":"exam-files","name":"a","object":"packs/${run}/00001.tar.zst.pgp","entry":"000001"}`,
    );
    const lost = entryOf({ object: null, entry: null, state: "lost" });
    expect(encodeEntry(lost)).toBe('{"bucket":"exam-files","name":"a","object":null,"entry":null,"state":"lost"}');
    expect(isStored(lost)).toBe(false);
  });

  test("has a shard that SQL computes alike: the first bits of the MD5 of its path", () => {
    const path = "exam-files/a b.pdf";
    const bits = Number.parseInt(createHash("md5").update(path).digest("hex").slice(0, 4), 16);
    for (const shards of [1, 2, 512, 65_536]) expect(shardOf(path, shards)).toBe(Math.floor((bits * shards) / 65_536));
  });
});

test("keys name the run whose session key opens them, and no file", () => {
  expect(runOfObject(packKey(run, 12))).toBe(run);
  expect(runOfObject(fileKey(run, 3))).toBe(run);
  expect(runOfObject(`snapshots/${run}/head.json.zst.pgp`)).toBeUndefined();
  expect(runPrefixes(run)).toEqual([`snapshots/${run}/`, `packs/${run}/`, `files/${run}/`]);
});

describe("layers", () => {
  const object = (key: string, files: number) => ({
    ...{ key, files, fileBytes: files * 10, plainBytes: files * 100 },
    segments: [{ key, bytes: 5, sha256: zeros, parts: [{ bytes: 5, sha256: zeros }] }],
  });
  const layer = (more: Partial<Layer>): Layer => ({
    ...{ format: "lifeboat-files-layer/1", run, kind: "changes", earlier: [], indexKeySigner: "A".repeat(40) },
    ...{ indexKeyCommitment: zeros, shards: 0, lists: [], origins: [], objects: [], uses: [], ...more },
  });

  test("tell which objects a snapshot needs and how much of each still lives", () => {
    const layers = [
      layer({ kind: "base", shards: 1, objects: [object(packKey(run, 1), 3), object(packKey(run, 2), 2)] }),
      layer({
        objects: [object(packKey(later, 1), 1)],
        uses: [
          { key: packKey(run, 1), files: -1, fileBytes: -10 },
          { key: packKey(run, 2), files: -2, fileBytes: -20 },
        ],
      }),
      layer({ uses: [{ key: packKey(run, 1), files: 1, fileBytes: 10 }] }),
    ];
    expect(livingObjects(layers).map(({ key, livingFiles, livingBytes }) => [key, livingFiles, livingBytes])).toEqual([
      [packKey(run, 1), 3, 30],
      [packKey(later, 1), 1, 10],
    ]);
    expect(livingObjects(layers.slice(0, 1))).toHaveLength(2);
  });

  test("tell what binds each run's session key to it", () => {
    const origins = [{ run: later, sessionKeyCommitment: zeros }];
    expect(sessionKeyCommitments([layer({ origins })]).get(later)).toBe(zeros);
  });
});

describe("the key of the lists", () => {
  const passphrase = "a passphrase of the tests";
  const make = async () =>
    readPrivateKey(
      (await generateKey({ role: "signing", project: "t", passphrase, expires: new Date(Date.now() + 8.64e7) }))
        .privateArmored,
      passphrase,
    );
  const claimOf = (key: Awaited<ReturnType<typeof make>>) => ({
    run,
    indexKeyCommitment: sessionKeyCommitment(deriveIndexKey(key, run), indexKeyScope(run)),
    indexKeySigner: key.fingerprint,
  });

  test("is the same each time for the same signing key and run, and another for every other", async () => {
    const [one, two] = [await make(), await make()];
    expect(deriveIndexKey(one, run)).toEqual(deriveIndexKey(one, run));
    expect(deriveIndexKey(one, run)).not.toEqual(deriveIndexKey(one, later));
    expect(deriveIndexKey(one, run)).not.toEqual(deriveIndexKey(two, run));
    expect(deriveIndexKey(one, run).data).toHaveLength(32);
  });

  test("is found by a former signing key; with neither, a clear refusal says what to do", async () => {
    const [present, former] = [await make(), await make()];
    await expect(signerKeys([present, former]).index(claimOf(former))).resolves.toEqual(deriveIndexKey(former, run));
    await expect(signerKeys([present]).index(claimOf(former))).rejects.toMatchObject({
      code: "index-key-foreign",
      exitCode: 2,
      next: expect.stringContaining("BACKUP_SIGNING_KEY_PREVIOUS"),
    });
    await expect(signerKeys([present]).session(run, zeros)).rejects.toMatchObject({ code: "contents-closed" });
  });
});
