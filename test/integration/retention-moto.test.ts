import { PutObjectCommand, PutObjectRetentionCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { paidUntil } from "../../actions/lib/operations/retention/paid.ts";
import { removeVersions } from "../../actions/lib/operations/retention/remove-versions.ts";
import { checkSafety } from "../../actions/lib/operations/retention/safety.ts";
import { setLegalHold } from "../../actions/lib/vault/bucket/legal-hold.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { type RunningGlacier, startGlacier } from "../lab/servers/glacier.ts";

/** Where S3's real rules matter: moto knows storage classes and legal holds, which the lab's own server does not tell. */

let store: RunningGlacier;
let vault: Vault;
beforeAll(async () => {
  store = await startGlacier();
  await store.createBucket("retention");
  vault = openVault(store.bucketAccess("retention"));
});
afterAll(async () => {
  vault?.close();
  await store?.stop();
});

test("what is locked is passed over until its date, and the store refuses whoever asks all the same", async () => {
  await vault.put("locked/a", Buffer.from("x"));
  const client = store.client();
  const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
  const Retention = { Mode: "GOVERNANCE", RetainUntilDate: until } as const;
  await client.send(new PutObjectRetentionCommand({ Bucket: "retention", Key: "locked/a", Retention }));
  client.destroy();
  const versions = await versionsBelow(vault.transport, "locked/");
  const kept = { deleted: 0, kept: 1 };
  expect(await removeVersions(vault, versions, Date.now())).toEqual({ ...kept, keptUntil: until.getTime() });
  // By a clock that is two hours ahead the lock is over: the store knows better.
  expect(await removeVersions(vault, versions, Date.now() + 7_200_000)).toEqual({ ...kept, keptUntil: null });
});

test("a rehearsal does not try the lock: it writes nothing", async () => {
  const before = await versionsBelow(vault.transport, "");
  await checkSafety(vault, { ours: new Date(), dryRun: true });
  expect(await versionsBelow(vault.transport, "")).toEqual(before);
});

test("what a legal hold keeps is passed over, and goes when it is lifted", async () => {
  for (const key of ["a/held", "a/free"]) await vault.put(key, Buffer.from("x"));
  const versions = await versionsBelow(vault.transport, "a/");
  const held = versions.find(({ key }) => key === "a/held");
  if (held === undefined) throw new Error("the store lost it");
  await setLegalHold(vault, held, "on");
  expect(await removeVersions(vault, versions, Date.now())).toEqual({ deleted: 1, kept: 1, keptUntil: null });
  await setLegalHold(vault, held, "off");
  expect(await removeVersions(vault, [held], Date.now())).toEqual({ deleted: 1, kept: 0, keptUntil: null });
  expect(await versionsBelow(vault.transport, "a/")).toEqual([]);
});

test("the store's list tells the class, and so what is paid for anyway", async () => {
  const client = store.client();
  const Bucket = "retention";
  await client.send(new PutObjectCommand({ Bucket, Key: "b/cold", Body: "x", StorageClass: "GLACIER" }));
  await client.send(new PutObjectCommand({ Bucket, Key: "b/warm", Body: "x" }));
  client.destroy();
  const versions = await versionsBelow(vault.transport, "b/");
  const days = ((paidUntil(versions, 1) ?? 0) - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(90.9);
  expect(
    paidUntil(
      versions.filter(({ key }) => key === "b/warm"),
      1,
    ),
  ).toBeNull();
});
