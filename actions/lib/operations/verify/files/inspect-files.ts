import { mapBounded } from "../../../base/flow/bounded.ts";
import { few } from "../../../base/measures.ts";
import { keysFileName } from "../../../seal/keys/session-key.ts";
import type { NeededObjects } from "../../../vault/files/read-files.ts";
import { runOfObject, snapshotPrefix } from "../../../vault/format/names.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { type DamageFinding, damageAt, warningAt } from "../verify-objects.ts";

const prefixes = ["snapshots/", "packs/", "files/"];
const day = 86_400_000;

/** Whether everything is there with its size: by pages of the list, a thousand objects a request. */
export async function inspectPresence(vault: Vault, { sizes }: NeededObjects): Promise<DamageFinding[]> {
  const missing = new Set(sizes.keys());
  const findings: DamageFinding[] = [];
  for (const prefix of prefixes) {
    for await (const { key, bytes } of vault.list(prefix)) {
      if (!missing.delete(key)) continue;
      const wanted = sizes.get(key) ?? null;
      if (wanted === null || wanted === bytes) continue;
      findings.push(damageAt(key, "object-size", `It has ${bytes} bytes where the snapshot says ${wanted}`));
    }
  }
  return [...findings, ...[...missing].map((key) => damageAt(key, "object-missing", "It is not there"))];
}

/** Of each run its first and its last object, which are locked first and last: enough to see what a sync left behind. */
export function lockSample({ living, sizes, origins }: NeededObjects): string[] {
  const ends = new Map<string, [string, string]>();
  for (const { key } of living.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const run = runOfObject(key) ?? "";
    ends.set(run, [ends.get(run)?.[0] ?? key, key]);
  }
  const keyFiles = origins.map((run) => snapshotPrefix(run) + keysFileName);
  return [...new Set([...[...ends.values()].flat(), ...keyFiles])].filter((key) => sizes.has(key));
}

/**
 * Objects that nothing keeps from being deleted, and locks that run out although the snapshot still names them.
 * @param lockDays for how long the sync locks; it extends a lock when half of that is left
 */
export async function inspectLocks(
  vault: Vault,
  keys: readonly string[],
  lockDays: number,
  now: Date,
): Promise<DamageFinding[]> {
  const heads = await mapBounded(keys, 16, async (key) => ({ key, head: await vault.head(key) }));
  const there = heads.filter(({ head }) => head !== undefined);
  const left = ({ head }: (typeof heads)[number]): number => (head?.retainUntil?.getTime() ?? 0) - now.getTime();
  const free = there.filter((one) => left(one) <= 0);
  const short = there.filter((one) => left(one) > 0 && left(one) < (lockDays * day) / 4);
  const findings: DamageFinding[] = [];
  if (free.length > 0) {
    const what = `${free.length} of ${there.length} objects looked at are not locked against deletion: ${few(names(free), 3)}`;
    findings.push(warningAt("snapshot", "object-unlocked", what));
  }
  if (short.length > 0) {
    const first = new Date(now.getTime() + Math.min(...short.map(left))).toISOString();
    const what = `The locks of ${short.length} of ${there.length} objects looked at run out, the first at ${first}, and no sync has extended them: ${few(names(short), 3)}`;
    findings.push(warningAt("snapshot", "lock-runs-out", what));
  }
  return findings;
}

const names = (heads: readonly { readonly key: string }[]): string[] => heads.map(({ key }) => key);
