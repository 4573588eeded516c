import { randomInt } from "node:crypto";
import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import { failureOf } from "./file-failure.ts";
import type { SelectedFile } from "./selection.ts";
import { rowDifferences, type StorageColumns } from "./target-rows.ts";

/** Something about one file, by its row's id. */
export interface FileDifference {
  readonly id: string;
  readonly bucket: string;
  readonly aspect: string;
  readonly verdict: "failed" | "expected" | "unverified";
  readonly why: string;
}

/** A part of the files, at least one; which ones is chance, so that no sample is the same as the last. */
export function sampleOf<File>(files: readonly File[], share: number): File[] {
  if (share >= 1) return [...files];
  const wanted = Math.min(files.length, Math.max(1, Math.ceil(files.length * share)));
  const pool = [...files];
  for (let place = 0; place < wanted; place++) {
    const other = place + randomInt(pool.length - place);
    const [mine, theirs] = [pool[place], pool[other]];
    if (mine === undefined || theirs === undefined) break;
    pool[place] = theirs;
    pool[other] = mine;
  }
  return pool.slice(0, wanted);
}

interface VerifyTask {
  readonly target: Pick<ProjectFiles, "read">;
  readonly width: number;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

const rowsAtOnce = 1000;

/** Reads files back and compares their bytes: by GET, because everything else only tells of their rows. */
export async function verifyContents(files: readonly SelectedFile[], task: VerifyTask): Promise<FileDifference[]> {
  const { target, width, log, signal } = task;
  const findings: FileDifference[] = [];
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const track = log.track("read files back", { bytes, items: files.length });
  await mapBounded(files, width, async (file) => {
    const say = (verdict: FileDifference["verdict"], aspect: string, why: string) =>
      findings.push({ id: file.id, bucket: file.bucket, aspect, verdict, why });
    try {
      const back = await target.read(file, signal, (count) => track.advance({ bytes: count }));
      if (back.bytes !== file.bytes || back.sha256 !== file.sha256)
        say("failed", "bytes", "they are not the snapshot's");
      else if (back.contentType !== file.contentType) say("failed", "type", "GET tells another than the snapshot");
      else if (back.cacheControl !== file.cacheControl)
        say("failed", "cache control", "GET tells another than the snapshot");
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ConfigurationError) throw error;
      const { why } = failureOf(error);
      if (/InternalError|500|missing|404/.test(why)) say("failed", "bytes", "the target has lost them: GET fails");
      else say("unverified", "bytes", why);
    } finally {
      track.advance({ items: 1 });
    }
  });
  track.end("done");
  return findings;
}

/** Compares the rows of all files with what the snapshot says of them. */
export async function verifyRows(
  files: readonly SelectedFile[],
  silent: boolean,
  { client, columns }: { readonly client: Client; readonly columns: StorageColumns },
): Promise<FileDifference[]> {
  const findings: FileDifference[] = [];
  for (let from = 0; from < files.length; from += rowsAtOnce) {
    const batch = files.slice(from, from + rowsAtOnce);
    for (const [place, aspects] of await rowDifferences(client, batch, columns)) {
      const file = batch[place];
      if (file === undefined) continue;
      for (const aspect of aspects) {
        // Without replica mode a trigger of Supabase sets it to now at every update.
        const kept = aspect === "updated" && !silent;
        findings.push({
          ...{ id: file.id, bucket: file.bucket, aspect, verdict: kept ? "expected" : "failed" },
          why: kept ? "the target's role may not silence the trigger that sets it" : "the row says something else",
        });
      }
    }
  }
  return findings;
}
