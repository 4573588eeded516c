import { ConfigurationError, LifeboatError } from "../../../base/errors.ts";
import type { VaultLocation } from "../../../config/vault-location.ts";
import { regionOf } from "../../../vault/s3/bucket-facts.ts";
import { openVault } from "../../../vault/s3/client.ts";
import type { Context } from "../../context.ts";

/**
 * A new stack makes its buckets: names that are taken, by us or by a stranger, stop it before it begins.
 * @throws ConfigurationError `bucket-exists`
 */
export async function assertNoBuckets({ log }: Context, places: readonly VaultLocation[]): Promise<void> {
  const taken: string[] = [];
  for (const place of new Map(places.map((one) => [one.bucket, one])).values()) {
    using vault = openVault({ ...place, regions: undefined, retry: { attempts: 3, totalSeconds: 20 } });
    try {
      await regionOf(vault.transport);
      taken.push(place.bucket);
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code !== "s3-bucket-missing") throw error;
      log.debug(`${place.bucket} is free`);
    }
  }
  if (taken.length === 0) return;
  throw new ConfigurationError(
    "bucket-exists",
    `${taken.join(" and ")} exist${taken.length === 1 ? "s" : ""} already, and no stack of ours has made ${taken.length === 1 ? "it" : "them"}. Nothing was changed`,
    "Choose other names; or, where they are your vault, keep them: `lifeboat provision aws --keep-buckets` makes the roles alone, and `lifeboat provision check` says what the buckets lack.",
  );
}
