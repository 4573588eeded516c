import {
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { signDetached, writeNote } from "../../../actions/lib/seal/keys/signature.ts";
import { releaseVerifier, signingKey } from "../../../actions/lib/vault/configured.ts";
import { newSetId, setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import { checkHolds } from "../../../actions/lib/vault/holds/check.ts";
import { type HoldVaults, readAllHolds } from "../../../actions/lib/vault/holds/objects.ts";
import { placeHold } from "../../../actions/lib/vault/holds/place.ts";
import {
  type HoldBegin,
  type HoldEntry,
  type HoldRegister,
  type HoldSubject,
  holdKey,
  whyHeld,
} from "../../../actions/lib/vault/holds/register.ts";

import type { VerifySignature } from "../../../actions/lib/vault/published/signed-manifest.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, publishSet } from "../../../actions/lib/vault/sets/catalogue.ts";
import { openSyncLab, type SyncLab } from "../../integration/sync-lab.ts";
import { startGlacier } from "../../lab/servers/glacier.ts";
import type { S3Access } from "../../lab/servers/s3.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { seedFiles } from "../../lab/storage/index.ts";
import { storeUnpublished } from "../proxy/test-manifest.ts";
import { type BucketAttacker, openBucketAttacker } from "./bucket-attacker.ts";

/** A set of the database with its files, held, in a store that really enforces legal holds, and in a replica. */
export interface HeldScene extends AsyncDisposable {
  readonly vault: Vault;
  readonly replica: Vault;
  readonly client: S3Client;
  readonly attacker: BucketAttacker;
  readonly subject: HoldSubject & { readonly kind: "database" };
  /** Another set, which nobody holds. */
  readonly free: HoldSubject;
  readonly hold: HoldBegin;
  /** A pack that the held files need. */
  readonly pack: string;
  readonly verify: VerifySignature;
  readonly env: Record<string, string>;
  register(): Promise<HoldRegister>;
  why(set: string): Promise<string | null>;
  /** Alarms of a check of everything. @param aged key of an object that is as old as if it had been written hours later */
  check(aged?: string): Promise<string>;
  /** What replication does, late: copies what lies below the prefix. */
  replicate(prefix: string): Promise<void>;
  /** Puts an entry into the register. */
  enter(entry: HoldEntry, how: "signed" | "unsigned" | "by a job", key?: string): Promise<string>;
  /** Switches the store's hold, as anybody with that right can. */
  lift(vault: Vault, key: string): Promise<void>;
  /** Deletes every version of an object. @returns how many the store refused */
  destroy(vault: Vault, key: string): Promise<number>;
}

/** Holds of a set that is newly made for each row: what one row has broken, the next does not see. */
export async function openHeldScene(
  store: "seaweedfs" | "moto" = "seaweedfs",
): Promise<{ make(): Promise<HeldScene> } & AsyncDisposable> {
  const moto = store === "moto" ? await startGlacier() : undefined;
  const s3 = moto ?? sharedS3();
  const lab = await openSyncLab({
    policy: (policy) => ({ ...policy, storage: { smallFileBytes: 30_000, packBytes: 60_000, concurrency: 4 } }),
  });
  await seedFiles(lab.project, lab.storage, { count: 3, bytes: 60_000, seed: 5 });
  const files = (await lab.sync()).set;
  let made = 0;
  return {
    make: () => make(s3, lab, files ?? "", ++made),
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]();
      await moto?.stop();
    },
  };
}

