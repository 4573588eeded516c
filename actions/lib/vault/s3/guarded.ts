import { ConfigurationError } from "../../base/errors.ts";
import { assertRegionAllowed } from "../../config/residency.ts";
import type { Transport } from "../../s3/transport.ts";
import { regionOf } from "./bucket-facts.ts";

interface Guards {
  /** The policy's regions. */
  readonly regions?: readonly string[] | undefined;
  readonly readOnly?: boolean | undefined;
}

/**
 * The same transport, which asks a bucket for nothing, and sends it nothing, before it has said that it is where the policy allows
 * data to be; where it names no region, the configured one counts. That costs one request a run. A bucket that stands in for the
 * vault is only read.
 * @throws ConfigurationError `region-refused`, `read-only`, from each request
 */
export function guarded(transport: Transport, { regions, readOnly = false }: Guards): Transport {
  if (regions === undefined && !readOnly) return transport;
  return {
    ...transport,
    async request(request, attempt) {
      if (readOnly && !reads.test(request.operation)) throw writeRefused(transport.bucket, request.operation);
      if (regions !== undefined && !asksPlace.test(request.operation)) await assertPlace(transport, regions);
      return await transport.request(request, attempt);
    },
  };
}

const asksPlace = /^(?:HeadBucket|GetBucketLocation)$/;
/** A thaw leaves the object as it is, and a copy of it beside it for some days. */
const reads = /^(?:Get|Head|List|Restore)/;

/** @throws ConfigurationError `region-refused`, and what `regionOf` throws */
async function assertPlace(transport: Transport, regions: readonly string[]): Promise<void> {
  const place = await regionOf(transport);
  assertRegionAllowed(place.state === "known" ? place.value : transport.region, regions, `Bucket ${transport.bucket}`);
}

function writeRefused(bucket: string, operation: string): ConfigurationError {
  return new ConfigurationError(
    "read-only",
    `${operation} would change bucket ${bucket}, which stands in for the vault and is only read`,
    "Run it without `--from replica`.",
  );
}
