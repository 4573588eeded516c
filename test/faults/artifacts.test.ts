import { randomBytes } from "node:crypto";
import { CopyObjectCommand, DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { type VerifyResult, verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { type Manifest, setPrefix } from "../../actions/lib/vault/format/manifest.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { openSet } from "../../actions/lib/vault/sets/open-set.ts";
import {
  assembleSet,
  newSetId,
  newTestKey,
  type Piece,
  signAndPublish,
  type TestKey,
} from "../integration/assembled-set.ts";
import type { S3Access } from "../lab/servers/s3.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { contents, examRows, gradeRows, schemaEntries, smallInventory, smallPieces } from "./small-set.ts";

const exams = "data/01-public.exams.sql.zst.pgp";
const rest = "data/02-rest.sql.zst.pgp";

const bucket = `artifacts-${randomBytes(4).toString("hex")}`;
let s3: S3Access;
let vault: Vault;
let client: ReturnType<S3Access["client"]>;
let signing: TestKey;
let recipient: TestKey;
let stranger: TestKey;
let manifest: Manifest;

beforeAll(async () => {
  [signing, recipient, stranger] = await Promise.all([
    newTestKey("signing"),
    newTestKey("operations"),
    newTestKey("operations"),
  ]);
  s3 = sharedS3();
  client = s3.client();
  await s3.createBucket(bucket, { lock: false });
  vault = openVault(s3.bucketAccess(bucket));
});

afterAll(async () => {
  vault?.close();
  client?.destroy();
});

beforeEach(async () => {
  manifest = await assemble();
});

const assemble = (pieces: readonly Piece[] = smallPieces(), change?: (manifest: Manifest) => Manifest) =>
  assembleSet({ vault, signing, recipient, inventory: smallInventory, pieces, ...(change && { change }) });

function verify(deep: boolean, of = manifest, privateKey = recipient): Promise<VerifyResult> {
  const options = { trustedSigners: signing.signers, deep, privateKey: privateKey.unlocked };
  return verifySet(vault, { tier: of.tier, set: of.set }, options, silentLog);
}

/** What a restore does with an artifact. */
async function readOpened(name: string): Promise<void> {
  const keys = { trustedSigners: signing.signers, privateKey: recipient.unlocked };
  const open = await openSet(vault, { tier: manifest.tier, set: manifest.set }, keys);
  for await (const _chunk of open.artifact(name));
}

const key = (name: string, of = manifest) => setPrefix(of.tier, of.set) + name;

async function stored(name: string): Promise<Uint8Array> {
  const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key(name) }));
  return (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
}

const overwrite = (name: string, body: Uint8Array) =>
  client.send(new PutObjectCommand({ Bucket: bucket, Key: key(name), Body: body }));

const copy = (from: string, to: string) =>
  client.send(new CopyObjectCommand({ Bucket: bucket, CopySource: `${bucket}/${from}`, Key: to }));

const damage = (result: VerifyResult) =>
  result.findings.filter(({ severity }) => severity === "damage").map(({ where, code }) => `${where}: ${code}`);

test("a whole set is found whole, and an unlocked bucket is a warning only", async () => {
  for (const deep of [false, true]) {
    const result = await verify(deep);
    expect(result).toMatchObject({
      outcome: "whole",
      deep,
      set: manifest.set,
      findings: [{ code: "object-unlocked" }],
    });
    expect(result.artifacts.map(({ outcome }) => outcome)).toEqual(Array(6).fill("whole"));
  }
});

describe("what happened to an artifact in the store is found, with and without the private key, and never restored", () => {
  const faults: [string, () => Promise<unknown>][] = [
    [
      "one bit turned over",
      async () => {
        const bytes = await stored(rest);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
        await overwrite(rest, bytes);
      },
    ],
    ["cut off", async () => overwrite(rest, (await stored(rest)).subarray(0, -1000))],
    ["made longer", async () => overwrite(rest, Buffer.concat([await stored(rest), Buffer.from("more")]))],
    ["another artifact of the set in its place", () => copy(key(exams), key(rest))],
    ["missing", () => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key(rest) }))],
  ];

  test.each(faults)("%s", async (_name, harm) => {
    await harm();
    for (const deep of [false, true]) {
      const result = await verify(deep);
      expect(damage(result)).toEqual([`${rest}: artifact-damaged`]);
      expect(result.outcome).toBe("damaged");
      expect(result.artifacts.filter(({ outcome }) => outcome === "damaged").map(({ name }) => name)).toEqual([rest]);
    }
    await expect(readOpened(rest)).rejects.toMatchObject({ code: "artifact-damaged" });
    await readOpened(exams);
  });
});

describe("keys.pgp that is not this set's own is refused before anything is opened", () => {
  const faults: [string, string, () => Promise<unknown>][] = [
    ["that of another set", "signature-invalid", async () => copy(key("keys.pgp", await assemble()), key("keys.pgp"))],
    ["one without a signature", "keys-unsigned", async () => overwrite("keys.pgp", await stored("keys.pgp"))],
    ["none", "s3-missing", () => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key("keys.pgp") }))],
  ];

  test.each(faults)("%s", async (_name, code, harm) => {
    await harm();
    for (const deep of [false, true]) {
      const result = await verify(deep);
      expect(result.outcome).toBe("damaged");
      expect(damage(result)).toEqual([`keys.pgp: ${code}`]);
    }
    await expect(readOpened(rest)).rejects.toMatchObject({ code });
  });
});

