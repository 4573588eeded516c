import type { Tier } from "../../vault/format/manifest.ts";
import type { SetShape } from "./facts.ts";
import type { RunKind } from "./scheduled-runs.ts";

/**
 * What each kind of run asks the store for, by S3's names of the operations. The figures are what a meter between Lifeboat and a store
 * counted; what they depend on is what the code reads. `test/integration/cost-requests.test.ts` counts again, in another vault.
 */

/** By S3's name of the operation, e.g. `PutObject`. */
export type RequestCounts = Readonly<Record<string, number>>;

/** What lies in the vault when a run begins. */
export interface VaultState {
  readonly sets: Readonly<Record<Tier, number>>;
  readonly snapshots: number;
  /** Of this calendar month: what is read to tell how much has been read from Supabase. */
  readonly inMonth: { readonly sets: number; readonly snapshots: number };
  /** Reports of runs, of the last fourteen days. */
  readonly reports: number;
  /** In both buckets. */
  readonly objects: number;
  readonly shapes: Readonly<Record<Tier, SetShape>>;
  /** What one copy of the files adds: packs and large files. */
  readonly newObjects: number;
  /** Of how many sets, and runs of the files, one retention removes something. */
  readonly removals: { readonly sets: number; readonly copies: number };
  /** Stored parts of one of them. */
  readonly partsOfObject: number;
}

/** The store's list of versions is asked for sixteen folders first, then four times as many, and so on (`vault/published/publications`). */
function listed(wanted: number, there: number): number {
  let [passed, block] = [0, 16];
  while (passed < wanted && passed < there) {
    passed += block;
    block *= 4;
  }
  return Math.min(passed, there);
}

/** Manifests are read one first, then three, then in blocks of three times what was read, 96 at most (`vault/standing`). */
function read(wanted: number, there: number): number {
  let done = 0;
  while (done < wanted && done < there) done += Math.min(96, Math.max(1, 3 * done));
  return Math.min(done, there);
}

/** The page of promises and the monitor read so many of the newest sets. */
const newestSets = 60;
/** Retention reads so many of them, for the terms that they announce and for what is proven. */
const announcing = 35;
/** Whether the second set of a day stands back is told by so many. */
const standBackSets = 200;

const all = ({ sets }: VaultState): number => sets.daily + sets.weekly + sets.monthly;
const objectsOfNewest = ({ sets, shapes }: VaultState): number =>
  (["daily", "weekly", "monthly"] as const).reduce((sum, tier) => sum + (sets[tier] > 0 ? shapes[tier].objects : 0), 0);

/** Objects around the packs of a snapshot: keys, lists, layer, head, manifest. */
const aroundPacks = 8;

/** What every run asks for: where its bucket is, and to keep its report. */
const around: RequestCounts = { HeadBucket: 2, GetBucketLocation: 2, PutObject: 1 };

/** What a run that opens, changes or removes something leaves in the audit trail besides: where it begins, and how it ended. */
const audited: RequestCounts = {
  ...{ HeadBucket: 1, GetBucketLocation: 1, GetObjectLockConfiguration: 1 },
  ...{ ListObjectVersions: 2, GetObject: 1, PutObject: 2 },
};
/** They only look. */
const unaudited: ReadonlySet<RunKind> = new Set(["publish", "monitor"]);
const trailOf = (kind: RunKind): RequestCounts => (unaudited.has(kind) ? {} : audited);

/** Whether there is something to do: what a scheduled run asks first. Pure. */
export function requestsToAsk(kind: RunKind, state: VaultState): RequestCounts {
  switch (kind) {
    case "daily":
    case "weekly":
    case "monthly":
      return { HeadBucket: 1, GetObject: 2, ListObjectVersions: listed(1, state.sets[kind]) + 2 };
    case "files":
      return { HeadBucket: 1, GetObject: 2, ListObjectVersions: listed(1, state.snapshots) + 2 };
    case "restoreTest":
    case "drill":
      return { HeadBucket: 1, GetObject: 4, ListObjectVersions: 6 };
    case "kit":
      return { HeadBucket: 1, GetObject: 2, ListObjectVersions: 2 };
    default:
      return {};
  }
}