async function make(s3: S3Access, lab: SyncLab, files: string, number: number): Promise<HeldScene> {
  const bucket = `held-${process.pid}-${Date.now()}-${number}`;
  const copy = `${bucket}-replica`;
  for (const one of [bucket, copy]) await s3.createBucket(one);
  const client = s3.client();
  const vault = openVault(s3.bucketAccess(bucket));
  const replica = openVault(s3.bucketAccess(copy));
  const env = { ...lab.lab.env("postgres://nobody@127.0.0.1/unused"), AWS_ENDPOINT_URL: s3.endpoint };
  Object.assign(env, { S3_BACKUP_BUCKET: bucket, S3_STORAGE_BUCKET: bucket, AWS_ACCESS_KEY_ID: s3.accessKeyId });
  Object.assign(env, {
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    S3_REPLICA_BUCKET: copy,
    S3_REPLICA_REGION: s3.region,
    RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor(),
    RESTORE_PASSPHRASE: "",
  });
  const config = await lab.lab.config("postgres://nobody@127.0.0.1/unused");
  const verify = await releaseVerifier(config);
  const key = await signingKey(config);
  const sign = (bytes: Uint8Array) => signDetached(bytes, key);
  const letsGo = (bytes: Uint8Array) => signDetached(bytes, lab.lab.operations);

  await copyObjects(lab.lab.vault, vault);
  const publish = async (more: { files?: { set: string } }): Promise<string> => {
    const set = newSetId(new Date());
    const manifest = { ...(await storeUnpublished(vault, "daily", set)), ...more };
    const bytes = encodeManifest(manifest);
    await publishSet(vault, manifest, bytes, await sign(bytes), { lease: { async assertHeld() {} } });
    return set;
  };
  const subject = { kind: "database", tier: "daily", set: await publish({ files: { set: files } }), files } as const;
  const free = { kind: "database", tier: "daily", set: await publish({}), files: null } as const;
  await copyObjects(vault, replica);

  const at = new Date().toISOString();
  const common = { format: "lifeboat-hold/1", event: "begin", id: newSetId(new Date()), at, by: "a test" } as const;
  const hold = { ...common, subject, reason: "a lawyer asked", until: null };
  const vaults: HoldVaults = { database: vault, files: vault, replica };
  // The replica gets the entry as it gets everything, and the hold is completed by another run.
  await placeHold(hold, { vaults, verify, sign });
  await copyObjects(vault, replica, "holds/");
  const parts = await placeHold(hold, { vaults, verify, sign });
  const failed = parts.flatMap((part) => part.failed);
  if (failed.length > 0) throw new Error(`not held: ${JSON.stringify(failed)}`);
  const register = () => readAllHolds(vaults, verify);
  return {
    ...{ vault, replica, client, subject, free, hold, verify, env, register },
    attacker: openBucketAttacker(vault, client),
    pack: (await versionsBelow(vault.transport, "packs/"))[0]?.key ?? "",
    why: async (set) => whyHeld(await register(), set),
    async check(aged) {
      const later = aged === undefined ? vault : hoursLater(vault, aged);
      const looked = { vaults: { database: later, files: later, replica }, verify };
      return (await checkHolds(await register(), "all", looked)).alarms.join("\n");
    },
    replicate: (prefix) => copyObjects(vault, replica, prefix),
    async enter(entry, how, at = holdKey(entry.subject.set, entry.id)) {
      await vault.put(at, await writeNote(entry, { signed: letsGo, "by a job": sign, unsigned: undefined }[how]));
      return at;
    },
    async lift({ bucket: Bucket, transport }, Key) {
      for (const { key, versionId, marker } of await versionsBelow(transport, Key))
        if (!marker && key === Key) {
          const LegalHold = { Status: "OFF" } as const;
          await client.send(new PutObjectLegalHoldCommand({ Bucket, Key, VersionId: versionId, LegalHold }));
        }
    },
    async destroy({ transport }, Key) {
      const { kept } = await deleteVersions(
        transport,
        (await versionsBelow(transport, Key)).filter(({ key }) => key === Key),
      );
      return kept.length;
    },
    async [Symbol.asyncDispose]() {
      vault.close();
      replica.close();
      client.destroy();
    },
  };

  async function copyObjects(from: Vault, to: Vault, prefix = ""): Promise<void> {
    for await (const { key: Key } of from.list(prefix)) {
      if (Key.startsWith("leases/") || Key.startsWith("probe/")) continue;
      const { body, metadata } = await from.get(Key);
      await client.send(new PutObjectCommand({ Bucket: to.bucket, Key, Body: body, Metadata: metadata }));
    }
  }
}

/** The same bucket, in which one object was written two hours later. */
function hoursLater(vault: Vault, key: string): Vault {
  const { transport } = vault;
  const request: Vault["transport"]["request"] = async (call, attempt) => {
    const answer = await transport.request(call, attempt);
    if (call.operation !== "ListObjectVersions") return answer;
    const { Versions = [] } = answer as ListObjectVersionsCommandOutput;
    const later = (one: Date | undefined): Date => new Date((one?.getTime() ?? 0) + 2 * 3_600_000);
    const aged = Versions.map((one) => (one.Key === key ? { ...one, LastModified: later(one.LastModified) } : one));
    return { ...answer, Versions: aged };
  };
  return { ...vault, transport: { ...transport, request } };
}

export const manifestOf = ({ subject }: HeldScene): string => `${setPrefix("daily", subject.set)}manifest.json`;
