import { RestoreObjectCommand } from "@aws-sdk/client-s3";
import { OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { readAnswer } from "../../s3/store-errors.ts";
import type { Artifact } from "../format/manifest.ts";
import type { Vault } from "../s3/client.ts";

export type ThawTier = "Standard" | "Bulk" | "Expedited";

/** Classes whose objects cannot be read before they are restored. GLACIER_IR can. */
const frozenClasses: ReadonlySet<string> = new Set(["GLACIER", "DEEP_ARCHIVE"]);

/** Where one object of a set is. `missing`: there is no such object. */
export interface ObjectState {
  /** Below the set's prefix. */
  readonly key: string;
  readonly artifact: string;
  readonly state: "ready" | "frozen" | "thawing" | "missing";
  /** E.g. `STANDARD`, `DEEP_ARCHIVE`. */
  readonly storageClass: string;
  /** As the store says. */
  readonly bytes: number;
  readonly expectedBytes: number;
  /** When a thawed copy goes away again. */
  readonly readyUntil: Date | undefined;
}

/** Asks for every object of the artifacts. Reads nothing but heads, which an archived object has like any other. */
export function objectStates(vault: Vault, prefix: string, artifacts: readonly Artifact[]): Promise<ObjectState[]> {
  const segments = artifacts.flatMap(({ name, segments }) => segments.map((segment) => ({ artifact: name, segment })));
  return mapBounded(segments, 16, async ({ artifact, segment: { key, bytes } }) => {
    const base = { key, artifact, expectedBytes: bytes };
    const head = await vault.head(prefix + key);
    if (head === undefined) {
      return { ...base, state: "missing" as const, storageClass: "none", bytes: 0, readyUntil: undefined };
    }
    const { storageClass, restore } = head;
    return { ...base, storageClass, bytes: head.bytes, ...stateOf(storageClass, restore) };
  });
}

/** Reads `x-amz-restore`: `ongoing-request="true"`, or `"false"` with an expiry date (HeadObject, API reference). */
export function stateOf(storageClass: string, restore: string | undefined): Pick<ObjectState, "state" | "readyUntil"> {
  if (!frozenClasses.has(storageClass)) return { state: "ready", readyUntil: undefined };
  if (restore === undefined) return { state: "frozen", readyUntil: undefined };
  if (/ongoing-request="true"/.test(restore)) return { state: "thawing", readyUntil: undefined };
  const expiry = /expiry-date="([^"]+)"/.exec(restore)?.[1];
  return { state: "ready", readyUntil: expiry === undefined ? undefined : new Date(expiry) };
}

/**
 * Asks the store to bring one object back for some days. One that is on its way already is fine.
 * @throws OperationError `thaw-no-capacity` for Expedited; ConfigurationError `s3-denied`
 */
export async function requestThaw(
  vault: Vault,
  key: string,
  { tier, days }: { readonly tier: ThawTier; readonly days: number },
): Promise<"requested" | "under-way"> {
  return vault.transport.request({ operation: "RestoreObject", key }, async ({ client, bucket, watch }) => {
    const RestoreRequest = { Days: days, GlacierJobParameters: { Tier: tier } };
    try {
      const command = new RestoreObjectCommand({ Bucket: bucket, Key: key, RestoreRequest });
      await client.send(command, { abortSignal: watch.signal });
      return "requested";
    } catch (error) {
      const { code } = readAnswer(error);
      if (code === "RestoreAlreadyInProgress") return "under-way";
      if (code !== "GlacierExpeditedRetrievalNotAvailable") throw error;
      throw new OperationError(
        "thaw-no-capacity",
        `${key}: the store has no capacity for an Expedited retrieval at this time.`,
        "Run it again with --tier Standard; what has been asked for stays asked for.",
      );
    }
  });
}
