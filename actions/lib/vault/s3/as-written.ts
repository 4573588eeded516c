import type { Vault } from "./client.ts";
import { versionPages } from "./versions.ts";

/**
 * A proof, or an object of the files' vault, as Lifeboat wrote it. We write each once, on the condition that there is none, and delete by
 * version alone: a delete marker over it, or a second version, is somebody else's doing, and what was written lies below.
 */
export interface WrittenObject {
  readonly key: string;
  /** Of what was written: the oldest version there is. */
  readonly versionId: string | undefined;
  readonly bytes: number;
  readonly lastModified: Date | undefined;
  /** `hidden` by a delete marker, or `replaced` by a later version; either way the object is there. */
  readonly state: "as written" | "hidden" | "replaced";
}

/** Every object below the prefixes, those that were hidden included. */
export async function writtenObjects(vault: Vault, prefixes: readonly string[]): Promise<WrittenObject[]> {
  const found = new Map<string, WrittenObject>();
  const hidden = new Set<string>();
  for (const prefix of prefixes) {
    for await (const { versions } of versionPages(vault.transport, prefix)) {
      for (const { key, versionId, marker, latest, bytes, lastModified } of versions) {
        if (marker) {
          if (latest) hidden.add(key);
          continue;
        }
        // The store lists an object's versions from the newest on.
        const state = found.has(key) ? "replaced" : "as written";
        found.set(key, { key, versionId, bytes, lastModified, state });
      }
    }
  }
  return [...found.values()].map((one) => (hidden.has(one.key) ? { ...one, state: "hidden" } : one));
}

/** The same vault, in which what was hidden or replaced is read as it was written. Signatures and hashes still decide. */
export function vaultAsWritten(vault: Vault, objects: Iterable<WrittenObject>): Vault {
  const versions = new Map<string, string | undefined>();
  for (const { key, versionId, state } of objects) if (state !== "as written") versions.set(key, versionId);
  if (versions.size === 0) return vault;
  return {
    ...vault,
    get: (key, options) => vault.get(key, { versionId: versions.get(key), ...options }),
    head: (key, versionId) => vault.head(key, versionId ?? versions.get(key)),
  };
}
