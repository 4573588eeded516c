import { PutObjectCommand, PutObjectLegalHoldCommand, type S3Client } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { signDetached, writeNote } from "../../../actions/lib/seal/keys/signature.ts";
import { releaseVerifier, signingKey } from "../../../actions/lib/vault/configured.ts";
import { newSetId, setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import { checkHolds } from "../../../actions/lib/vault/holds/check.ts";
import { type HoldBegin, type HoldEntry, type HoldSubject, holdKey } from "../../../actions/lib/vault/holds/entry.ts";
import { type HoldVaults, placeHold } from "../../../actions/lib/vault/holds/place.ts";
import { type HoldRegister, whyHeld } from "../../../actions/lib/vault/holds/register.ts";
import { readAllHolds } from "../../../actions/lib/vault/holds/release.ts";
import type { VerifySignature } from "../../../actions/lib/vault/published/signed-manifest.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../../actions/lib/vault/s3/versions.ts";
import { encodeManifest, publishSet } from "../../../actions/lib/vault/sets/catalogue.ts";
import { openSyncLab, type SyncLab } from "../../integration/sync-lab.ts";
import { type RunningGlacier, startGlacier } from "../../lab/servers/glacier.ts";
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
  /** Alarms of a check of everything. */
  check(): Promise<string>;
  /** What replication does, late: copies what lies below the prefix. */
  replicate(prefix: string): Promise<void>;
  /** Puts an entry into the register. */
  enter(entry: HoldEntry, how: "signed" | "unsigned", key?: string): Promise<string>;
  /** Switches the store's hold, as anybody with that right can. */
  lift(vault: Vault, key: string): Promise<void>;
  /** Deletes every version of an object. @returns how many the store refused */
  destroy(vault: Vault, key: string): Promise<number>;
}

/** Holds of a set that is newly made for each row: what one row has broken, the next does not see. */
export async function openHeldScene(): Promise<{ make(): Promise<HeldScene> } & AsyncDisposable> {
  const s3 = await startGlacier();
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
      await s3.stop();
    },
  };
}

async function make(s3: RunningGlacier, lab: SyncLab, files: string, number: number): Promise<HeldScene> {
  const [bucket, copy] = [`held-${number}`, `held-${number}-replica`];
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
  });
  const config = await lab.lab.config("postgres://nobody@127.0.0.1/unused");
  const verify = await releaseVerifier(config);
  const key = await signingKey(config);
  const sign = (bytes: Uint8Array) => signDetached(bytes, key);

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
    check: async () => (await checkHolds(await register(), "all", { vaults, verify })).alarms.join("\n"),
    replicate: (prefix) => copyObjects(vault, replica, prefix),
    async enter(entry, how, at = holdKey(entry.subject.set, entry.id)) {
      await vault.put(at, await writeNote(entry, how === "signed" ? sign : undefined));
      return at;
    },
    async lift({ bucket: Bucket, transport }, Key) {
      for (const { versionId, marker } of await versionsBelow(transport, Key))
        if (!marker) {
          const LegalHold = { Status: "OFF" } as const;
          await client.send(new PutObjectLegalHoldCommand({ Bucket, Key, VersionId: versionId, LegalHold }));
        }
    },
    async destroy({ transport }, Key) {
      const { kept } = await deleteVersions(transport, await versionsBelow(transport, Key));
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

/** The code of what a command refused with; undefined when it did not. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof LifeboatError) return error.code;
    throw error;
  }
}

export const manifestOf = ({ subject }: HeldScene): string => `${setPrefix("daily", subject.set)}manifest.json`;
