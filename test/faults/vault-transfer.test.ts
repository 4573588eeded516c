import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Segment } from "../../actions/lib/vault/format/manifest.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { openArtifact } from "../../actions/lib/vault/s3/download.ts";
import { readBack } from "../../actions/lib/vault/s3/read-back.ts";
import { unfinishedUploads } from "../../actions/lib/vault/s3/segment-writer.ts";
import { uploadStream } from "../../actions/lib/vault/s3/upload.ts";
import { keysIn } from "../integration/backup-lab.ts";
import type { Trap } from "./proxy/http-faults.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "./proxy/http-proxy.ts";
import { collect, newBucket, noise, quickRetry } from "./proxy/test-bucket.ts";

const MiB = 1024 * 1024;
const bytes = 11 * MiB;
let proxy: HttpFaultProxy;
let direct: Vault;
let vault: Vault;
let count = 0;
let prefix = "";

beforeAll(async () => {
  const settings = await newBucket();
  proxy = await startHttpFaultProxy(settings.endpoint);
  direct = openVault(settings);
  vault = openVault({ ...settings, endpoint: proxy.url, retry: { ...quickRetry, stallSeconds: 1 } });
});
beforeEach(() => {
  proxy.clear();
  prefix = `t${++count}/`;
});
afterAll(async () => {
  vault.close();
  direct.close();
  await proxy[Symbol.asyncDispose]();
});

const upload = () => uploadStream(vault, `${prefix}a`, noise(bytes), { prefix, partBytes: 5 * MiB });
const open = (segments: Segment[]) => collect(openArtifact(vault, prefix, { name: "a", segments }));
const part2 = { method: "PUT", url: /partNumber=2/ };
const complete = { method: "POST", url: /uploadId=/ };

const passing: [string, () => Trap][] = [
  ["answered with 500", () => proxy.answer(part2, 500, "InternalError")],
  ["answered twice with 503", () => proxy.answer({ ...part2, times: 2 }, 503, "SlowDown")],
  ["refused as timed out", () => proxy.answer(part2, 400, "RequestTimeout")],
  ["reset before it begins", () => proxy.cut(part2, "at-once")],
  ["reset in its middle", () => proxy.cut(part2, "in-request", 2 * MiB)],
  ["carried out without an answer", () => proxy.loseAnswer(part2)],
  ["so slow that it stalls", () => proxy.hold(part2)],
  ["damaged on its way, which the store notices", () => proxy.flipByte(part2, "request", 3 * MiB)],
  ["the completion, answered with 500", () => proxy.answer(complete, 500, "InternalError")],
  ["the completion, answered with 200 and an error inside", () => proxy.answer(complete, 200, "InternalError")],
  ["the completion, carried out without an answer", () => proxy.loseAnswer(complete)],
  ["a conflict of the completion", () => proxy.answer(complete, 409, "ConditionalRequestConflict")],
  ["the beginning, without an answer", () => proxy.loseAnswer({ method: "POST", url: /uploads/ })],
];

test.each(passing)("an upload outlives a part that is %s", async (_name, lay) => {
  const trap = lay();
  const segments = await upload();
  expect(trap.hits).toBeGreaterThan(0);
  await readBack(direct, prefix, segments);
  expect(await keysIn(direct, prefix)).toEqual([`${prefix}a`]);
});

test("a small object whose write was carried out without an answer is known again as our own", async () => {
  const trap = proxy.loseAnswer({ method: "PUT", url: new RegExp(`${prefix}small`) });
  await uploadStream(vault, `${prefix}small`, noise(100), { prefix });
  await vault.put(`${prefix}plain`, Buffer.from("x"), { ifNoneMatch: true });
  expect(trap.hits).toBe(1);
});

test.each([
  ["500", () => proxy.answer({ ...part2, times: Infinity }, 500, "InternalError")],
  ["resets", () => proxy.cut({ ...part2, times: Infinity }, "in-request", MiB)],
  ["silence", () => proxy.hold({ ...part2, times: Infinity })],
])(
  "an upload that meets nothing but %s ends in s3-unavailable, names what failed, leaves nothing",
  async (_name, lay) => {
    lay();
    const failure = await upload().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "s3-unavailable", exitCode: 1 });
    expect(String(failure)).toContain(`UploadPart 2 of ${prefix}a`);
    proxy.clear();
    expect(await keysIn(direct, prefix)).toEqual([]);
    expect(await unfinishedUploads(direct.transport, prefix)).toEqual([]);
  },
);

