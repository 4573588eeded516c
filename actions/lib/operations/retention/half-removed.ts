import { mapBounded } from "../../base/flow/bounded.ts";
import { type RetentionFacts, whyRestStays } from "../../policy/retention.ts";
import { timeOfSet } from "../../vault/format/manifest.ts";
import { alarmOf } from "../../vault/published/publications.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { SetName } from "../../vault/sets/catalogue.ts";
import { nameOfSet } from "./read-sets.ts";
import type { LeftFolder } from "./remove-sets.ts";
import { readRemovalNotes } from "./replica-notes.ts";

/** Folders without a manifest, by whether retention may remove what is in them. */
export interface JudgedLeftovers {
  readonly finish: readonly LeftFolder[];
  /** Of sets that were published, and whose manifest somebody else has deleted. */
  readonly stay: readonly (SetName & { readonly why: string })[];
  readonly alarms: readonly string[];
}

/**
 * A folder without a manifest is what a run left that died, or what our own retention has begun to remove. Or somebody has deleted
 * the manifest of a set as soon as its lock was over, for us to do the rest. What was published is removed only where
 * retention's own record announces it, and then its data only where the policy no longer keeps it: retention holds no key to sign
 * that record with, so that alone it proves nothing.
 * @param provenOnce names of sets, `<tier>/<set>`, that a signed proof calls proven, whether they are there or not
 */
export async function judgeLeftovers(
  vault: Vault,
  folders: readonly LeftFolder[],
  { facts, provenOnce }: { readonly facts: RetentionFacts; readonly provenOnce: ReadonlySet<string> },
): Promise<JudgedLeftovers> {
  const signs = await mapBounded(folders, 16, (one) => wasPublished(vault, one, provenOnce));
  const announced = signs.some(Boolean) ? await readRemovalNotes(vault) : new Map<string, number>();
  const finish: LeftFolder[] = [];
  const stay: (SetName & { why: string })[] = [];
  for (const [place, one] of folders.entries()) {
    const why = signs[place] === true ? whyItStays(one, announced, { facts, provenOnce }) : null;
    if (why === null) finish.push(one);
    else stay.push({ tier: one.tier, set: one.set, why });
  }
  const names = stay.map(({ set }) => set);
  return { finish, stay, alarms: alarmOf(names, "published once, and their manifests deleted", "set") };
}

function whyItStays(
  one: LeftFolder,
  announced: ReadonlyMap<string, number>,
  { facts, provenOnce }: { readonly facts: RetentionFacts; readonly provenOnce: ReadonlySet<string> },
): string | null {
  if (!announced.has(one.set)) return "no record says that retention removed it";
  // Without its data a set is of no use to anybody.
  if (!one.withData) return null;
  const { tier, set, storedAt } = one;
  return whyRestStays(facts, { tier, set, storedAt, at: timeOfSet(set), proven: provenOnce.has(nameOfSet(one)) });
}

/** A set is signed right before it is published, and locked right after: a lock that is over still tells of it. */
async function wasPublished(vault: Vault, one: LeftFolder, provenOnce: ReadonlySet<string>): Promise<boolean> {
  if (one.signed || provenOnce.has(nameOfSet(one))) return true;
  for (const { key, versionId } of one.some) {
    const head = await vault.head(key, versionId);
    if (head?.retainUntil !== undefined || head?.legalHold === "on") return true;
  }
  return false;
}
