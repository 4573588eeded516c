import type { Policy } from "../../config/policy/policy.ts";
import { leavesStandard } from "../../vault/bucket/lifecycle.ts";
import type { Manifest, Tier } from "../../vault/format/manifest.ts";

/** How large a set of a tier is, and what it takes to write it. */
export interface SetShape {
  /** What was read from Supabase for it. */
  readonly plainBytes: number;
  readonly storedBytes: number;
  /** Objects in its folder. */
  readonly objects: number;
  /** Requests that upload them: one each, and where one has several parts one a part and two around them. */
  readonly uploads: number;
  /** Stored parts, each of which is read back. */
  readonly parts: number;
  /** Of an archive: what leaves Standard. */
  readonly coldBytes: number;
  readonly coldObjects: number;
}

/** Storage's files, and what their vault has of them. */
export interface FilesShape {
  readonly files: number;
  readonly bytes: number;
  /** In the vault, in so many objects. */
  readonly storedBytes: number;
  readonly objects: number;
  /** New or replaced in a month: files, their bytes, and what the vault gets by it. */
  readonly newFiles: number;
  /** By how many bytes all files together grow in a month. */
  readonly growthBytes: number;
  readonly newBytes: number;
  readonly newStoredBytes: number;
  readonly newObjects: number;
}

/** All that the bill is computed from, beside policy, schedules and prices. */
export interface CostFacts {
  /** Where sizes come from, in words for people. */
  readonly told: string;
  readonly sets: Readonly<Record<Tier, SetShape>>;
  /** Bytes of rows that come in a month; the sets grow with them. */
  readonly growthBytes: number;
  /** Null: no files are copied. */
  readonly files: FilesShape | null;
  /** Sets that are there now: the months go on from them. None: the vault is empty. */
  readonly present: readonly PresentSet[];
}

export interface PresentSet {
  readonly tier: Tier;
  /** Days. */
  readonly age: number;
}

/** Beside the artifacts: keys.pgp, secrets.pgp, manifest and signature. */
const aroundArtifacts = 4;

/** The shape of a set that is there. Pure. */
export function shapeOf({ tier, counts, artifacts }: Pick<Manifest, "tier" | "counts" | "artifacts">): SetShape {
  const segments = artifacts.flatMap((artifact) => artifact.segments);
  const cold = tier === "monthly" ? segments.filter(({ key }) => leavesStandard(key)) : [];
  const sum = (of: typeof segments, value: (one: (typeof segments)[number]) => number): number =>
    of.reduce((total, one) => total + value(one), 0);
  return {
    plainBytes: Number(counts.plainBytes),
    storedBytes: Number(counts.storedBytes),
    objects: segments.length + aroundArtifacts,
    uploads: sum(segments, ({ parts }) => (parts.length === 1 ? 1 : parts.length + 2)) + aroundArtifacts,
    parts: sum(segments, ({ parts }) => parts.length),
    coldBytes: sum(cold, ({ bytes }) => bytes),
    coldObjects: cold.length,
  };
}

/** Stored bytes for each byte of rows, and of files as students send them in: about what zstd leaves of them. */
const ofRows = 0.25;
const ofFiles = 0.95;
/** Artifacts without rows, and tables that a weekly set carries as NDJSON, of a project like Qimma's. */
const withoutRows = 7;
const exported = 60;

/** What the policy assumes of a project that nobody has measured. Pure. */
export function assumedFacts({ cost, source, vault, storage }: Policy): CostFacts {
  const { databaseBytes, databaseGrowthBytesPerMonth, ...of } = cost.assumed;
  const slices = Math.max(1, Math.ceil(databaseBytes / source.sliceBytes));
  const shape = (plainBytes: number, more: number): SetShape => {
    const storedBytes = plainBytes * ofRows;
    const objects = withoutRows + slices + more;
    const parts = Math.max(objects, Math.ceil(storedBytes / vault.partBytes));
    const long = parts > objects;
    return {
      ...{ plainBytes, storedBytes, objects: objects + aroundArtifacts, parts },
      uploads: parts + aroundArtifacts + (long ? 2 * slices : 0),
      ...{ coldBytes: 0, coldObjects: 0 },
    };
  };
  const daily = shape(databaseBytes, 0);
  const stored = of.fileBytes * ofFiles;
  const perPack = (bytes: number, files: number): number =>
    files === 0 ? 0 : bytes / files < storage.smallFileBytes ? Math.ceil(bytes / storage.packBytes) : files;
  return {
    told: "cost.assumed of the policy",
    sets: {
      daily,
      weekly: shape(databaseBytes * 2, exported),
      monthly: { ...daily, coldBytes: daily.storedBytes, coldObjects: slices + 2 },
    },
    growthBytes: databaseGrowthBytesPerMonth,
    files:
      of.files === 0
        ? null
        : {
            ...{ files: of.files, bytes: of.fileBytes, storedBytes: stored },
            objects: perPack(of.fileBytes, of.files),
            ...{
              newFiles: of.newFilesPerMonth,
              newBytes: of.newFileBytesPerMonth,
              growthBytes: of.newFileBytesPerMonth,
            },
            newStoredBytes: of.newFileBytesPerMonth * ofFiles,
            newObjects: perPack(of.newFileBytesPerMonth, of.newFilesPerMonth),
          },
    present: [],
  };
}
