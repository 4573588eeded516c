import { type FilesPlan, unnamedObjects } from "../../policy/files-retention.ts";
import { runPrefixes, snapshotPrefix } from "../../vault/format/names.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Version, versionsBelow } from "../../vault/s3/versions.ts";
import type { Gate } from "./gate.ts";
import { type Going, type RemovalSteps, type RemovalsDone, runRemovals } from "./removal-loop.ts";
import { nothingRemoved, removeManifest, removeVersions } from "./remove-versions.ts";
import type { FilesSurvey } from "./survey.ts";

/**
 * Removes snapshots of the files that the plan lets go, and then whatever no other names. All manifests go before the first of
 * their objects: one that a lock keeps leaves its snapshot whole, with everything that it names.
 * @param now by the store's clock, ms
 * @throws as the gate; `s3-unavailable`
 */
export async function removeFiles(
  vault: Vault,
  retention: FilesPlan,
  { snapshots, objects }: Pick<FilesSurvey, "snapshots" | "objects">,
  gate: Gate,
  now: number,
): Promise<RemovalsDone> {
  const going = goingOf(retention);
  const manifests = await runRemovals(going, manifestsOnly(vault, gate, now));
  if (manifests.stopped !== null || retention.heldBack !== null) return manifests;
  const removed = new Set(manifests.removed.map(({ set }) => set));
  const staying = snapshots.filter(({ set }) => !removed.has(set));
  const unnamed = unnamedObjects(objects, staying, now);
  const ofRun = Map.groupBy(unnamed, ({ key }) => key.split("/")[1] ?? "");
  const rest = await runRemovals([], {
    ...{ gate, removeManifest: () => Promise.reject(new Error("no manifest is left")) },
    leftovers: async () => [...ofRun.keys()].sort().map((set) => ({ tier: tierOf(going, set), set })),
    async removeRest({ set }) {
      const keys = new Set(ofRun.get(set)?.map(({ key }) => key));
      const below = await Promise.all(runPrefixes(set).map((prefix) => versionsBelow(vault.transport, prefix)));
      const versions = below.flat().filter(({ key, marker }) => keys.has(key) && !marker);
      return { ...(await removeRun(vault, versions, now)), more: false };
    },
  });
  return {
    ...{ removed: manifests.removed, whole: manifests.whole, unfinished: rest.unfinished, stopped: rest.stopped },
    finished: rest.finished.filter(({ set }) => !removed.has(set)),
    ...{ deleted: manifests.deleted + rest.deleted, kept: manifests.kept + rest.kept },
  };
}

function goingOf({ decisions }: FilesPlan): Going[] {
  return decisions.flatMap(({ keep, tier, set }) => (keep || tier === null ? [] : [{ tier, set }]));
}

/** What runs left that published nothing has no tier. */
function tierOf(going: readonly Going[], set: string): Going["tier"] {
  return going.find((one) => one.set === set)?.tier ?? null;
}

function manifestsOnly(vault: Vault, gate: Gate, now: number): RemovalSteps {
  return {
    gate,
    leftovers: async () => [],
    removeManifest: ({ set }) => removeManifest(vault, snapshotPrefix(set), now),
    removeRest: async () => ({ ...nothingRemoved, more: false }),
  };
}

/**
 * What one run has stored is locked in byte order and for the same time: when the first and the last are locked, all between
 * them are, and nobody asks for each.
 */
async function removeRun(vault: Vault, versions: readonly Version[], now: number) {
  const inOrder = versions.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const ends = [inOrder[0], inOrder.at(-1)].filter((one) => one !== undefined);
  const heads = await Promise.all(ends.map(({ key, versionId }) => vault.head(key, versionId)));
  const until = heads.map((head) => head?.retainUntil?.getTime() ?? 0);
  if (ends.length === 2 && Math.min(...until) > now)
    return { deleted: 0, kept: versions.length, keptUntil: Math.max(...until) };
  return removeVersions(vault, versions, now);
}
