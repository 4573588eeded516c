import { heapUsed } from "../../base/collector.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Transport } from "../../s3/transport.ts";
import { setIdPattern } from "../format/manifest.ts";
import { versionPages } from "../s3/versions.ts";

/**
 * Folders right below `prefix` that are named like a set, newest first, whether there is a manifest in them or not, those in
 * which all is hidden by delete markers included. Reads folders, not objects: one request for 1,000 of them.
 */
export async function setIdsBelow(transport: Transport, prefix: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { folders } of versionPages(transport, prefix, { delimiter: "/" }))
    ids.push(...folders.map((folder) => folder.slice(prefix.length, -1)).filter((name) => setIdPattern.test(name)));
  return ids.sort().reverse();
}

/** Looked up one after the other, or all before. */
export type Published<Found> = AsyncIterable<Found> | Iterable<Found>;

/** So large a manifest is read alone: two dozen of them at once would not fit. */
const largeBytes = 1024 * 1024;

/**
 * Describes what is published, in order, until there is as much as is wanted.
 *
 * @param describe gives undefined for what counts for nothing
 */
export async function describeFirst<Found extends { readonly bytes: number }, Described>(
  published: Published<Found>,
  wanted: number,
  describe: (found: Found) => Promise<Described | undefined>,
): Promise<Described[]> {
  const described: Described[] = [];
  const blockSize = (): number => Math.min(128, wanted - described.length);
  for await (const one of describeInOrder(published, blockSize, describe)) {
    described.push(one);
    if (described.length >= wanted) break;
  }
  return described;
}

/**
 * The same for those who stop when they have what they look for.
 *
 * @param blockSize how many are read before the next one is given, when so many have been
 */
export async function* describeInOrder<Found extends { readonly bytes: number }, Described>(
  published: Published<Found>,
  blockSize: (read: number) => number,
  describe: (found: Found) => Promise<Described | undefined>,
): AsyncGenerator<Described, void, undefined> {
  let waiting: Found[] = [];
  let read = 0;
  const work = async (): Promise<Described[]> => {
    const results = new Map<Found, Described | undefined>();
    const [small, large] = [
      waiting.filter(({ bytes }) => bytes <= largeBytes),
      waiting.filter(({ bytes }) => bytes > largeBytes),
    ];
    for (const [some, width] of [
      [small, 24],
      [large, 1],
    ] as const)
      await mapBounded(some, width, async (found) => void results.set(found, await describe(found)));
    const done = waiting.flatMap((found) => results.get(found) ?? []);
    read += waiting.length;
    waiting = [];
    // Answers, signatures and manifests of a moment: of ten thousand sets they are hundreds of megabytes.
    heapUsed();
    return done;
  };
  for await (const found of published) {
    waiting.push(found);
    if (waiting.length >= blockSize(read)) yield* await work();
  }
  yield* await work();
}
