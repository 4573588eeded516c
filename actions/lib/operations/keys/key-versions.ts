import { LifeboatError } from "../../base/errors.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";
import { type Version, versionsBelow } from "../../vault/s3/versions.ts";

/** An older version of keys.pgp that could not be removed: whoever it is sealed to can still open the set. */
export interface KeptVersion {
  readonly versionId: string;
  /** When its lock ends; null: no lock could be read, see `code`. */
  readonly until: Date | null;
  /** The store's reason, e.g. `AccessDenied`. */
  readonly code: string;
}

export interface Removal {
  readonly removed: number;
  readonly kept: readonly KeptVersion[];
}

/**
 * The versions of one object that are older than `versionId`: S3 lists the newest first. None when the bucket keeps no
 * versions, or when that one is not among them. Delete markers are not versions and stay where they are.
 */
export async function versionsBefore(vault: Vault, key: string, versionId: string | undefined): Promise<Version[]> {
  const below = await versionsBelow(vault.transport, key);
  const all = below.filter((version) => version.key === key && !version.marker);
  const at = all.findIndex((version) => version.versionId === versionId);
  return versionId === undefined || at < 0 ? [] : all.slice(at + 1);
}

/** Deletes versions where no lock forbids it, and says of the others until when they stay. */
export async function removeVersions(vault: Vault, versions: readonly Version[]): Promise<Removal> {
  if (versions.length === 0) return { removed: 0, kept: [] };
  const { deleted, kept } = await deleteVersions(vault.transport, versions);
  return {
    removed: deleted,
    kept: await Promise.all(
      kept.map(async ({ key, versionId, code }) => ({
        versionId: versionId ?? "",
        until: await lockedUntil(vault, key, versionId),
        code,
      })),
    ),
  };
}

async function lockedUntil(vault: Vault, key: string, versionId: string | undefined): Promise<Date | null> {
  try {
    return (await vault.head(key, versionId))?.retainUntil ?? null;
  } catch (error) {
    if (error instanceof LifeboatError) return null;
    throw error;
  }
}
