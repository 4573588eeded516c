import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifySet } from "../../actions/lib/prove/verify.ts";
import { silentLog } from "../../actions/lib/runtime/log.ts";
import type { Inventory } from "../../actions/lib/source/inventory/model.ts";
import { openVault, type Vault } from "../../actions/lib/vault/client.ts";
import type { Manifest } from "../../actions/lib/vault/manifest.ts";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/shared.ts";
import { newTestKey, type TestKey } from "./assembled-set.ts";
import { backUpForTest } from "./real-set.ts";

describe.each([15, 17] as const)("a set of a Supabase-shaped project on PostgreSQL %i", (major) => {
  const name = `verify_${randomBytes(4).toString("hex")}`;
  let project: LabProject;
  let vault: Vault;
  let signing: TestKey;
  let recipient: TestKey;
  let manifest: Manifest;
  let inventory: Inventory;

  beforeAll(async () => {
    const server = sharedPostgres(major);
    project = await createProject(server.superuserUrl(), name);
    await seedQimma(project.postgresUrl, { bytes: 3_000_000, seed: 7 });
    [signing, recipient] = await Promise.all([newTestKey("signing"), newTestKey("prover")]);
    const { endpoint, region, accessKeyId, secretAccessKey, createBucket } = sharedS3();
    const bucket = name.replace("_", "-");
    await createBucket(bucket);
    vault = openVault({ bucket, endpoint, region, credentials: { accessKeyId, secretAccessKey } });
    const source = { url: project.superuserUrl, binDir: server.binDir };
    ({ manifest, inventory } = await backUpForTest(source, { vault, signing, recipient }));
  });

  afterAll(async () => {
    vault?.close();
    await dropProject(sharedPostgres(major).superuserUrl(), name);
  });

  test("is whole, opened or not", async () => {
    for (const deep of [false, true]) {
      const options = { trustedSigners: signing.signers, deep, privateKey: recipient.unlocked };
      const result = await verifySet(vault, "latest", options, silentLog);
      expect(result.findings.filter(({ code }) => code !== "object-unlocked")).toEqual([]);
      expect(result).toMatchObject({ outcome: "whole", set: manifest.set, tier: "daily" });
    }
  });

  test("has rows in every shape that the lab knows", () => {
    expect(manifest.artifacts.filter(({ kind }) => kind === "data").length).toBeGreaterThan(2);
    expect(inventory.largeObjects.length).toBeGreaterThan(0);
    expect(inventory.tables.filter(({ fingerprint }) => fingerprint?.rows === "0").length).toBeGreaterThan(0);
    expect(inventory.sequences.length).toBeGreaterThan(0);
  });
});