/** A run that asks, and finds nothing to do. */
export function requestsWhenSkipped(kind: RunKind, state: VaultState): RequestCounts {
  return together([around, trailOf(kind), requestsToAsk(kind, state)]);
}

/** A scheduled run that finds something to do, and does it. */
export function requestsWhenDone(kind: RunKind, state: VaultState): RequestCounts {
  const there = all(state);
  // Only a daily set may stand back for the month's egress.
  const standBack =
    kind === "daily"
      ? {
          HeadBucket: 1,
          GetObject: 2 * read(standBackSets, there),
          ListObjectVersions: listed(standBackSets, there) + 4,
        }
      : {};
  return together([requestsToAsk(kind, state), standBack, requestsOfWork(kind, state)]);
}

export function together(all: readonly RequestCounts[]): RequestCounts {
  const sum: Record<string, number> = {};
  for (const counts of all)
    for (const [operation, count] of Object.entries(counts)) sum[operation] = (sum[operation] ?? 0) + count;
  return sum;
}

/** The work itself, as a person's run does it. */
export function requestsOfWork(kind: RunKind, state: VaultState): RequestCounts {
  return together([trailOf(kind), requestsWithin(kind, state)]);
}

function requestsWithin(kind: RunKind, state: VaultState): RequestCounts {
  switch (kind) {
    case "daily":
    case "weekly":
    case "monthly":
      return ofSet(kind, state);
    case "files":
      return ofFiles(state);
    case "retention":
      return ofRetention(state);
    case "publish":
      return ofPublish(state);
    case "monitor":
      return ofMonitor(state);
    case "kit":
      return ofKit(state);
    default:
      return ofReading(kind, state);
  }
}

function ofSet(tier: Tier, state: VaultState): RequestCounts {
  const { objects, uploads, parts } = state.shapes[tier];
  const there = all(state);
  const { multipart, whole } = uploadsOf(state.shapes[tier]);
  return {
    ...{ HeadBucket: 4, GetBucketLocation: 2, GetBucketVersioning: 1, GetObjectLockConfiguration: 1 },
    ...{ ListMultipartUploads: 3, ListObjectsV2: 4 },
    ...(tier === "monthly" && { GetBucketLifecycleConfiguration: 1 }),
    PutObject: whole + 11,
    ...(multipart > 0 && { UploadPart: multipart }),
    ...(uploads - whole - multipart > 0 && { CreateMultipartUpload: (uploads - whole - multipart) / 2 }),
    ...(uploads - whole - multipart > 0 && { CompleteMultipartUpload: (uploads - whole - multipart) / 2 }),
    GetObject: parts + 13,
    ListObjectVersions: there + 5,
    HeadObject: 2 * there,
    GetObjectRetention: 2 * objects + objectsOfNewest(state),
    PutObjectRetention: objects,
  };
}

/** Parts of objects that have several, and objects that go up whole. */
function uploadsOf({ objects, uploads, parts }: SetShape) {
  // uploads = whole + parts of long ones + 2 × long ones; parts (read back) = whole ones but four + those of long ones.
  const long = Math.max(0, (uploads - parts - 4) / 2);
  const whole = Math.max(0, objects - long);
  return { whole, multipart: Math.max(0, uploads - whole - 2 * long) };
}

function ofFiles(state: VaultState): RequestCounts {
  const { snapshots, newObjects, partsOfObject: parts } = state;
  const objects = aroundPacks + newObjects;
  const isLong = parts > 1;
  return {
    ...{ HeadBucket: 6, GetBucketLocation: 2, GetBucketVersioning: 2, GetObjectLockConfiguration: 2, ListObjectsV2: 1 },
    PutObject: (isLong ? aroundPacks : objects) + 10,
    ...(isLong && {
      CreateMultipartUpload: newObjects,
      UploadPart: newObjects * parts,
      CompleteMultipartUpload: newObjects,
    }),
    GetObject: 24 + newObjects * (1 + parts),
    ListObjectVersions: 2 * snapshots + listed(1, snapshots) + 6,
    GetObjectRetention: 2 * objects,
    PutObjectRetention: objects,
  };
}

