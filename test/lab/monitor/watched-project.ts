import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import { loadConfig } from "../../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../../actions/lib/config/policy/policy.ts";
import { readWorkflows } from "../../../actions/lib/operations/policy-check/promise-check.ts";
import { writeVaultReport } from "../../../actions/lib/operations/publish/vault-reports.ts";
import { type WorkflowFacts, workflowFacts } from "../../../actions/lib/policy/read-schedules.ts";
import { runReportSchema } from "../../../actions/lib/report/run/run-report.ts";
import { readPrivateKey } from "../../../actions/lib/seal/keys/private-key.ts";
import { noteSigner } from "../../../actions/lib/vault/configured.ts";
import type { Manifest, Tier } from "../../../actions/lib/vault/format/manifest.ts";
import { lockPublished } from "../../../actions/lib/vault/keys-lock.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import qimma from "../../../lifeboat.config.ts";
import { becomeOwner } from "../../../scripts/demo/owner.ts";
import { layProof, laySigned } from "../../integration/signed-set.ts";
import { replicate } from "../replicate.ts";
import type { LabActionsApi } from "../servers/actions-api.ts";
import type { S3Access, S3Facts } from "../servers/s3.ts";

/** What a project's owner has in a vault of the lab: keys, a policy, sets, proofs and reports of jobs. */
export interface WatchedVault extends AsyncDisposable {
  /** The settings by the names that every command reads. */
  readonly env: Readonly<Record<string, string>>;
  readonly vault: Vault;
  /** Of its store. */
  readonly endpoint: string;
  /** For what is done behind everybody's back. */
  readonly client: () => S3Client;
  /** Puts a set there as a backup does, signed and locked. @param rows default 1,000,000 */
  laySet(tier: Tier, at: Date, rows?: number): Promise<Manifest>;
  prove(set: Manifest, at: Date): Promise<void>;
  /** What a job leaves. */
  report(workflow: string, operation: string, at: Date): Promise<void>;
  /** All is well now: a new set, proven, replicated, and the report of its job. */
  inOrder(): Promise<void>;
  /** Copies to the replica what it lacks. */
  replicate(): Promise<void>;
  /** Another policy. @returns its path */
  policyWith(change: (policy: PolicyInput) => PolicyInput): string;
}

const day = 86_400_000;

/** As .github/workflows/backup.yml has them. */
const sevenADay = ["0 1", "26 4", "52 7", "17 11", "43 14", "9 18", "35 21"].map((time) => `${time} * * *`);
const inAYear = new Date(Date.now() + 300 * day).toISOString().slice(0, 10);

/** What a project without point-in-time recovery can promise, told by Slack and e-mail. */
const modest = {
  promises: {
    ...qimma.promises,
    scenarios: {
      minorCorruption: { rtoMinutes: 120, rpoMinutes: 1440 },
      databaseFailure: { rtoMinutes: 120, rpoMinutes: 1440 },
      completeLoss: { rtoMinutes: 120, rpoMinutes: 1440 },
      regionalDisaster: { rtoMinutes: 600, rpoMinutes: 1440 },
    },
    supabase: { plan: "pro", pitrDays: null, snapshotDays: 7, region: "us-east-1" },
    vault: { region: "us-east-1", replicaRegion: "us-east-1" },
    // No archive, no files: what is not made needs no rule and no bucket.
    schedules: {
      daily: { cron: sevenADay, oncePer: "10h" },
      restoreTest: { cron: "23 7 2,3,5 * *" },
    },
    accepted: [{ finding: "regionalDisaster.rpo", reason: "The lab has one region.", until: inAYear }],
  },
  notify: {
    failure: { channels: ["slack", "email"], reach: "first" },
    critical: { channels: ["slack", "email"], reach: "all" },
    summary: { channels: ["slack"], hour: null },
  },
  monitor: { tokenExpires: inAYear },
} satisfies Partial<PolicyInput>;

