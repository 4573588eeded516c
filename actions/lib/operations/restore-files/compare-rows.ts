import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import { failureOf } from "./file-failure.ts";
import type { SelectedFile } from "./selection.ts";
import { type PresentRow, readRows } from "./target-rows.ts";

/** What has to be done with the chosen files, found without writing anything. */
export interface Comparison<File extends SelectedFile> {
  /** No row, or a row whose bytes are lost. */
  readonly missing: File[];
  /** Another file stands there: only written over when that was said. */
  readonly different: File[];
  /** Already there with the same bytes. */
  readonly present: File[];
  /** Of those, the ones that were read whole, so that nothing is left to verify. */
  readonly read: ReadonlySet<File>;
  /** Which version stands in the row of a file that has one. */
  readonly versions: ReadonlyMap<File, string | null>;
  /** Files whose state could not be found out, with the reason. */
  readonly unknown: readonly { readonly file: File; readonly why: string }[];
}

const rowsAtOnce = 1000;

/**
 * Compares the chosen files with the target: by row first, and where the row agrees, by asking for the bytes, because rows
 * that a database restore brought have none.
 *
 * @param width how many files are asked for at a time
 */
export async function compareRows<File extends SelectedFile>(
  files: readonly File[],
  client: Client,
  target: ProjectFiles,
  { width, log, signal }: { readonly width: number; readonly log: Log; readonly signal?: AbortSignal | undefined },
): Promise<Comparison<File>> {
  const found = { missing: [] as File[], different: [] as File[], present: [] as File[] };
  const read = new Set<File>();
  const versions = new Map<File, string | null>();
  const unknown: { file: File; why: string }[] = [];
  const track = log.track("compare with the target", { bytes: 0, items: files.length });
  const settle = async (file: File, likeness: ReturnType<typeof judge>): Promise<keyof typeof found> => {
    if (likeness === "absent") return "missing";
    if (likeness === "different") return "different";
    if (!(await target.isThere(file, signal))) return "missing";
    if (likeness === "alike") return "present";
    const { sha256 } = await target.read(file, signal);
    if (sha256 !== file.sha256) return "different";
    read.add(file);
    return "present";
  };
  for (let from = 0; from < files.length; from += rowsAtOnce) {
    signal?.throwIfAborted();
    const batch = files.slice(from, from + rowsAtOnce);
    const rows = await readRows(client, batch);
    for (const [place, { version }] of rows) {
      const file = batch[place];
      if (file !== undefined) versions.set(file, version);
    }
    const states = await mapBounded(batch, width, async (file, place) => {
      try {
        return await settle(file, judge(file, rows.get(place)));
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof ConfigurationError) throw error;
        unknown.push({ file, why: failureOf(error).why });
        return undefined;
      } finally {
        track.advance({ items: 1 });
      }
    });
    for (const [place, file] of batch.entries()) {
      const state = states[place];
      if (state !== undefined) found[state].push(file);
    }
  }
  track.end("done");
  return { ...found, read, versions, unknown };
}

/**
 * What a row of the target says of a file: `absent` there is none; `alike` size and ETag are the snapshot's, so that only
 * the bytes might be lost; `unsure` the size is, and ETags cannot be compared; `different` it is another file.
 */
export type Likeness = "absent" | "alike" | "unsure" | "different";

export function judge(file: Pick<SelectedFile, "bytes" | "eTag">, row: PresentRow | undefined): Likeness {
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
