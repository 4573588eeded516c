import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { signingKey } from "../../actions/lib/vault/configured.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, listSets, publishSet, resolveSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { storeUnpublished } from "../faults/proxy/test-manifest.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { reportOf } from "../unit/simulated-runs.ts";
import { ago, openPublishLab, ownersSettings, type PublishLab } from "./publish-lab.ts";

/** What the job that publishes sees in the vault itself. */

let settings: Readonly<Record<string, string>>;
let lab: PublishLab;
beforeAll(async () => {
  settings = await ownersSettings();
});
beforeEach(async () => {
  lab = await openPublishLab(settings);
});
afterEach(() => lab[Symbol.asyncDispose]());

/** A signed set. */
async function layDown(set: string, snapshotAt: string): Promise<void> {
  const { vault } = lab;
  const config = await loadConfig({ needs: ["signing"], env: { ...settings, S3_BACKUP_BUCKET: vault.bucket } });
  const manifest = { ...(await storeUnpublished(vault, "daily", set)), snapshotAt };
  const bytes = encodeManifest(manifest);
  const signature = await signDetached(bytes, await signingKey(config));
  await publishSet(vault, manifest, bytes, signature, { lease: { async assertHeld() {} } });
}

const idOf = (at: string): string => `${at.replaceAll(/[-:]|\.\d+/g, "")}-0000000a`;

test("a vault whose newest set somebody removed for good, its report with it, is noticed by the next job that publishes", async () => {
  const { vault } = lab;
  const files = { S3_STORAGE_BUCKET: vault.bucket };
  const [older, newest] = [ago(600), ago(60)].map(idOf);
  const make = async (set = "", at = ""): Promise<void> => {
    await layDown(set, at);
    const facts = { set, tier: "daily", snapshotAt: at, bucket: vault.bucket } as const;
    await lab.tell(reportOf({ runId: set.slice(9, 15), at, operation: { operation: "backup", facts } }));
  };
  await make(older, ago(600));
  await make(newest, ago(60));
  const before = await lab.publish("71", files);
  expect(before.code, before.output).toBe(0);

  for (const prefix of [`database/daily/${newest}/`, "reports/"])
    await deleteVersions(vault.transport, await versionsBelow(vault.transport, prefix));
  // The vault alone cannot know: whoever asks it gets the older one.
  expect(await resolveSet(vault, "latest")).toMatchObject({ set: older });
  expect(await listSets(vault)).toMatchObject([{ set: older, problem: null }]);
  const after = await lab.publish("72", files);
  expect(after.code, after.output).toBe(1);
  expect(after.output).toContain(`ALARM: the reports know of 1 set`);
  expect(after.output).toContain(newest);
  expect(lab.origin.branch()?.read("README.md")).toContain("ALARM: the reports know of 1 set");
});

test("the page tells what the replica lacks, and that it cannot be asked", async () => {
  const at = ago(26 * 60);
  await layDown(idOf(at), at);
  const bucket = `${lab.vault.bucket}-replica`;
  await sharedS3().createBucket(bucket);
  const replica = {
    S3_STORAGE_BUCKET: lab.vault.bucket,
    ...{ S3_REPLICA_BUCKET: bucket, S3_REPLICA_REGION: "us-east-1", S3_REPLICA_ENDPOINT_URL: sharedS3().endpoint },
    S3_REPLICA_ACCESS_KEY_ID: sharedS3().accessKeyId,
    S3_REPLICA_SECRET_ACCESS_KEY: sharedS3().secretAccessKey,
  };
  const lacking = await lab.publish("31", replica);
  expect(lacking.code, lacking.output).toBe(0);
  expect(lab.origin.branch()?.read("README.md")).toMatch(new RegExp(`ALARM:[^\\n]*replica[^\\n]*${idOf(at)}`));
  const nowhere = await lab.publish("32", { ...replica, S3_REPLICA_ENDPOINT_URL: "http://127.0.0.1:9" });
  expect(nowhere.code, nowhere.output).toBe(0);
  expect(lab.origin.branch()?.read("README.md")).toMatch(/ALARM: whether set [^\n]* is in the replica cannot be told/);
});
