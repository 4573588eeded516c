import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { applyRetention, type VaultsRetention } from "../../actions/lib/operations/retention/apply-retention.ts";
import type { SyncRequest, SyncResult } from "../../actions/lib/operations/sync/request.ts";
import { runSync } from "../../actions/lib/operations/sync/run-sync.ts";
import type { UnlockedKey } from "../../actions/lib/seal/keys/private-key.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { readFiles, readLayers } from "../../actions/lib/vault/files/read-files.ts";
import { openObject, readSealed } from "../../actions/lib/vault/files/read-object.ts";
import { readSnapshot } from "../../actions/lib/vault/files/snapshot-catalogue.ts";
import { recipientKeys } from "../../actions/lib/vault/files/snapshot-keys.ts";
import {
  type CopyFinding,
  type FileEntry,
  findingSchema,
  isStored,
  livingObjects,
  pathOf,
  sessionKeyCommitments,
} from "../../actions/lib/vault/format/snapshot-manifest.ts";
import { createProject, dropProject, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, startStorage, storageSettings } from "../lab/storage/index.ts";
import { type BackupLab, openBackupLab, recordingLog } from "./backup-lab.ts";

/** A project with files, a vault for them, and what a sync needs. */
export interface SyncLab extends AsyncDisposable {
  readonly lab: BackupLab;
  readonly project: LabProject;
  readonly storage: RunningStorage;
  readonly log: ReturnType<typeof recordingLog>;
  env(change?: Record<string, string>): Record<string, string>;
  sync(more?: Partial<SyncRequest>, change?: Record<string, string>): Promise<SyncResult>;
  /** What runs once a week with a role of its own: removes what nobody needs. */
  retention(): Promise<VaultsRetention>;
  /** Everything that a snapshot says, read as a recipient reads it, contents included. */
  read(set: string): Promise<ReadSnapshot>;
  sql(text: string, values?: unknown[]): Promise<void>;
}

export interface ReadSnapshot {
  readonly entries: ReadonlyMap<string, FileEntry>;
  /** By path; packs are opened and their entries told apart by the tar's own headers. */
  readonly contents: ReadonlyMap<string, Buffer>;
  readonly findings: readonly CopyFinding[];
}

let labs = 0;

export async function openSyncLab(
  options: { policy?: (policy: PolicyInput) => PolicyInput; major?: 15 | 17 } = {},
): Promise<SyncLab> {
  const postgres = sharedPostgres(options.major ?? 17);
  const name = `sync_${process.pid}_${++labs}`;
  const lab = await openBackupLab(sharedS3(), { ...(options.policy && { policy: options.policy }) });
  const project = await createProject(postgres.superuserUrl(), name);
  const storage = await startStorage(project);
  const log = recordingLog();
  const env = (change: Record<string, string> = {}): Record<string, string> => ({
    ...{ ...lab.env(project.backupUrl), S3_STORAGE_BUCKET: lab.bucket },
    ...storageSettings(storage),
    ...change,
  });
  return {
    ...{ lab, project, storage, log, env },
    async sync(more = {}, change = {}) {
      const needs = ["storageVault", "sourceStorage", "signing", "source"] as const;
      const config = await loadConfig({ needs, env: env(change) });
      const patience = { attempts: 4, baseMillis: 5, capMillis: 50 };
      return runSync({ config, tier: "daily", log, patience, ...more });
    },
    async retention() {
      const { policy } = await lab.config(project.backupUrl);
      const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.signers);
      return applyRetention({
        database: null,
        files: lab.vault,
        policy,
        verify,
        verifyRelease: verify,
        dryRun: false,
        log,
      });
    },
    read: (set) => readAll(lab, lab.operations, set),
    sql: (text, values) =>
      withClient(project.superuserUrl, async (client) => {
        await client.query("set session_replication_role = replica");
        await client.query(text, values);
      }),
    async [Symbol.asyncDispose]() {
      await storage.stop();
      await dropProject(postgres.superuserUrl(), name);
      await lab[Symbol.asyncDispose]();
    },
  };
}

async function readAll({ vault, signers }: BackupLab, key: UnlockedKey, set: string): Promise<ReadSnapshot> {
  const { manifest } = await readSnapshot(vault, set, (bytes, armored) => verifyDetached(bytes, armored, signers));
  const layers = await readLayers(vault, manifest.layers);
  const keys = recipientKeys(vault, key, signers);
  const entries = new Map<string, FileEntry>();
  for await (const entry of readFiles(vault, layers, keys)) entries.set(pathOf(entry), entry);
  const plain = new Map<string, Buffer>();
  for (const object of livingObjects(layers)) {
    const chunks: Buffer[] = [];
    for await (const chunk of openObject(vault, object, keys, sessionKeyCommitments(layers)))
      chunks.push(Buffer.from(chunk));
    plain.set(object.key, Buffer.concat(chunks));
  }
  const contents = new Map<string, Buffer>();
  for (const [path, entry] of entries) {
    if (!isStored(entry)) continue;
    const object = plain.get(entry.object) ?? Buffer.alloc(0);
    contents.set(path, entry.entry === null ? object : (tarEntries(object).get(entry.entry) ?? Buffer.from("missing")));
  }
  const index = await keys.index({ run: set, ...manifest.sealing });
  const text = manifest.findings === null ? "" : (await readSealed(vault, manifest.findings, index)).toString("utf8");
  const findings = text.split("\n").filter((line) => line !== "");
  return { entries, contents, findings: findings.map((line) => findingSchema.parse(JSON.parse(line))) };
}

/** A reader of tars of our own, from the format's description: it shares nothing with the writer. */
function tarEntries(tar: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 0; tar[at] !== 0 && at < tar.length; ) {
    const text = (from: number, to: number): string => tar.toString("latin1", at + from, at + to).replace(/\0.*/s, "");
    const bytes = Number.parseInt(text(124, 136), 8);
    found.set(text(0, 100), tar.subarray(at + 512, at + 512 + bytes));
    at += 512 + Math.ceil(bytes / 512) * 512;
  }
  return found;
}
