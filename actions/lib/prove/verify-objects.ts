import { keysFileName } from "../seal/keys-file.ts";
import { mapBounded } from "../vault/bounded.ts";
import type { Vault } from "../vault/client.ts";
import { manifestName, signatureName } from "../vault/set-store.ts";
import { type Finding, few, warningAt } from "./verify-finding.ts";
import type { SignedSet } from "./verify-open.ts";

/**
 * Looks at what lies below a set's prefix: objects that the manifest does not name, and objects that nothing keeps from
 * being deleted. That something is missing shows when it is read.
 */
export async function inspectObjects(vault: Vault, { prefix, manifest }: SignedSet): Promise<Finding[]> {
  const expected = new Set([
    ...[keysFileName, manifestName, signatureName],
    ...manifest.artifacts.flatMap(({ segments }) => segments.map(({ key }) => key)),
  ]);
  const present: string[] = [];
  for await (const { key } of vault.list(prefix)) present.push(key.slice(prefix.length));
  const findings = present
    .filter((key) => !expected.has(key))
    .map((key) => warningAt(key, "object-unknown", "The manifest names no such object: somebody else put it there"));
  const heads = await mapBounded(
    present.filter((key) => expected.has(key)),
    8,
    async (key) => ({ key, head: await vault.head(prefix + key) }),
  );
  const now = Date.now();
  const free = heads.filter(({ head }) => head !== undefined && !((head.retainUntil?.getTime() ?? 0) > now));
  if (free.length === 0) return findings;
  const names = free.map(({ key }) => key);
  const what = `${names.length} of ${heads.length} objects are not locked against deletion: ${few(names, 3)}`;
  return [...findings, warningAt("set", "object-unlocked", what)];
}