test.each([
  ["403", "AccessDenied", "s3-denied"],
  ["403", "ExpiredToken", "s3-credentials"],
  ["403", "SignatureDoesNotMatch", "s3-credentials"],
  ["301", "PermanentRedirect", "s3-region"],
  ["400", "AuthorizationHeaderMalformed", "s3-region"],
  ["404", "NoSuchBucket", "s3-bucket-missing"],
])("%s %s is a matter of configuration and is not tried again", async (status, code, expected) => {
  const trap = proxy.answer({ ...part2, times: Infinity }, Number(status), code);
  await expect(upload()).rejects.toMatchObject({ code: expected, exitCode: 2 });
  expect(trap.hits).toBe(1);
});

const lies: [string, () => Trap][] = [
  ["a changed byte", () => proxy.flipByte({ method: "GET", nth: 2 }, "answer", 1000)],
  ["a changed last byte", () => proxy.flipByte({ method: "GET", nth: 3 }, "answer", bytes)],
  ["another size", () => proxy.replaceAnswerHeader({ method: "GET" }, "content-range", "bytes 0-5242879/5242880")],
  ["no object", () => proxy.answer({ method: "GET" }, 404, "NoSuchKey")],
];

test.each(lies)("read-back finds %s", async (_name, lay) => {
  const segments = await upload();
  lay();
  await expect(readBack(vault, prefix, segments)).rejects.toMatchObject({ code: "stored-differs", exitCode: 1 });
});

test("an ETag that lies changes nothing: the content decides", async () => {
  const segments = await upload();
  proxy.replaceAnswerHeader({ method: "GET", times: Infinity }, "etag", '"00000000000000000000000000000000"');
  await readBack(vault, prefix, segments);
  expect((await open(segments)).byteLength).toBe(bytes);
});

const trouble: [string, () => Trap][] = [
  ["500", () => proxy.answer({ method: "GET", nth: 2 }, 500, "InternalError")],
  ["a reset in its middle", () => proxy.cut({ method: "GET", nth: 2 }, "in-answer", MiB)],
  ["an end before its time", () => proxy.truncateAnswer({ method: "GET", nth: 2 }, MiB)],
  ["a stall", () => proxy.hold({ method: "GET", nth: 2 })],
  [
    "one changed byte that a second reading does not show",
    () => proxy.flipByte({ method: "GET", nth: 2 }, "answer", 7),
  ],
];

test.each(trouble)("opening outlives %s", async (_name, lay) => {
  const segments = await upload();
  const trap = lay();
  const sent = await collect(noise(bytes));
  expect((await open(segments)).equals(sent)).toBe(true);
  expect(trap.hits).toBe(1);
});

test("no byte of a damaged part is handed on, and the error names artifact, object and part", async () => {
  const segments = await upload();
  proxy.flipByte({ method: "GET", url: new RegExp(prefix), times: Infinity, nth: 2 }, "answer", 0);
  let handed = 0;
  const reading = async () => {
    for await (const chunk of openArtifact(vault, prefix, { name: "data/x", segments })) handed += chunk.byteLength;
  };
  const failure = await reading().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "artifact-damaged" });
  expect(String(failure)).toMatch(new RegExp(`data/x is damaged: ${prefix}a .*part \\d of 3`));
  expect(handed % (5 * MiB)).toBe(0);
});

test.each([
  ["missing", async () => undefined],
  ["truncated", async (body: Buffer) => body.subarray(0, 6 * MiB)],
  ["truncated within the first part", async (body: Buffer) => body.subarray(0, MiB)],
  ["longer", async (body: Buffer) => Buffer.concat([body, Buffer.from("x")])],
  ["swapped for one of the same size", async () => collect(noise(bytes, 99))],
])("an object that is %s is found out", async (name, change) => {
  const segments = await upload();
  const body = await change(await open(segments));
  const elsewhere = `${prefix}${name}/`;
  if (body !== undefined) await direct.put(`${elsewhere}a`, body);
  const artifact = { name: "a", segments };
  await expect(collect(openArtifact(direct, elsewhere, artifact))).rejects.toMatchObject({ code: "artifact-damaged" });
  await expect(readBack(direct, elsewhere, segments)).rejects.toMatchObject({ code: "stored-differs" });
});
