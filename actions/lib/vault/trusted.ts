import { publishedSnapshots, readSnapshot } from "./files/snapshot-catalogue.ts";
import type { Manifest, Tier } from "./format/manifest.ts";
import type { SnapshotManifest } from "./format/snapshot-manifest.ts";
import type { Publication } from "./published/publications.ts";
import { describeInOrder, type Published } from "./published/set-folders.ts";
import { believed, type VerifySignature } from "./published/signed-manifest.ts";
import type { Vault } from "./s3/client.ts";
import { type PublishedSet, publishedSets, readSet } from "./sets/catalogue.ts";

/**
 * Manifests that are read and cannot be trusted before the search is given up: somebody can lay any number of them, of any
 * size, over the ones that count. To have found none makes things look worse, never better.
 */
const mostUntrusted = { manifests: 1000, bytes: 256 * 1024 * 1024 } as const;

interface TrustedOptions {
  /** Told of each that is passed over, and why. Hidden ones are passed over unread. */
  readonly passedOver?: (name: string, problem: string) => void;
}

interface TrustedAmong {
  /** All unless told. */
  readonly tier?: Tier | undefined;
  /** Published sets that somebody has looked up already, newest first; instead of those of a tier. */
  readonly among?: Published<PublishedSet>;
}

/**
 * What the vault has of database sets, newest first: those alone whose manifest a trusted key has signed for this very place.
 * The one way to ask for "the newest": whoever asks reads as far as it must.
 */
export function trustedSets(
  vault: Vault,
  verify: VerifySignature,
  { tier, among = publishedSets(vault, tier), ...options }: TrustedOptions & TrustedAmong = {},
): AsyncGenerator<Manifest, void, undefined> {
  const read = async (found: PublishedSet) =>
    (await readSet(vault, found.tier, found.set, verify, found.signed)).manifest;
  return trusted(among, read, ({ tier, set }) => `Set ${set} (${tier})`, options);
}

/** The same of the snapshots of the files. */
export function trustedSnapshots(
  vault: Vault,
  verify: VerifySignature,
  options: TrustedOptions = {},
): AsyncGenerator<SnapshotManifest, void, undefined> {
  const read = async ({ set, signed }: Publication) => (await readSnapshot(vault, set, verify, signed)).manifest;
  return trusted(publishedSnapshots(vault), read, ({ set }) => `Snapshot ${set}`, options);
}

/** The first of them; undefined when there is none. */
export async function firstOf<Found>(found: AsyncGenerator<Found, void, undefined>): Promise<Found | undefined> {
  return (await firstFew(found, 1))[0];
}

/** So many of them at most. */
export async function firstFew<Found>(found: AsyncGenerator<Found, void, undefined>, most: number): Promise<Found[]> {
  const few: Found[] = [];
  for await (const one of found) {
    few.push(one);
    if (few.length >= most) break;
  }
  return few;
}

async function* trusted<Found extends Publication, Document>(
  published: Published<Found>,
  read: (found: Found) => Promise<Document>,
  nameOf: (found: Found) => string,
  { passedOver }: TrustedOptions,
): AsyncGenerator<Document, void, undefined> {
  const describe = async (
    found: Found,
  ): Promise<{ document: Document } | { found: Found; problem: string } | undefined> => {
    if (found.state === "hidden") return undefined;
    const came = await believed(() => read(found));
    return came !== undefined && "problem" in came ? { found, ...came } : came;
  };
  const passed = { manifests: 0, bytes: 0 };
  // One alone answers most; who has to look further looks at many at once.
  const blockSize = (read: number): number => Math.min(96, Math.max(1, 3 * read));
  for await (const one of describeInOrder(published, blockSize, describe)) {
    if ("document" in one) {
      yield one.document;
      continue;
    }
    passed.manifests++;
    passed.bytes += one.found.bytes;
    passedOver?.(nameOf(one.found), one.problem);
    if (passed.manifests >= mostUntrusted.manifests || passed.bytes >= mostUntrusted.bytes) return;
  }
}
