import type { Bucket } from "../../../storage/rows.ts";
import {
  encodeEntry,
  type FileEntry,
  type Head,
  isStored,
  type Layer,
  pathOf,
  type StoredObject,
  shardOf,
} from "../../../vault/format/snapshot-manifest.ts";
import type { Tally } from "../source/tally.ts";

type InBucket = Head["inBuckets"][number];
interface Use {
  files: number;
  fileBytes: number;
}

/** Keeps the books of one run: what each bucket has, what of each stored object is named, what became of the files. */
export interface Ledger {
  /** An entry takes the place of another; undefined: there was, or is, none. @returns whether the list changes by it */
  settle(before: FileEntry | undefined, now: FileEntry | undefined): boolean;
  /** A pack or file that this run stored, or inherited. */
  addObject(object: StoredObject): void;
  readonly files: number;
  readonly bytes: number;
  readonly filesChanged: number;
  readonly filesRemoved: number;
  inBuckets(buckets: readonly Bucket[]): InBucket[];
  /** Shards in which there are lost files. */
  lookAgain(): number[];
  /** New objects of which something is named. */
  objects(): StoredObject[];
  /** What is named more or less of objects that were there before. */
  uses(): Layer["uses"];
}

/**
 * @param before how many files each bucket had; empty for a list that is begun anew
 * @param shards of the base
 */
export function openLedger(before: Head["inBuckets"], shards: number): Ledger {
  const buckets = new Map<string, InBucket>(before.map((one) => [one.bucket, { ...one }]));
  const objects = new Map<string, StoredObject>();
  const uses = new Map<string, Use>();
  const lost = new Set<number>();
  let filesChanged = 0;
  let filesRemoved = 0;

  const count = (entry: FileEntry | undefined, sign: 1 | -1): void => {
    if (entry === undefined || entry.state === "gone") return;
    const bucket = buckets.get(entry.bucket) ?? { bucket: entry.bucket, files: 0, bytes: 0, lost: 0 };
    buckets.set(entry.bucket, bucket);
    if (!isStored(entry)) {
      bucket.lost += sign;
      return;
    }
    bucket.files += sign;
    bucket.bytes += sign * entry.bytes;
    const use = uses.get(entry.object) ?? { files: 0, fileBytes: 0 };
    uses.set(entry.object, { files: use.files + sign, fileBytes: use.fileBytes + sign * entry.bytes });
  };
  const sum = (of: (bucket: InBucket) => number): number =>
    [...buckets.values()].reduce((all, one) => all + of(one), 0);

  return {
    settle(old, now) {
      count(old, -1);
      count(now, 1);
      if (now?.state === "lost") lost.add(shardOf(pathOf(now), shards));
      if (old !== undefined && now !== undefined && encodeEntry(old) === encodeEntry(now)) return false;
      if (now === undefined || now.state === "gone") {
        if (old !== undefined) filesRemoved++;
        return old !== undefined;
      }
      filesChanged++;
      return true;
    },
    addObject: (object) => void objects.set(object.key, object),
    get files() {
      return sum(({ files }) => files);
    },
    get bytes() {
      return sum(({ bytes }) => bytes);
    },
    get filesChanged() {
      return filesChanged;
    },
    get filesRemoved() {
      return filesRemoved;
    },
    inBuckets(known) {
      for (const { id } of known) if (!buckets.has(id)) buckets.set(id, { bucket: id, files: 0, bytes: 0, lost: 0 });
      const there = new Set(known.map(({ id }) => id));
      const all = [...buckets.values()].filter(
        ({ bucket, files, lost: gone }) => there.has(bucket) || files + gone > 0,
      );
      return all.sort((a, b) => (a.bucket < b.bucket ? -1 : 1));
    },
    lookAgain: () => [...lost].sort((a, b) => a - b),
    objects: () =>
      [...objects.values()].flatMap((object) => {
        const use = uses.get(object.key);
        return use === undefined || use.files === 0 ? [] : [{ ...object, ...use }];
      }),
    uses: () =>
      [...uses].flatMap(([key, use]) =>
        objects.has(key) || (use.files === 0 && use.fileBytes === 0) ? [] : [{ key, ...use }],
      ),
  };
}

/** So many are named in the findings; more are counted. Who needs them all has the list, which holds the metadata itself. */
const mostNamed = 10_000;

/** What a header may hold as it is: printable US-ASCII, no blank at either end. */
const headerValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** What the name of a header may hold (RFC 9110, 5.6.2), in lower case: Storage gives names back that way (observed). */
const headerName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/**
 * Whether S3 could bring user metadata back as it is. It travels in headers, one a name: what is no text, not ASCII, or
 * has capitals in its name, comes back otherwise or not at all.
 */
export function isCarriedByS3(userMetadata: FileEntry["userMetadata"]): boolean {
  return Object.entries(userMetadata ?? {}).every(
    ([name, value]) => headerName.test(name) && typeof value === "string" && headerValue.test(value),
  );
}

/** A ledger that also names files whose metadata only SQL can bring back, when their entry is new or another. */
export function namingUncarried(
  ledger: Ledger,
  tally: Pick<Tally, "find" | "add">,
): Pick<Ledger, "settle" | "addObject"> {
  let named = 0;
  return {
    addObject: ledger.addObject,
    settle(before, now) {
      const changes = ledger.settle(before, now);
      if (!changes || now?.state !== "stored" || isCarriedByS3(now.userMetadata)) return changes;
      if (named++ < mostNamed)
        tally.find("uncarried-metadata", now, "S3 cannot carry its user metadata; a restore sets it by SQL");
      else tally.add("uncarried-metadata");
      return changes;
    },
  };
}
