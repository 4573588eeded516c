import { keysFileName, secretsFileName } from "../../seal/keys/session-key.ts";
import { setPrefix } from "../../vault/format/manifest.ts";
import { isOfSet } from "../../vault/format/names.ts";
import { believed, manifestName, signatureName, type VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type Version, versionsBelow } from "../../vault/s3/versions.ts";
import { type PublishedSet, readSet } from "../../vault/sets/catalogue.ts";

/**
 * What a set lacks of what its manifest names, the keys of Vault's secrets among it; null when all of it is there as it was written, with its sizes. Two reads and a list.
 * That its bytes are right was seen when the set was made (`readBack`).
 * @returns a few words, e.g. `data/02-public.sql.zst.pgp is gone`
 */
export async function lackOf(
  vault: Vault,
  { tier, set, signed }: Pick<PublishedSet, "tier" | "set" | "signed">,
  verify: VerifySignature,
): Promise<string | null> {
  const read = await believed(async () => (await readSet(vault, tier, set, verify, signed)).manifest);
  if (read === undefined || "problem" in read) return "its manifest can no longer be trusted";
  const prefix = setPrefix(tier, set);
  const versions = Map.groupBy(await versionsBelow(vault.transport, prefix), ({ key }) => key.slice(prefix.length));
  const segments = read.document.artifacts.flatMap((artifact) => artifact.segments);
  for (const { key, bytes } of segments) {
    const lack = lackOfObject(versions.get(key) ?? [], bytes);
    if (lack !== null) return `${key} ${lack}`;
  }
  for (const key of [manifestName, signatureName]) {
    const lack = lackOfObject(versions.get(key) ?? [], null);
    if (lack !== null) return `${key} ${lack}`;
  }
  // A change of recipients writes them again, by our own hand.
  for (const name of [keysFileName, ...(read.document.sealing.secrets === undefined ? [] : [secretsFileName])]) {
    const keys = versions.get(name)?.find(({ latest }) => latest);
    if (keys === undefined || keys.marker) return `${name} is gone`;
  }
  return null;
}

function lackOfObject(versions: readonly Version[], bytes: number | null): string | null {
  const [written, ...more] = versions.filter(({ marker }) => !marker);
  if (written === undefined) return "is gone";
  if (versions.some(({ marker, latest }) => marker && latest)) return "is hidden by a delete marker";
  if (more.length > 0) return "was written again";
  return bytes === null || written.bytes === bytes ? null : `has ${written.bytes} bytes instead of ${bytes}`;
}

/**
 * Whether a part of a set was written more than once, which Lifeboat does with its keys alone: they are sealed anew for other
 * recipients.
 * @param versions of everything below the set's prefix
 */
export function replacesAny(versions: readonly Version[], prefix: string): boolean {
  const once = versions
    .filter(({ marker }) => !marker)
    .map(({ key }) => key.slice(prefix.length))
    .filter((name) => isOfSet(name) && name !== keysFileName && name !== secretsFileName);
  return new Set(once).size < once.length;
}
