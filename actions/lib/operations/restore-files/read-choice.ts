import { readFileSync } from "node:fs";
import { ConfigurationError } from "../../base/errors.ts";
import { type Choice, readList } from "./selection.ts";

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