export async function openWatchedVault(s3: S3Access & S3Facts): Promise<WatchedVault> {
  const folder = mkdtempSync(join(tmpdir(), "lifeboat-watched-"));
  const [bucket, replica] = ["watched", "watched-replica"].map((name) => `${name}-${randomBytes(4).toString("hex")}`);
  if (bucket === undefined || replica === undefined) throw new Error("There are two buckets.");
  await Promise.all([s3.createBucket(bucket), s3.createBucket(replica)]);
  // The SDK reads its credentials from the process's own environment.
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey });
  const { settings } = await becomeOwner(folder, s3, { ...modest, regions: [s3.region] });
  const { S3_STORAGE_BUCKET: _, LIFEBOAT_POLICY: policyFile = "", ...others } = settings;
  const env: Record<string, string> = {
    ...{ ...others, LIFEBOAT_POLICY: policyFile, PATH: process.env["PATH"] ?? "", S3_BACKUP_BUCKET: bucket },
    ...{ S3_REPLICA_BUCKET: replica, S3_REPLICA_REGION: s3.region, S3_REPLICA_ENDPOINT_URL: s3.endpoint },
    ...{ S3_REPLICA_ACCESS_KEY_ID: s3.accessKeyId, S3_REPLICA_SECRET_ACCESS_KEY: s3.secretAccessKey },
  };
  const vault = openVault(s3.bucketAccess(bucket));
  const signing = await readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
  const secret = (name: string): string => readFileSync(join(folder, "private-keys", name), "utf8").trim();
  const prover = await readPrivateKey(secret("prover.private.asc"), secret("prover.passphrase"));

  const own: WatchedVault = {
    ...{ env, vault, endpoint: s3.endpoint, client: s3.client },
    async laySet(tier, at, rows = 1_000_000) {
      const counts = { tables: 1, objects: 1, rows: String(rows), plainBytes: String(rows * 500) };
      const manifest = await laySigned(vault, signing, { tier, at, counts, readBack: true });
      const { policy } = await loadConfig({ needs: [], env });
      await lockPublished(vault, manifest, policy, true);
      return manifest;
    },
    prove: (set, at) => layProof(vault, prover, set, at),
    async report(workflow, operation, at) {
      const times = { startedAt: at.toISOString(), endedAt: at.toISOString(), conclusion: "success" };
      const told = { operation, job: operation, ...times, sentence: "Done.", facts: {}, warnings: [], untold: [] };
      const report = runReportSchema.parse({
        format: "lifeboat-run/1",
        run: { workflow, runId: String(at.getTime()), attempt: 1, url: null, event: "schedule" },
        ...{ triggeredAt: at.toISOString(), ...times, source: "job" },
        operations: [{ ...told, failure: null }],
      });
      await writeVaultReport(vault, report, await noteSigner(env));
    },
    async inOrder() {
      const now = new Date();
      const set = await own.laySet("daily", now);
      await Promise.all([own.prove(set, now), own.report("backup", "backup", now)]);
      await own.replicate();
    },
    async replicate() {
      const client = s3.client();
      await replicate({ client, bucket }, { client, bucket: replica });
      client.destroy();
    },
    policyWith(change) {
      const path = join(folder, `policy-${randomBytes(4).toString("hex")}.json`);
      writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(policyFile, "utf8")))));
      return path;
    },
    async [Symbol.asyncDispose]() {
      vault.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return own;
}

let files: readonly WorkflowFacts[] | undefined;

/** GitHub as our pages set it up, every schedule just started. */
export function inOrder(github: LabActionsApi, now: Date): void {
  files ??= readWorkflows().map(({ path, text }) => workflowFacts(path, text));
  const created = new Date(now.getTime() - 40 * day).toISOString();
  const started = new Date(now.getTime() - 3_600_000).toISOString();
  if (github.workflows.length === 0)
    github.workflows = files.map(({ file }) => ({ file, state: "active", createdAt: created }));
  github.runs = files
    .filter(({ crons }) => crons.length > 0)
    .map(({ file }, id) => ({ id, workflow: file.replace(".yml", ""), conclusion: "success", createdAt: started }));
  const environments = [...new Set(files.flatMap((one) => one.environments))];
  github.environments = environments.map((name) => ({ name, branches: ["main"], reviewers: name === "restore" }));
}
