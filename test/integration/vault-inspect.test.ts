import { expect, test } from "vitest";
import { removeLitter } from "../../actions/lib/operations/retention/records.ts";
import { inspectBucket, probeWrite } from "../../actions/lib/vault/bucket/inspect.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { startHttpFaultProxy } from "../faults/proxy/http-proxy.ts";
import { newBucket, newVault } from "../faults/proxy/test-bucket.ts";

test.each([[true], [false]])("a bucket's versioning and lock (%s) are seen as they are", async (lock) => {
  using vault = await newVault({ lock });
  const facts = await inspectBucket(vault);
  expect(facts).toMatchObject({
    versioning: { state: "known", value: "enabled" },
    objectLock: { state: "known", value: { enabled: lock } },
  });
});

test("a bucket that is not there, and keys that are not accepted, are told apart", async () => {
  const settings = await newBucket();
  using missing = openVault({ ...settings, bucket: `${settings.bucket}-x` });
  await expect(inspectBucket(missing)).rejects.toMatchObject({ code: "s3-bucket-missing", exitCode: 2 });
  const credentials = { accessKeyId: "nobody", secretAccessKey: "nothing" };
  using stranger = openVault({ ...settings, credentials });
  await expect(inspectBucket(stranger)).rejects.toMatchObject({ code: "s3-credentials", exitCode: 2 });
});

test("a store that is not there ends the inspection soon, as unavailable", async () => {
  const settings = await newBucket();
  const proxy = await startHttpFaultProxy(settings.endpoint);
  await proxy[Symbol.asyncDispose]();
  using vault = openVault({ ...settings, endpoint: proxy.url });
  await expect(inspectBucket(vault)).rejects.toMatchObject({ code: "s3-unavailable", exitCode: 1 });
});

test("the real region is read from the answer, also from a refusal", async () => {
  const settings = await newBucket();
  await using proxy = await startHttpFaultProxy(settings.endpoint);
  using vault = openVault({ ...settings, endpoint: proxy.url });
  proxy.replaceAnswerHeader({ method: "HEAD" }, "x-amz-bucket-region", "eu-central-1");
  expect(await inspectBucket(vault)).toMatchObject({ region: { state: "known", value: "eu-central-1" } });
});

test("what may not be asked is denied, and the rest is still known", async () => {
  const settings = await newBucket();
  await using proxy = await startHttpFaultProxy(settings.endpoint);
  using vault = openVault({ ...settings, endpoint: proxy.url });
  proxy.answer({ url: /\?object-lock/ }, 403, "AccessDenied");
  expect(await inspectBucket(vault)).toMatchObject({
    objectLock: { state: "denied" },
    versioning: { state: "known", value: "enabled" },
  });
});

test("the write probe proves writing and conditions, and leaves one small object however often it is made", async () => {
  using vault = await newVault({ lock: true });
  for (let time = 0; time < 3; time++) {
    expect(await probeWrite(vault)).toEqual({
      mayWrite: { state: "known", value: true },
      conditionalWrites: { state: "known", value: true },
    });
  }
  await removeLitter(vault, async () => null);
  expect(await versionsBelow(vault.transport, "")).toMatchObject([{ key: "probe/write.txt", latest: true }]);
});

test("a role that may not write is told so", async () => {
  const settings = await newBucket();
  await using proxy = await startHttpFaultProxy(settings.endpoint);
  using vault = openVault({ ...settings, endpoint: proxy.url });
  proxy.answer({ method: "PUT", url: /probe/ }, 403, "AccessDenied");
  expect(await probeWrite(vault)).toMatchObject({
    mayWrite: { state: "denied" },
    conditionalWrites: { state: "unknown" },
  });
});