function ofRetention(state: VaultState): RequestCounts {
  const { snapshots, removals, shapes } = state;
  const there = all(state);
  const removed = removals.sets + removals.copies;
  return {
    ...{ HeadBucket: 7, GetBucketLocation: 3, GetBucketVersioning: 2, GetObjectLockConfiguration: 2 },
    ...{ ListMultipartUploads: 3, PutObject: 16 + removed, PutObjectRetention: 2 },
    // Before each removal it asks again whether somebody holds or uses it, and lists what is there.
    ListObjectVersions: there + 72 + 8 * removed,
    GetObject: 2 * Math.min(announcing, there) + 2 * (snapshots + 1) + 6,
    HeadObject: 100 + removals.sets * shapes.daily.objects + 3 * removals.copies,
    GetObjectRetention: 4 + 2 * snapshots,
  };
}

function ofPublish(state: VaultState): RequestCounts {
  const there = all(state);
  return {
    ...{ HeadBucket: 3, GetBucketLocation: 3, GetObjectLockConfiguration: 1, PutObject: 1, ListObjectsV2: 16 },
    GetObject: state.reports + 2 * read(newestSets, there) + 2,
    ListObjectVersions: there + listed(newestSets, there) + listed(1, state.snapshots) + 13,
    HeadObject: 2 * there,
  };
}

/** Of the audit trail the monitor reads two days: its end, and each entry since (`monitor/backups/audit-check`). */
const walkedEntries = 20;

function ofMonitor(state: VaultState): RequestCounts {
  const { sets, snapshots, inMonth, reports, objects } = state;
  const there = all(state);
  const newest = listed(1, sets.daily) + listed(1, sets.weekly) + listed(1, sets.monthly);
  // What this month's have read from Supabase, up to the first of an earlier month.
  const [ofMonth, copiesOfMonth] = [read(inMonth.sets + 1, there), read(inMonth.snapshots + 1, snapshots)];
  return {
    ...{ HeadBucket: 6, GetBucketLocation: 3, GetBucketVersioning: 2, GetObjectLockConfiguration: 3, PutObject: 1 },
    ...{ GetBucketLifecycleConfiguration: 1, ListObjectsV2: 16 + 2 + Math.floor(objects / 1000) },
    GetObject: reports + 2 * (read(newestSets, there) + ofMonth + copiesOfMonth) + 14 + 1 + walkedEntries,
    ListObjectVersions:
      there +
      listed(newestSets, there) +
      listed(ofMonth, there) +
      newest +
      listed(1, snapshots) +
      listed(copiesOfMonth, snapshots) +
      23 +
      3,
    HeadObject: 2 * there + 3,
  };
}

/** Manifests and keys of every set and of every copy of the files; a kit is three objects. */
function ofKit(state: VaultState): RequestCounts {
  const { snapshots } = state;
  const there = all(state);
  return {
    ...{ HeadBucket: 3, GetBucketLocation: 2, GetObjectLockConfiguration: 1, PutObject: 4, PutObjectRetention: 3 },
    GetObject: 4 * there + 4 * snapshots + 3,
    GetObjectRetention: 6,
    ListObjectVersions: there + 2 * snapshots + 8,
  };
}

/** What reads a set back, or a share of the files: a part at a time. */
function ofReading(kind: RunKind, { shapes }: VaultState): RequestCounts {
  const parts = kind === "openFiles" ? 0 : shapes.daily.parts;
  return { ...{ HeadBucket: 5, GetBucketLocation: 2, ListObjectVersions: 40, PutObject: 6 }, GetObject: parts + 30 };
}

/** Billed as PUT, COPY, POST and LIST (Amazon S3 pricing, "Requests & data retrievals"); deletions cost nothing, all others count as GET. */
const puts = /^(?:Put|Copy|Upload|Create|Complete|Restore|List)/;
const free = /^(?:Delete|Abort)/;

export interface PutGet {
  readonly put: number;
  readonly get: number;
}

/** How S3 bills them. */
export function billed(counts: RequestCounts): PutGet {
  let [put, get] = [0, 0];
  for (const [operation, count] of Object.entries(counts)) {
    if (free.test(operation)) continue;
    if (puts.test(operation)) put += count;
    else get += count;
  }
  return { put, get };
}
