import { tierSchema, timeOfSet } from "../../vault/format/manifest.ts";
import { snapshotPrefix } from "../../vault/format/names.ts";
import type { HoldRegister } from "../../vault/holds/register.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import { manifestName, signatureName } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { readRemovalNotes } from "./replica-notes.ts";
import type { FilesSurvey } from "./survey.ts";
import type { RetentionTools } from "./tools.ts";

const day = 86_400_000;
/** A run publishes right after it has signed, and a replica gets the manifest with the rest. */
const publishedWithin = day;

/** Snapshots of the files whose manifests are gone, and not by retention: what they named nobody can tell any more. */
export interface LostSnapshots {
  /** Why nothing may be removed; null: none is lost. */
  readonly why: string | null;
  readonly alarms: readonly string[];
}

/**
 * Without its manifest a snapshot names nothing, and what it alone has named would be nobody's. So while one is missing that was
 * signed or is held, nothing goes. Retention announces what it removes; a record that names one before the shortest term is over is not
 * retention's.
 */
export async function lostSnapshots(
  vault: Vault,
  { objects, snapshots, unreadable }: Pick<FilesSurvey, "objects" | "snapshots" | "unreadable">,
  { register, policy, now }: Pick<RetentionTools, "policy" | "now"> & { readonly register: HoldRegister },
): Promise<LostSnapshots> {
  const keys = new Set<string>();
  for (const { key } of objects) if (key.startsWith("snapshots/")) keys.add(key);
  const signed = objects.flatMap(({ key, lastModified }) => {
    const [, run] = /^snapshots\/([^/]+)\/[^/]+$/.exec(key) ?? [];
    const isOld = now - (lastModified?.getTime() ?? 0) > publishedWithin;
    return run !== undefined && key.endsWith(`/${signatureName}`) && isOld ? [run] : [];
  });
  const orphans = signed.filter((run) => !keys.has(snapshotPrefix(run) + manifestName));
  const announced = orphans.length > 0 ? await readRemovalNotes(vault) : new Map<string, number>();
  const shortest = Math.min(...tierSchema.options.map((tier) => policy.tiers[tier].retentionDays));
  const lost = orphans.filter((run) => !announced.has(run) || timeOfSet(run) + shortest * day > now);
  const there = new Set([...snapshots.map(({ set }) => set), ...unreadable]);
  const held = register.holds
    .filter(({ ended }) => ended === null)
    .flatMap(({ subject }) => (subject.kind === "files" ? [subject.set] : (subject.files ?? [])))
    .find((set) => !there.has(set));
  const [first] = lost;
  return {
    why:
      first !== undefined
        ? `the manifest of snapshot ${first} was deleted, and not by Lifeboat: which files it needs cannot be read`
        : held === undefined
          ? null
          : `snapshot ${held} is held and has no manifest: which files it needs cannot be read`,
    alarms: alarmOf(lost, "published once, and their manifests deleted", "snapshot"),
  };
}
