import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { regionOfPooler } from "../../actions/lib/config/connection-url.ts";
import { loadConfig, type Section } from "../../actions/lib/config/load.ts";
import {
  assertRegionAllowed,
  endpointProblem,
  nameProblem,
  regionOfStorage,
  runnerPlace,
} from "../../actions/lib/config/vault-location.ts";
import qimma from "../../lifeboat.config.ts";

const regions = ["eu-central-1", "us-east-1"];

describe("a bucket's name", () => {
  test.each([
    "arn:aws:s3:eu-central-1:111122223333:accesspoint/backups",
    "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap",
    "backups-metadata12345-s3alias",
    "backups-abcdef--ol-s3",
    "mfzwi23gnjvgw.mrap",
    "backups--euc1-az1--x-s3",
    "bucket/with/path",
  ])("that leads elsewhere than to one bucket in one region is refused: %s", (name) => {
    expect(nameProblem(name)).toMatch(/access point|directory|not a bucket's name/);
  });

  test.each(["acme-backups", "acme.backups.eu", "s3alias", "x-s3"])("of an ordinary bucket is taken: %s", (name) => {
    expect(nameProblem(name)).toBeUndefined();
  });
});

describe("an endpoint", () => {
  test.each([
    ["https://s3-accelerate.amazonaws.com", /Transfer Acceleration/],
    ["https://acme.s3-accelerate.dualstack.amazonaws.com", /Transfer Acceleration/],
    ["https://backups-1.s3-accesspoint.eu-central-1.amazonaws.com", /access point/],
    ["https://mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com", /access point/],
    ["https://backups-1.s3-object-lambda.eu-central-1.amazonaws.com", /access point/],
    ["https://s3.ap-southeast-2.amazonaws.com", /is in ap-southeast-2; the policy allows eu-central-1, us-east-1/],
    ["https://s3-fips.us-west-2.amazonaws.com", /is in us-west-2/],
    ["https://bucket.vpce-1a2b-3c4d.s3.us-west-2.vpce.amazonaws.com", /is in us-west-2/],
  ])("of AWS that leads past the policy's regions is refused: %s", (endpoint, why) => {
    expect(endpointProblem(endpoint, regions)).toMatch(why);
  });

  test.each([
    "https://s3.eu-central-1.amazonaws.com",
    "https://s3.dualstack.eu-central-1.amazonaws.com",
    "https://s3.amazonaws.com",
    "https://minio.example.org:9000",
    "http://127.0.0.1:9000",
  ])("that does not is taken: %s", (endpoint) => {
    expect(endpointProblem(endpoint, regions)).toBeUndefined();
  });
});

test("a project's region is read from its pooler's and its Storage's address, and from no other", () => {
  const region = (host: string) => regionOfPooler({ host });
  expect(region("aws-0-eu-central-1.pooler.supabase.com")).toBe("eu-central-1");
  expect(region("aws-1-ap-southeast-2.pooler.supabase.com")).toBe("ap-southeast-2");
  expect(region("db.abcdefghijklmnopqrst.supabase.co")).toBeUndefined();
  expect(region("aws-0-eu-central-1.pooler.supabase.com.example.org")).toBeUndefined();
  const storage = { endpoint: "https://abc.storage.supabase.co/storage/v1/s3", region: "ap-south-1" };
  expect(regionOfStorage(storage)).toBe("ap-south-1");
  expect(regionOfStorage({ ...storage, endpoint: "http://127.0.0.1:54321/storage/v1/s3" })).toBeUndefined();
});

test("where the runner is, is said as far as its owner has said it", () => {
  expect(runnerPlace({ LIFEBOAT_RUNNER_REGION: "eu-central-1" })).toBe("in eu-central-1, by LIFEBOAT_RUNNER_REGION");
  expect(runnerPlace({ RUNNER_ENVIRONMENT: "github-hosted" })).toMatch(/GitHub's own: where it is, nobody says/);
  expect(runnerPlace({})).toMatch(/LIFEBOAT_RUNNER_REGION is not set/);
});

test("a region outside the policy is refused by name, with what to do", () => {
  expect(() => assertRegionAllowed("eu-central-1", regions, "Bucket b")).not.toThrow();
  expect(() => assertRegionAllowed("ap-south-1", regions, "Bucket b")).toThrow(
    expect.objectContaining({
      code: "region-refused",
      message: expect.stringMatching(/Bucket b is in ap-south-1; the policy allows eu-central-1, us-east-1/),
      next: expect.stringMatching(/residency\.md/),
    }),
  );
});

describe("the configuration refuses, before anything is opened,", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "lifeboat-residency-"));
    mkdirSync(join(root, ".github", "keys"), { recursive: true });
    writeFileSync(join(root, "policy.json"), JSON.stringify({ ...qimma, regions }));
  });
  const load = async (needs: readonly Section[], env: Record<string, string>) =>
    await loadConfig({ needs, cwd: root, env: { LIFEBOAT_POLICY: "policy.json", ...env } });
  const vault = { S3_BACKUP_BUCKET: "acme", AWS_REGION: "eu-central-1" };
  const replica = { S3_REPLICA_BUCKET: "acme-replica", S3_REPLICA_REGION: "us-east-1" };
  const storage = {
    TARGET_STORAGE_ENDPOINT: "https://abc.storage.supabase.co/storage/v1/s3",
    TARGET_STORAGE_REGION: "ap-south-1",
    TARGET_STORAGE_ACCESS_KEY_ID: "id",
    TARGET_STORAGE_SECRET_ACCESS_KEY: "secret",
  };

  test.each<[string, Section, Record<string, string>, RegExp]>([
    [
      "a target whose pooler is elsewhere",
      "target",
      { TARGET_DATABASE_URL: "postgresql://postgres.abc:p@aws-0-ap-south-1.pooler.supabase.com:5432/postgres" },
      /target: the project of default is in ap-south-1; the policy allows/,
    ],
    ["a target whose Storage is elsewhere", "targetStorage", storage, /TARGET_STORAGE_REGION: is in ap-south-1/],
    [
      "an access point for the vault",
      "vault",
      { ...vault, S3_BACKUP_BUCKET: "acme-s3alias" },
      /S3_BACKUP_BUCKET: is the alias/,
    ],
    [
      "an access point for the replica",
      "replica",
      { ...replica, S3_REPLICA_BUCKET: "arn:aws:s3:::x" },
      /S3_REPLICA_BUCKET: is an ARN/,
    ],
    [
      "transfer acceleration for the vault",
      "vault",
      { ...vault, AWS_ENDPOINT_URL: "https://s3-accelerate.amazonaws.com" },
      /AWS_ENDPOINT_URL: is S3 Transfer Acceleration/,
    ],
    [
      "an endpoint elsewhere for the replica",
      "replica",
      { ...replica, S3_REPLICA_ENDPOINT_URL: "https://s3.ap-south-1.amazonaws.com" },
      /S3_REPLICA_ENDPOINT_URL: is in ap-south-1/,
    ],
    [
      "a runner whose owner says that it is elsewhere",
      "vault",
      { ...vault, LIFEBOAT_RUNNER_REGION: "ap-south-1" },
      /LIFEBOAT_RUNNER_REGION: is in ap-south-1/,
    ],
    ["a replica without a region", "replica", { S3_REPLICA_BUCKET: "acme-replica" }, /S3_REPLICA_REGION: is not set/],
    [
      "the vault as its own replica",
      "replica",
      { ...vault, ...replica, S3_REPLICA_BUCKET: "acme" },
      /is a bucket of the vault itself/,
    ],
    [
      "half of the replica's keys",
      "replica",
      { ...replica, S3_REPLICA_ACCESS_KEY_ID: "id" },
      /S3_REPLICA_ACCESS_KEY_ID: and S3_REPLICA_SECRET_ACCESS_KEY must be set together/,
    ],
  ])("%s", async (_, section, env, problem) => {
    await expect(load([section], env)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(problem),
    });
  });

  test("and takes a replica with a store and keys of its own, which no print of the configuration tells", async () => {
    const own = {
      S3_REPLICA_ENDPOINT_URL: "https://minio.example.org",
      S3_REPLICA_ACCESS_KEY_ID: "id",
      S3_REPLICA_SECRET_ACCESS_KEY: "hush",
    };
    const { replica: read } = (await load(["replica"], { ...replica, ...own })) as {
      replica?: { credentials?: () => Promise<unknown> };
    };
    expect(read).toMatchObject({
      bucket: "acme-replica",
      region: "us-east-1",
      endpoint: "https://minio.example.org",
      regions,
    });
    expect(await read?.credentials?.()).toEqual({ accessKeyId: "id", secretAccessKey: "hush" });
    expect(JSON.stringify(read)).not.toContain("hush");
  });

  test("and reads the replica in the vault's place when it is asked to", async () => {
    const config = await loadConfig({
      needs: ["vault", "storageVault"],
      from: "replica",
      cwd: root,
      env: { LIFEBOAT_POLICY: "policy.json", ...replica },
    });
    expect([config.vault, config.storageVault]).toMatchObject(
      Array(2).fill({ bucket: "acme-replica", region: "us-east-1", readOnly: true }),
    );
  });
});
