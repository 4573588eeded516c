import { randomBytes } from "node:crypto";
import { mapBounded } from "../../actions/lib/base/flow/bounded.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { readInputs } from "../../actions/lib/edge/inputs.ts";
import { reportedRun } from "../../actions/lib/edge/reported-run.ts";
import { runOperation } from "../../actions/lib/edge/run-operation.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { writeVaultReport } from "../../actions/lib/operations/publish/vault-reports.ts";
import type { RunReport } from "../../actions/lib/report/run/run-report.ts";
import { readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import {
  indexKeyScope,
  keysFileName,
  keysSignatureMetadata,
  secretsFileName,
  secretsScope,
  signKeysFile,
} from "../../actions/lib/seal/keys/session-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { lockObject, retainUntil } from "../../actions/lib/vault/bucket/lock.ts";
import { noteSigner } from "../../actions/lib/vault/configured.ts";
import { encodeSnapshotManifest } from "../../actions/lib/vault/files/snapshot-catalogue.ts";
import {
  type Manifest,
  manifestSchema,
  newSetId,
  setPrefix,
  type Tier,
} from "../../actions/lib/vault/format/manifest.ts";
import { indexKeysName, snapshotPrefix } from "../../actions/lib/vault/format/names.ts";
import { snapshotManifestSchema } from "../../actions/lib/vault/format/snapshot-manifest.ts";
import { manifestName, signatureName } from "../../actions/lib/vault/published/signed-manifest.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { encodeManifest } from "../../actions/lib/vault/sets/catalogue.ts";
import { startActionsApi } from "../lab/servers/actions-api.ts";
import { type RequestCounts, startMeter } from "../lab/servers/meter.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { makeOrigin } from "./reports-lab.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

/** A project, its vault in two buckets, and the jobs of the schedules, whose requests to the store are counted. */
export interface MeteredLab extends AsyncDisposable {
  readonly lab: SyncLab;
  /** Where sets are made that are then copied: nothing there counts. */
  readonly template: Vault;
  /** What is measured. */
  readonly vault: { readonly sets: Vault; readonly files: Vault };
  /** One job's step, as its schedule runs it. @returns how it ended, and what it asked the store for */
  run(
    verb: string,
    inputs?: Readonly<Record<string, string>>,
    where?: "template" | "vault",
  ): Promise<{
    readonly conclusion: string;
    readonly sentence: string;
    readonly hurried: boolean;
    readonly counts: RequestCounts;
  }>;
  /** Lays sets into the vault as this one, made at other times: objects, signed manifest, lock. */
  copySet(like: { readonly tier: Tier; readonly set: string }, times: readonly Date[]): Promise<void>;
  /** The same of a snapshot of the files that is there: the copies name what it names, and are older than it. */
  copySnapshot(like: string, times: readonly Date[]): Promise<void>;
  /** Reports of runs that ended well at these times. */
  tellRuns(times: readonly Date[]): Promise<void>;
}

export async function openMeteredLab(retentionDays: number): Promise<MeteredLab> {
  const tier = { retentionDays, lock: "governance" } as const;
  const lab = await openSyncLab({
    policy: (policy) => ({
      ...policy,
      tiers: { daily: tier, weekly: tier, monthly: tier },
      storage: { smallFileBytes: 300_000, packBytes: 600_000, concurrency: 4, failOn: [] },
    }),
  });
  const meter = await startMeter(sharedS3().endpoint);
  const open = async (name: string): Promise<Vault> => {
    await sharedS3().createBucket(name);
    return openVault(sharedS3().bucketAccess(name));
  };
  const { bucket } = lab.lab;
  const template = lab.lab.vault;
  const vault = { sets: await open(`${bucket}-vault`), files: await open(`${bucket}-vault-files`) };
  const origin = makeOrigin();
  const api = await startActionsApi("qimma/lifeboat");
  const operations = await loadOperations();
  const settings = lab.env();
  const signer = await readPrivateKey(
    settings["BACKUP_SIGNING_KEY"] ?? "",
    settings["BACKUP_SIGNING_PASSPHRASE"] ?? "",
  );
  const lockOf = (at: Date) => ({ retainUntil: retainUntil(at, retentionDays) });
  let runs = 0;

  const copyAll = async (
    [from, to]: readonly [Vault, Vault],
    prefix: string,
    place: string,
    at: Date,
  ): Promise<void> => {
    const keys: string[] = [];
    for await (const { key } of from.list(prefix)) keys.push(key);
    const some = keys.filter((key) => ![manifestName, signatureName].includes(key.slice(prefix.length)));
    await mapBounded(some, 8, async (key) => {
      const { body } = await from.get(key);
      const name = key.slice(prefix.length);
      const scope = scopeOfKeys(name, place.split("/").at(-2) ?? "");
      const metadata = scope && { [keysSignatureMetadata]: await signKeysFile(scope, body, signer) };
      await to.put(place + name, body, { ...lockOf(at), ...(metadata && { metadata }) });
    });
  };
  const publish = async (vault: Vault, prefix: string, bytes: Uint8Array, at: Date): Promise<void> => {
    await vault.put(prefix + signatureName, Buffer.from(await signDetached(bytes, signer)), lockOf(at));
    await vault.put(prefix + manifestName, bytes, lockOf(at));
  };

  return {
    ...{ lab, template, vault },
    async run(verb, inputs = {}, where = "vault") {
      const operation = operations.find(({ name }) => name === verb);
      if (operation === undefined) throw new Error(`There is no verb ${verb}.`);
      const env = {
        ...{
          ...settings,
          S3_BACKUP_BUCKET: where === "vault" ? vault.sets.bucket : bucket,
          S3_STORAGE_BUCKET: vault.files.bucket,
        },
        ...{ AWS_ENDPOINT_URL: meter.url, GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: origin.workspace },
        ...{ GITHUB_WORKFLOW: "backup", GITHUB_RUN_ID: String(++runs), GITHUB_RUN_ATTEMPT: "1", GITHUB_JOB: "backup" },
        ...{ GITHUB_EVENT_NAME: "schedule", GITHUB_REPOSITORY: "qimma/lifeboat", GITHUB_API_URL: api.url },
        ...{ GITHUB_SERVER_URL: "https://github.com" },
      };
      const { signal } = new AbortController();
      const given = () => readInputs(operation, "action", inputs);
      meter.take();
      const { ending, result } = await reportedRun({
        ...{ operation, env, log: silentLog, signal, inputs: given },
        work: (log) => runOperation(operation, given(), { env, log, signal }),
      });
      const hurried = JSON.stringify(result?.result ?? null).includes("No answer came within");
      return { conclusion: ending.conclusion, sentence: ending.sentence, hurried, counts: meter.take() };
    },
    async copySet({ tier, set }, times) {
      const from = setPrefix(tier, set);
      const { body } = await template.get(from + manifestName);
      const manifest: Manifest = manifestSchema.parse(JSON.parse(Buffer.from(body).toString("utf8")));
      for (const at of times) {
        const id = newSetId(at);
        const to = setPrefix(tier, id);
        const time = at.toISOString();
        await copyAll([template, vault.sets], from, to, at);
        await publish(
          vault.sets,
          to,
          encodeManifest({ ...manifest, set: id, startedAt: time, snapshotAt: time, finishedAt: time }),
          at,
        );
      }
    },
    async copySnapshot(like, times) {
      const from = snapshotPrefix(like);
      const { body } = await vault.files.get(from + manifestName);
      const manifest = snapshotManifestSchema.parse(JSON.parse(Buffer.from(body).toString("utf8")));
      for (const at of times) {
        const id = newSetId(at);
        const time = at.toISOString();
        await copyAll([vault.files, vault.files], from, snapshotPrefix(id), at);
        await publish(
          vault.files,
          snapshotPrefix(id),
          encodeSnapshotManifest({
            ...manifest,
            set: id,
            startedAt: time,
            snapshotAt: time,
            finishedAt: time,
            databaseSet: null,
          }),
          at,
        );
        for (const name of [manifestName, signatureName])
          await lockObject(vault.files, snapshotPrefix(id) + name, retainUntil(new Date(), retentionDays + 1));
      }
    },
    async tellRuns(times) {
      const sign = await noteSigner(settings);
      await mapBounded(times, 8, async (at) => writeVaultReport(vault.sets, reportOf(at), sign));
    },
    async [Symbol.asyncDispose]() {
      for (const one of [vault.sets, vault.files]) one.close();
      origin[Symbol.dispose]();
      await Promise.all([api, meter, lab].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

/** What a file of keys is signed for; undefined: it is none. */
function scopeOfKeys(name: string, set: string): string | undefined {
  if (name === keysFileName) return set;
  if (name === secretsFileName) return secretsScope(set);
  return name === indexKeysName ? indexKeyScope(set) : undefined;
}

function reportOf(at: Date): RunReport {
  const time = at.toISOString();
  const told = { startedAt: time, endedAt: time, conclusion: "skipped" } as const;
  return {
    ...{ format: "lifeboat-run/1", triggeredAt: time, source: "job", ...told },
    run: {
      workflow: "backup",
      runId: `copied-${randomBytes(4).toString("hex")}`,
      attempt: 1,
      url: null,
      event: "schedule",
    },
    operations: [
      {
        ...told,
        operation: "backup",
        job: "backup",
        sentence: "There was nothing to do.",
        facts: {},
        warnings: [],
        failure: null,
        untold: [],
      },
    ],
  };
}
