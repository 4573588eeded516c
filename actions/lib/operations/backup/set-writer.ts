import { createHash } from "node:crypto";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import type { Stop } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { comparableCounts, countSet, hasDumps, storedBytes } from "../../compare/dump-checks.ts";
import type { Config } from "../../config/load.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { renderRolesSql } from "../../postgres/inventory/roles.ts";
import type { LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import { renderRecoverPage } from "../../recover/pages.ts";
import {
  keysFileName,
  keysSignatureMetadata,
  secretsFileName,
  secretsScope,
  signKeysFile,
  wrapSessionKey,
} from "../../seal/keys/key-wrapping.ts";
import { opensSecrets, type Recipient } from "../../seal/keys/keyring.ts";
import type { PinnedRecipient } from "../../seal/keys/pins.ts";
import { newSessionKey, type SessionKey, sessionKeyCommitment } from "../../seal/keys/session-key.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import { type Artifact, type Manifest, setPrefix, type Tier } from "../../vault/format/manifest.ts";
import { lockPublished } from "../../vault/keys-lock.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { assertStored } from "../../vault/s3/read-back.ts";
import { encodeManifest, type PublishedSet, publish } from "../../vault/sets/catalogue.ts";
import type { Ready } from "../check/run-preflight.ts";
import { type ArtifactStore, jsonSource, openArtifactStore, textSource } from "./artifact-store.ts";
import { readLastSet } from "./earlier-sets.ts";
import type { BackupResult } from "./result.ts";

export interface SetWriterOptions {
  readonly set: string;
  readonly tier: Tier;
  readonly startedAt: Date;
  readonly config: Config<"vault">;
  readonly ready: Ready;
  readonly vault: Vault;
  readonly lease: Lease;
  /** What is published in the vault, looked up under the lease. */
  readonly published: readonly PublishedSet[];
  readonly stop: Stop;
  readonly log: Log;
}

/** Writes one set: its keys first, its artifacts as they come, its manifest last. */
export interface SetWriter {
  readonly store: ArtifactStore;
  /** Where Vault's secrets go: under a second session key, which the prover does not get. Made when it is asked for. */
  readonly secrets: () => Promise<ArtifactStore>;
  add(artifact: Artifact): void;
  /** Stores what is known only when all has been read: roles, inventory, RECOVER.md. */
  describe(snapshot: LockedSnapshot, inventory: Inventory): Promise<void>;
  /** @throws OperationError `shrunk`, and what the vault throws; no set is visible then */
  publish(options: {
    acceptShrinkage: boolean;
    warnings: string[];
    /** The files' snapshot that belongs to the set. */
    files?: { readonly set: string } | undefined;
  }): Promise<Omit<BackupResult, "stages" | "warnings" | "alarms" | "files">>;
}

export async function openSetWriter(options: SetWriterOptions): Promise<SetWriter> {
  const { set, tier, vault, ready, config, stop, log } = options;
  const { partBytes, maxParts, readBack } = config.policy.vault;
  const prefix = setPrefix(tier, set);
  const key = newSessionKey();
  const putKey = async (name: string, scope: string, key: SessionKey, recipients: readonly Recipient[]) => {
    const body = await wrapSessionKey(key, recipients);
    const metadata = { [keysSignatureMetadata]: await signKeysFile(scope, body, ready.signing) };
    await vault.put(prefix + name, body, { ifNoneMatch: true, metadata, signal: stop.signal });
    await assertStored(vault, prefix + name, body, metadata);
  };
  await putKey(keysFileName, set, key, ready.keys.recipients);
  const storeWith = (key: SessionKey) =>
    openArtifactStore({ vault, prefix, key, partBytes, maxParts, readBack, signal: stop.signal });
  const store = storeWith(key);
  let secrets: Manifest["sealing"]["secrets"];
  const artifacts: Artifact[] = [];
  let draft: Omit<Manifest, "finishedAt" | "artifacts" | "counts"> | undefined;
  let inventory: Inventory | undefined;
  let databaseBytes = "0";

  return {
    store,
    async secrets() {
      const key = newSessionKey();
      const recipients = ready.keys.recipients.filter(opensSecrets);
      await putKey(secretsFileName, secretsScope(set), key, recipients);
      secrets = { recipients: named(recipients), sessionKeyCommitment: sessionKeyCommitment(key, secretsScope(set)) };
      return storeWith(key);
    },
    add: (artifact) => void artifacts.push(artifact),
    async describe(snapshot, read) {
      inventory = read;
      const size = await snapshot.client.query("select pg_database_size(current_database())::text as bytes");
      databaseBytes = z.object({ bytes: z.string() }).parse(size.rows[0]).bytes;
      artifacts.push(await store.put({ name: "roles.sql.zst.pgp", kind: "roles" }, textSource(renderRolesSql(read))));
      artifacts.push(await store.put({ name: "inventory.json.zst.pgp", kind: "inventory" }, jsonSource(read)));
      draft = {
        format: "lifeboat-set/1",
        set,
        tier,
        startedAt: options.startedAt.toISOString(),
        snapshotAt: snapshot.takenAt.toISOString(),
        source: {
          projectRef: config.projectRef,
          database: read.database,
          serverVersion: read.serverVersion,
          serverMajor: read.serverMajor,
        },
        software: { lifeboat: config.version, node: process.version, pgDump: ready.tools.version },
        sealing: {
          format: "openpgp-seipd1-aes256",
          compression: "zstd",
          recipients: named(ready.keys.recipients),
          sessionKeyCommitment: sessionKeyCommitment(key, set),
          ...(secrets !== undefined && { secrets }),
        },
      };
      artifacts.push(await putPage(vault, prefix, renderRecoverPage({ ...draft, artifacts })));
    },
    async publish({ acceptShrinkage, warnings, files }) {
      if (draft === undefined || inventory === undefined)
        throw new OperationError("set-incomplete", "The set was not read to its end.");
      const counts = countSet(inventory, artifacts, databaseBytes);
      await boundShrinkage(options, { counts, artifacts }, acceptShrinkage, warnings);
      const named = files === undefined ? {} : { files: { set: files.set } };
      const manifest: Manifest = { ...draft, ...named, finishedAt: new Date().toISOString(), counts, artifacts };
      const bytes = encodeManifest(manifest);
      const signature = await signDetached(bytes, ready.signing);
      await publish(vault, manifest, bytes, signature, { lease: options.lease, signal: stop.signal });
      log.info(`Published ${prefix}manifest.json`);
      // After the manifest, which is locked too; before it, a run that dies here would leave what nobody may clean up.
      const until = await lockPublished(vault, manifest, config.policy, ready.bucketLocks);
      return {
        ...{ set, tier, bucket: vault.bucket, prefix, counts, retainUntil: until?.toISOString() ?? null },
        ...{ startedAt: manifest.startedAt, snapshotAt: manifest.snapshotAt, finishedAt: manifest.finishedAt },
        artifacts: artifacts.map((artifact) => ({
          ...{ name: artifact.name, kind: artifact.kind, plainBytes: artifact.plainBytes },
          storedBytes: storedBytes(artifact),
        })),
      };
    },
  };
}

function named(recipients: readonly PinnedRecipient[]): Manifest["sealing"]["recipients"] {
  return recipients.map(({ role, fingerprint }) => ({ role, fingerprint }));
}

/** @throws OperationError `shrunk` when the database lost more than the policy finds believable */
async function boundShrinkage(
  options: SetWriterOptions,
  now: Pick<Manifest, "counts" | "artifacts">,
  accept: boolean,
  warnings: string[],
): Promise<void> {
  const share = options.config.policy.backup.smallestShareOfLastSet;
  const { vault, ready, published } = options;
  const last = share === 0 ? undefined : await readLastSet(vault, ready.keys.signers, warnings, published);
  if (last === undefined) return;
  const comparable = (of: typeof now) => comparableCounts(of.counts, hasDumps(now.artifacts) ? of.artifacts : []);
  const shrunk = findShrinkage(comparable(last), comparable(now), share);
  if (shrunk.length === 0) return;
  const what = shrunk.map((one) => `${one.what} from ${one.before} to ${one.now}`).join(", ");
  const text = `The database shrank since set ${last.set}: ${what}.`;
  if (!accept) {
    throw new OperationError(
      "shrunk",
      `${text} The policy wants at least ${Math.round(share * 100)} % of the last set.`,
      "Look whether data was lost; the earlier sets are untouched. If it was on purpose, run again with --accept-shrinkage.",
    );
  }
  warnings.push(`${text} It was accepted.`);
}

/** RECOVER.md is for people who have nothing yet: it is not sealed. */
async function putPage(vault: Vault, prefix: string, page: string): Promise<Artifact> {
  const body = Buffer.from(page);
  await vault.put(`${prefix}RECOVER.md`, body, { ifNoneMatch: true, contentType: "text/markdown; charset=utf-8" });
  await assertStored(vault, `${prefix}RECOVER.md`, body);
  const part = { bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") };
  return {
    name: "RECOVER.md",
    kind: "recover",
    plainBytes: body.length,
    segments: [{ key: "RECOVER.md", ...part, parts: [part] }],
  };
}

type Counts = Pick<Manifest["counts"], "rows" | "plainBytes">;

export interface Shrinkage {
  readonly what: "rows" | "bytes";
  readonly before: bigint;
  readonly now: bigint;
}

/**
 * What has become smaller than the policy allows. Bytes are those of the dumps, not of the disk: VACUUM FULL is no loss.
 * Nothing is compared with nothing: a set without rows bounds no later one.
 *
 * @param smallestShare 0 to 1; 0 switches the bound off
 */
export function findShrinkage(last: Counts, now: Counts, smallestShare: number): Shrinkage[] {
  // In millionths, because counts may pass what a double holds exactly.
  const share = BigInt(Math.round(smallestShare * 1_000_000));
  const pairs: Shrinkage[] = [
    { what: "rows", before: BigInt(last.rows), now: BigInt(now.rows) },
    { what: "bytes", before: BigInt(last.plainBytes), now: BigInt(now.plainBytes) },
  ];
  return pairs.filter((pair) => pair.now * 1_000_000n < pair.before * share);
}
