import { ConfigurationError } from "../../base/errors.ts";
import { listSnapshots, resolveSnapshot } from "../../vault/files/snapshot-catalogue.ts";
import type { SnapshotManifest } from "../../vault/format/snapshot-manifest.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";

/** What a database set and the snapshots of the files are matched by. */
export interface SetMoment {
  readonly set: string;
  /** ISO 8601, UTC. */
  readonly snapshotAt: string;
  /** The snapshot that the set's manifest names. */
  readonly files?: { readonly set: string } | undefined;
}

/**
 * The snapshot that goes with a database set: the one that it names, read under the same Postgres snapshot, or that names
 * it; else (retention may have taken that) the newest that was no later; else the oldest one after it.
 *
 * @param snapshots of trusted manifests, newest first
 */
export function snapshotFor(
  { set, snapshotAt, files }: SetMoment,
  snapshots: readonly Pick<SnapshotManifest, "set" | "snapshotAt" | "databaseSet">[],
): { readonly set: string; readonly fit: "same" | "earlier" | "later" } | undefined {
  const same = snapshots.find((one) => one.set === files?.set) ?? snapshots.find((one) => one.databaseSet?.set === set);
  if (same !== undefined) return { set: same.set, fit: "same" };
  const at = Date.parse(snapshotAt);
  const earlier = snapshots.find((one) => Date.parse(one.snapshotAt) <= at);
  if (earlier !== undefined) return { set: earlier.set, fit: "earlier" };
  const oldest = snapshots.at(-1);
  return oldest === undefined ? undefined : { set: oldest.set, fit: "later" };
}

/**
 * A hidden snapshot that would go with the set, or might: what it says of itself nobody can read, so its id's time counts.
 * Pure.
 * @param found what `snapshotFor` chose among those that can be read
 * @param hidden ids
 */
export function hiddenNearer(
  { snapshotAt, files }: SetMoment,
  found: ReturnType<typeof snapshotFor>,
  hidden: readonly string[],
): string | undefined {
  if (found?.fit === "same") return undefined;
  const moment = snapshotAt.replace(/[-:]|\.\d+/g, "");
  return hidden.find(
    (set) =>
      set === files?.set ||
      found === undefined ||
      (found.fit === "earlier" ? set > found.set && set.slice(0, moment.length) <= moment : set < found.set),
  );
}

/**
 * Never an older one in the place of one that somebody hid.
 * @throws ConfigurationError `snapshot-unknown` when the vault has none that can be trusted; `set-hidden`
 */
export async function findSnapshotFor(
  vault: Vault,
  moment: SetMoment,
  verify: VerifySignature,
): Promise<{ readonly set: string; readonly fit: "same" | "earlier" | "later" }> {
  const listed = await listSnapshots(vault, verify);
  const found = snapshotFor(
    moment,
    listed.flatMap(({ manifest }) => manifest ?? []),
  );
  const hidden = hiddenNearer(
    moment,
    found,
    listed.flatMap(({ set, signature }) => (signature === "hidden" ? set : [])),
  );
  if (hidden !== undefined) await resolveSnapshot(vault, hidden);
  if (found !== undefined) return found;
  throw new ConfigurationError(
    "snapshot-unknown",
    `There is no snapshot of the files in bucket ${vault.bucket} that could go with set ${moment.set}.`,
    "Make one with `lifeboat sync`, or restore without --with-files.",
  );
}
