import { mapBounded } from "../../base/flow/bounded.ts";
import { manifestName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { deleteVersions } from "../../vault/s3/delete-versions.ts";
import { type Version, versionsBelow } from "../../vault/s3/versions.ts";
import type { Removed } from "./removal-loop.ts";

export const nothingRemoved: Removed = { deleted: 0, kept: 0, keptUntil: null };

export function sumOf(a: Removed, b: Removed): Removed {
  const until = [a.keptUntil, b.keptUntil].filter((one) => one !== null);
  return {
    ...{ deleted: a.deleted + b.deleted, kept: a.kept + b.kept },
    keptUntil: until.length === 0 ? null : Math.max(...until),
  };
}

/**
 * Removes these versions for ever. Of each the store is asked first how long its lock holds, and whether it is held: what is
 * locked is passed over until then, and no refusal stands in anybody's audit trail. Which markers go, if any, is for the caller to say: we
 * write none.
 * @param now by the store's clock, ms
 */
export async function removeVersions(vault: Vault, versions: readonly Version[], now: number): Promise<Removed> {
  /** Until when each is kept; infinite: held. */
  const locks = await mapBounded(versions, 16, async ({ key, versionId, marker }) => {
    const head = marker ? undefined : await vault.head(key, versionId);
    if (head?.legalHold === "on") return Number.POSITIVE_INFINITY;
    const until = head?.retainUntil?.getTime() ?? 0;
    return until > now ? until : 0;
  });
  const locked = locks.filter((until) => until > 0);
  const free = versions.filter((_, place) => locks[place] === 0);
  const { deleted, kept } = await deleteVersions(vault.transport, free);
  const dates = locked.filter(Number.isFinite);
  return {
    ...{ deleted, kept: kept.length + locked.length },
    keptUntil: dates.length === 0 ? null : Math.max(...dates),
  };
}

/**
 * Removes every version of the manifest below a prefix, which ends its set or snapshot.
 * @returns `whole: true` where a version was kept: then it is still there
 */
export async function removeManifest(vault: Vault, prefix: string, now: number) {
  const key = prefix + manifestName;
  const versions = (await versionsBelow(vault.transport, key)).filter((one) => one.key === key && !one.marker);
  const done = await removeVersions(vault, versions, now);
  return { ...done, whole: done.kept > 0 };
}
