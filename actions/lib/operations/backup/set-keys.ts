import { createHash } from "node:crypto";
import type { Stop } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { hasReplica } from "../../config/vault-location.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import type { LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";
import { opensSecrets, type Recipient } from "../../seal/keys/keyring.ts";
import type { PinnedRecipient } from "../../seal/keys/pins.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import {
  deriveIndexKey,
  indexKeyScope,
  keysFileName,
  keysSignatureMetadata,
  newSessionKey,
  type SessionKey,
  secretsFileName,
  secretsScope,
  sessionKeyCommitment,
  signKeysFile,
  wrapSessionKey,
} from "../../seal/keys/session-key.ts";
import { type Artifact, type Manifest, madeUnder, setFormat, type Tier } from "../../vault/format/manifest.ts";
import type { IncidentWatch } from "../../vault/incident/state.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { assertStored } from "../../vault/s3/read-back.ts";
import type { PublishedSet } from "../../vault/sets/catalogue.ts";
import type { Ready } from "../check/run-preflight.ts";
import { type ArtifactStore, openArtifactStore } from "./artifact-store.ts";

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
  readonly incident: IncidentWatch;
  /** Signing keys of before, where they are still at hand: with them older indexes open. */
  readonly former: readonly UnlockedKey[];
  /** What the run warns of, as it becomes known. */
  readonly warnings: string[];
  readonly stop: Stop;
  readonly log: Log;
}

/** What seals a set: its session keys, wrapped for those who may open it, and what the manifest says of them. */
export interface SetKeys {
  readonly store: ArtifactStore;
  /** Where Vault's secrets go: under a second session key, which the prover does not get. Made when it is first asked for. */
  readonly secrets: () => Promise<ArtifactStore>;
  /** Where the index goes, and the key that seals it there. */
  readonly index: SetIndex;
  sealing(): Manifest["sealing"];
}

export interface SetIndex {
  readonly store: ArtifactStore;
  readonly key: SessionKey;
}

/** Makes the set's session key and stores it, wrapped and signed, before anything is sealed with it. */
export async function openSetKeys(options: SetWriterOptions, prefix: string): Promise<SetKeys> {
  const { set, tier, vault, ready, config, stop } = options;
  const { partBytes, maxParts, readBack } = config.policy.vault;
  const key = newSessionKey();
  const putKey = async (name: string, scope: string, key: SessionKey, recipients: readonly Recipient[]) => {
    const body = await wrapSessionKey(key, recipients);
    const metadata = { [keysSignatureMetadata]: await signKeysFile(scope, body, ready.signing) };
    await vault.put(prefix + name, body, { ifNoneMatch: true, metadata, signal: stop.signal });
    await assertStored(vault, prefix + name, body, metadata);
  };
  await putKey(keysFileName, set, key, ready.keys.recipients);
  const replicated = hasReplica(config.env);
  const limits = { partBytes, maxParts, readBack, replicated, archive: tier === "monthly" };
  const storeWith = (key: SessionKey) => openArtifactStore({ vault, prefix, key, ...limits, signal: stop.signal });
  const indexKey = deriveIndexKey(ready.signing, set);
  let secrets: Manifest["sealing"]["secrets"];
  let apart: Promise<ArtifactStore> | undefined;
  const openApart = async (): Promise<ArtifactStore> => {
    const key = newSessionKey();
    const recipients = ready.keys.recipients.filter(opensSecrets);
    await putKey(secretsFileName, secretsScope(set), key, recipients);
    secrets = { recipients: named(recipients), sessionKeyCommitment: sessionKeyCommitment(key, secretsScope(set)) };
    return storeWith(key);
  };
  return {
    store: storeWith(key),
    index: { store: storeWith(indexKey), key: indexKey },
    secrets() {
      apart ??= openApart();
      return apart;
    },
    sealing: () => ({
      format: "openpgp-seipd1-aes256",
      compression: "zstd",
      recipients: named(ready.keys.recipients),
      sessionKeyCommitment: sessionKeyCommitment(key, set),
      ...(secrets !== undefined && { secrets }),
      index: {
        signer: ready.signing.fingerprint,
        sessionKeyCommitment: sessionKeyCommitment(indexKey, indexKeyScope(set)),
      },
    }),
  };
}

function named(recipients: readonly PinnedRecipient[]): Manifest["sealing"]["recipients"] {
  return recipients.map(({ role, fingerprint }) => ({ role, fingerprint }));
}

/** A manifest before its artifacts are counted. */
export type Draft = Omit<Manifest, "finishedAt" | "artifacts" | "counts">;

export function draftOf(
  { set, tier, startedAt, config, ready }: SetWriterOptions,
  snapshot: LockedSnapshot,
  read: Inventory,
  sealing: Manifest["sealing"],
): Draft {
  return {
    format: setFormat,
    ...{ set, tier },
    startedAt: startedAt.toISOString(),
    snapshotAt: snapshot.takenAt.toISOString(),
    source: {
      projectRef: config.projectRef,
      database: read.database,
      serverVersion: read.serverVersion,
      serverMajor: read.serverMajor,
    },
    software: { lifeboat: config.version, node: process.version, pgDump: ready.tools.version },
    sealing,
    ...madeUnder(config.policy),
  };
}

/** RECOVER.md is for people who have nothing yet: it is not sealed. */
export async function putPage(vault: Vault, prefix: string, page: string): Promise<Artifact> {
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
