import { mapBounded } from "../../actions/lib/base/flow/bounded.ts";
import { readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { type Manifest, setPrefix, tierSchema, timeOfSet } from "../../actions/lib/vault/format/manifest.ts";
import { manifestName, signatureName } from "../../actions/lib/vault/published/signed-manifest.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { encodeManifest } from "../../actions/lib/vault/sets/catalogue.ts";
import { setId, storeUnpublished } from "../../test/faults/proxy/test-manifest.ts";
import type { S3Access } from "../../test/lab/servers/s3.ts";
import { bucket, filesBucket } from "../demo/owner.ts";

/** As Qimma's policy has it. */
const underPolicy = { policy: { terms: { daily: 30, weekly: 84, monthly: 2557 } }, readBack: true } as const;
const timeOf = (set: string): string => new Date(timeOfSet(set)).toISOString();

/**
 * Fills a vault with signed manifests of about the size that a project of sixty tables has, an hour apart, the tiers by
 * turns. Only the newest set has its objects: nobody reads those of the others.
 */
export async function layCatalogue(
  s3: S3Access,
  settings: Readonly<Record<string, string>>,
  sets: number,
): Promise<void> {
  for (const name of [bucket, filesBucket]) await s3.createBucket(name);
  using vault = openVault(s3.bucketAccess(bucket));
  const signing = await readPrivateKey(
    settings["BACKUP_SIGNING_KEY"] ?? "",
    settings["BACKUP_SIGNING_PASSPHRASE"] ?? "",
  );
  const tierOf = (index: number) => tierSchema.options[index % tierSchema.options.length] ?? "daily";
  const newest = setId(sets);
  const model = await storeUnpublished(vault, tierOf(sets - 1), newest);
  const [artifact] = model.artifacts;
  const others = Array.from({ length: 60 }, (_, at) => ({ ...artifact, name: `data/${at}.dump.zst.pgp` }));
  await mapBounded(
    Array.from({ length: sets }, (_, index) => index),
    16,
    async (index) => {
      const last = index === sets - 1;
      const [set, tier] = [last ? newest : setId(index + 1), tierOf(index)];
      const artifacts = last ? model.artifacts : [...model.artifacts, ...others];
      const at = { startedAt: timeOf(set), snapshotAt: timeOf(set), finishedAt: timeOf(set) };
      const bytes = encodeManifest({ ...model, ...at, ...underPolicy, set, tier, artifacts } as Manifest);
      await vault.put(setPrefix(tier, set) + signatureName, Buffer.from(await signDetached(bytes, signing)));
      await vault.put(setPrefix(tier, set) + manifestName, bytes);
    },
  );
}