describe("a manifest that is not to be trusted is refused, whatever else is right", () => {
  const other = () => ({ ...manifest, set: newSetId() });

  test("a correctly signed older set under a new id", async () => {
    const copied = other();
    for await (const object of vault.list(key("")))
      await copy(object.key, object.key.replace(manifest.set, copied.set));
    await expect(verify(false, copied)).rejects.toMatchObject({ code: "manifest-untrusted", exitCode: 2 });
    manifest = copied;
    await expect(readOpened(rest)).rejects.toMatchObject({ code: "manifest-untrusted" });
  });

  test("one without a signature", async () => {
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key("manifest.json.sig") }));
    await expect(verify(true)).rejects.toMatchObject({ code: "manifest-untrusted" });
    await expect(readOpened(rest)).rejects.toMatchObject({ code: "manifest-untrusted" });
  });

  test("one signed by somebody else", async () => {
    const foreign = await signAndPublish(vault, other(), await newTestKey("signing"));
    await expect(verify(true, foreign)).rejects.toMatchObject({ code: "manifest-untrusted" });
  });

  test("one that was changed after it was signed", async () => {
    const text = Buffer.from(await stored("manifest.json")).toString();
    await overwrite("manifest.json", Buffer.from(text.replace('"rows": "', '"rows": "1')));
    await expect(verify(true)).rejects.toMatchObject({ code: "manifest-untrusted" });
  });
});

test("a private key that the set is not sealed to is refused as such, and the set is not called damaged", async () => {
  await expect(verify(true, manifest, stranger)).rejects.toMatchObject({ code: "wrong-private-key", exitCode: 2 });
});

test("an object that the manifest does not name is named", async () => {
  await overwrite("data/99-planted.dump.zst.pgp", Buffer.from("?"));
  const result = await verify(false);
  expect(result.outcome).toBe("whole");
  expect(result.findings).toContainEqual(
    expect.objectContaining({ where: "data/99-planted.dump.zst.pgp", code: "object-unknown", severity: "warning" }),
  );
});

describe("a set that is signed but whose contents are not those of its inventory is found by opening it", () => {
  const { schema, exams: examData, rest: restData, sequences, largeObjects } = contents;
  const lies: [string, string | unknown[], () => Piece[]][] = [
    [
      "a row is missing",
      `${exams}: rows-differ`,
      () => [schema(), examData(examRows.slice(1)), restData(), sequences(), largeObjects()],
    ],
    [
      "a value is another, and no sequence has a value",
      [`${rest}: rows-differ`, "set: sequences-missing"],
      () => [schema(), examData(), restData(gradeRows.with(7, "7\t0\n")), largeObjects()],
    ],
    [
      "values of sequences are there twice",
      [expect.stringMatching(/^data\/.*: sequences-twice$/), "set: sequences-unknown"],
      () => [
        ...[schema(), examData(), restData(), sequences()],
        ...[{ ...sequences(), name: "data/04-again.sql.zst.pgp" }, largeObjects()],
      ],
    ],
    [
      "a value is another",
      `${rest}: rows-differ`,
      () => [schema(), examData(), restData(gradeRows.with(7, "7\t0\n")), sequences(), largeObjects()],
    ],
    [
      "two rows stand for two others",
      `${exams}: rows-differ`,
      () => [schema(), examData(examRows.with(0, examRows[1] as string)), restData(), sequences(), largeObjects()],
    ],
    [
      "a table's rows are in no artifact",
      "set: slice-missing",
      () => [schema(), restData(), sequences(), largeObjects()],
    ],
    [
      "a table's rows are there twice",
      "data/04-again.sql.zst.pgp: table-unknown",
      () => [
        schema(),
        examData(),
        { ...examData(), name: "data/04-again.sql.zst.pgp" },
        restData(),
        sequences(),
        largeObjects(),
      ],
    ],
    [
      "the schema lacks a function",
      "schema.dump.zst.pgp: dump-incomplete",
      () => [schema(schemaEntries.slice(0, 2)), examData(), restData(), sequences(), largeObjects()],
    ],
    [
      "a large object is another",
      "set: large-object-differs",
      () => [schema(), examData(), restData(), sequences(), largeObjects("another")],
    ],
    ["there is no schema", "set: schema-missing", () => [examData(), restData(), sequences(), largeObjects()]],
  ];

  test.each(lies)("%s", async (_name, finding, pieces) => {
    const lying = await assemble(pieces());
    expect((await verify(false, lying)).outcome).toBe("whole");
    const result = await verify(true, lying);
    expect(damage(result)).toEqual([finding].flat());
    expect(result.outcome).toBe("damaged");
  });

  test("the manifest counts what is not there", async () => {
    const lying = await assemble(smallPieces(), (honest) => ({ ...honest, counts: { ...honest.counts, rows: "7" } }));
    expect(damage(await verify(true, lying))).toEqual(["manifest.json: counts-differ"]);
  });
});

test("a verification that is called off ends with the reason, and calls nothing damaged", async () => {
  const off = new AbortController();
  const log = {
    ...silentLog,
    track: () => ({ advance: () => off.abort(new Error("called off")), note() {}, end() {} }),
  };
  const options = { trustedSigners: signing.signers, deep: true, privateKey: recipient.unlocked, signal: off.signal };
  await expect(verifySet(vault, { tier: manifest.tier, set: manifest.set }, options, log)).rejects.toThrow(
    "called off",
  );
});

test("a store that does not answer is an error of the store, not damage", async () => {
  using gone = openVault({ ...s3.bucketAccess(bucket), endpoint: "http://127.0.0.1:9", retry: { attempts: 1 } });
  const ref = { tier: manifest.tier, set: manifest.set };
  const verifying = verifySet(gone, ref, { trustedSigners: signing.signers, deep: false }, silentLog);
  await expect(verifying).rejects.toMatchObject({ code: "s3-unavailable" });
});
