import { LifeboatError } from "../../base/errors.ts";
import type { VaultLocation } from "../../config/vault-location.ts";
import { type BucketProperties, readProperties } from "../../vault/bucket/properties.ts";
import { openVault } from "../../vault/s3/client.ts";

/** How a bucket of the vault is set up. Undefined: there is no such bucket. */
export async function readBucket(place: VaultLocation): Promise<BucketProperties | undefined> {
  // Where it is, is one of the properties: a wrong region is named and not refused.
  using vault = openVault({ ...place, regions: undefined, readOnly: true });
  try {
    return await readProperties(vault);
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "s3-bucket-missing") return undefined;
    throw error;
  }
}
