import { readFileSync } from "node:fs";
import { ConfigurationError } from "../../base/errors.ts";

/** One file of a snapshot, as a restore needs it. Times are as Postgres writes them, with all the digits that it keeps. */
export interface SelectedFile {
  /** Of its row at the source, or its place in the vault: what reports name it by, as its path may hold somebody's name. */
  readonly id: string;
  /** False when the list came from the endpoint alone: owner and times are not known then, and left as they are. */
  readonly fromRow: boolean;
  readonly bucket: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** As the source's row had it, with or without quotes; null when it had none. */
  readonly eTag: string | null;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly ownerId: string | null;
  /** The deprecated column, a UUID, where it is set. */
  readonly owner: string | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  /** JSON text, so that no digit of a number is lost; null for none. */
  readonly userMetadata: string | null;
}

/** One bucket of a snapshot. */
export interface SelectedBucket {
  readonly id: string;
  readonly public: boolean;
  readonly fileSizeLimit: string | null;
  readonly allowedMimeTypes: readonly string[] | null;
  readonly owner: string | null;
  readonly ownerId: string | null;
  readonly avifAutodetection: boolean | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

/** Which files of a snapshot; everything that is given has to hold. */
export interface Choice {
  readonly buckets: readonly string[];
  /** Paths below this, as it stands: `students/` and `students` are different. */
  readonly prefix: string | undefined;
  readonly owner: string | undefined;
  /** `bucket/path` each. */
  readonly list: readonly string[] | undefined;
}

export const everyFile: Choice = { buckets: [], prefix: undefined, owner: undefined, list: undefined };

/** Says of each file whether it is chosen, and of a list which of its lines no file answered to. */
export class Chooser {
  readonly #choice: Choice;
  readonly #listed: Set<string> | undefined;
  #chosen = 0;

  constructor(choice: Choice) {
    this.#choice = choice;
    this.#listed = choice.list === undefined ? undefined : new Set(choice.list);
  }

  wants(file: Pick<SelectedFile, "bucket" | "name" | "ownerId">): boolean {
    const chosen = this.#fits(file);
    if (chosen) this.#chosen += 1;
    return chosen;
  }

  #fits({ bucket, name, ownerId }: Pick<SelectedFile, "bucket" | "name" | "ownerId">): boolean {
    const { buckets, prefix, owner } = this.#choice;
    if (buckets.length > 0 && !buckets.includes(bucket)) return false;
    if (prefix !== undefined && !name.startsWith(prefix)) return false;
    if (owner !== undefined && ownerId !== owner) return false;
    return this.#listed === undefined || this.#listed.delete(`${bucket}/${name}`);
  }

  /** Whether anything of this bucket may be chosen at all. */
  wantsBucket(id: string): boolean {
    return this.#choice.buckets.length === 0 || this.#choice.buckets.includes(id);
  }

  /**
   * To be asked when every file was seen.
   * @throws ConfigurationError `bucket-unknown`; `files-unknown` for lines of the list that the snapshot does not have;
   * `files-none` when nothing has the prefix or owner that was asked for: a slip of the pen must not look like a success
   */
  refuseUnknown(buckets: readonly string[]): void {
    const unknown = this.#choice.buckets.filter((bucket) => !buckets.includes(bucket));
    if (unknown.length > 0) {
      throw new ConfigurationError(
        "bucket-unknown",
        `The snapshot has no bucket ${unknown.join(", ")}; it has ${buckets.join(", ") || "none"}.`,
        "Correct --bucket, or take another snapshot.",
      );
    }
    const left = this.#listed?.size ?? 0;
    if (left > 0) {
      throw new ConfigurationError(
        "files-unknown",
        `${left} of the ${this.#choice.list?.length} files of the list are not in the snapshot (or ruled out by another option).`,
        "A line of the list is bucket/path, exactly as storage.objects has it; take another snapshot for files that it did not have.",
      );
    }
    const { prefix, owner } = this.#choice;
    if (this.#chosen > 0 || (prefix === undefined && owner === undefined)) return;
    throw new ConfigurationError(
      "files-none",
      "No file of the snapshot is what was asked for.",
      "Correct --prefix (as the path begins, without the bucket, capital letters as they are) or --owner, or take another snapshot.",
    );
  }
}

/** The lines of a list of files: `bucket/path` each, blanks at their ends kept, empty lines left out. */
export function readList(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== "");
}

/** What somebody typed, to choose files by. */
export interface Typed {
  /** Separated by commas. */
  readonly bucket?: string | undefined;
  readonly prefix?: string | undefined;
  readonly owner?: string | undefined;
  /** Path of a file. */
  readonly list?: string | undefined;
}

/** @throws ConfigurationError `list-unreadable` and what `readList` throws */
export function readChoice({ bucket, prefix, owner, list }: Typed): Choice {
  return {
    buckets: bucket === undefined ? [] : bucket.split(",").map((one) => one.trim()),
    prefix,
    owner,
    list: list === undefined ? undefined : readList(readText(list)),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new ConfigurationError("list-unreadable", "The file that --list names cannot be read.", "Correct its path.");
  }
}

/** `5%` or `0.05`. @throws ConfigurationError `usage` */
export function readSample(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  const share = found === null ? 0 : Number(found[1]) / (found[2] === "%" ? 100 : 1);
  if (share > 0 && share <= 1) return share;
  throw new ConfigurationError("usage", `--verify-sample does not know '${text}'.`, "Give a share such as 5% or 100%.");
}
