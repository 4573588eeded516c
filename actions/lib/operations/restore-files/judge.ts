import type { WantedFile } from "./selection.ts";
import type { PresentRow } from "./target-rows.ts";

/**
 * What a row of the target says of a file: `absent` there is none; `alike` size and ETag are the snapshot's, so that only
 * the bytes might be lost; `unsure` the size is, and ETags cannot be compared; `different` it is another file.
 */
export type Likeness = "absent" | "alike" | "unsure" | "different";

export function judge(file: Pick<WantedFile, "bytes" | "eTag">, row: PresentRow | undefined): Likeness {
  if (row === undefined) return "absent";
  if (row.bytes !== null && row.bytes !== file.bytes) return "different";
  const [wanted, present] = [contentETag(file.eTag), contentETag(row.eTag)];
  if (wanted === undefined || present === undefined || row.bytes === null) return "unsure";
  return wanted === present ? "alike" : "different";
}

/**
 * The MD5 that an ETag is. Those of uploads in parts (`…-3`) depend on how the parts were cut: the same file sent again has
 * another one, so they say nothing.
 */
function contentETag(eTag: string | null): string | undefined {
  return /^"?([0-9a-f]{32})"?$/.exec(eTag ?? "")?.[1];
}
