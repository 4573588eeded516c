import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import { maySetReplicationRole } from "../target/target.ts";
import { failureOf } from "./file-failure.ts";
import { assertSameBuckets } from "./one-project.ts";
import type { SelectedFile } from "./selection.ts";
import { bucketDifferences, type PresentRow, readBuckets, readColumns, readRows } from "./target-rows.ts";
import type { SnapshotFile, SnapshotFiles } from "./vault-snapshot.ts";
import { type FileDifference, sampleOf, verifyContents, verifyRows } from "./verify-files.ts";

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

/** How far the files of a project are those of a snapshot: counts, ids and buckets, never a path. */
export interface FilesComparison {
  readonly outcome: "equal" | "sampled" | "differs" | "unverified";
  readonly snapshot: string;
  readonly takenAt: string;
  readonly counts: {
    readonly chosen: number;
    readonly bytes: number;
    readonly readBack: number;
    readonly missing: number;
    readonly different: number;
    /** Files that the project has and the snapshot does not. */
    readonly extra: number;
    readonly findings: number;
  };
  /** The first hundred; `counts.findings` tells how many there are. */
  readonly findings: readonly FileDifference[];
  readonly notes: readonly string[];
}

export interface CompareFilesTask {
  readonly snapshot: SnapshotFiles;
  readonly client: Client;
  readonly target: ProjectFiles;
  /** Prefix of the target's settings, for messages. */
  readonly prefix: string;
  /** More bytes than this, and a twentieth of the files is read. */
  readonly readAllBytes: number;
  /** Requests to the endpoint at a time. */
  readonly width: number;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

const findingsTold = 100;
const sampleOfMuch = 0.05;

/**
 * Compares the files of a project with a snapshot: buckets, rows and bytes, as a restore of files does after it has sent
 * them, and sends nothing.
 * @throws ConfigurationError `target-without-storage`, `target-mixed`, `target-storage-refused`
 */
export async function compareFiles(task: CompareFilesTask): Promise<FilesComparison> {
  const { snapshot, client, target, prefix, signal } = task;
  const columns = await readColumns(client);
  await assertSameBuckets(client, target, prefix, signal);
  const chosen: SnapshotFile[] = [];
  for await (const file of snapshot.files()) chosen.push(file);
  const found = await compareRows(chosen, client, target, task);
  const changed = await changedSince(client, found.different, snapshot.takenAt);
  const findings: FileDifference[] = [
    ...found.missing.map((file) =>
      finding(file, "failed", "not there, or its bytes are lost: damage, unless it was removed since"),
    ),
    ...found.different.map((file) =>
      finding(
        file,
        "failed",
        changed.has(file.id)
          ? "other bytes, and its row was written since"
          : "other bytes, and its row says that nobody has written it since",
      ),
    ),
    ...found.unknown.map(({ file, why }) => finding(file, "unverified", `could not be looked at: ${why}`)),
    ...(await bucketFindings(client, snapshot)),
  ];
  const unread = found.present.filter((file) => !found.read.has(file));
  const bytes = unread.reduce((total, file) => total + file.bytes, 0);
  const sample = sampleOf(unread, bytes <= task.readAllBytes ? 1 : sampleOfMuch);
  findings.push(
    ...(await verifyContents(sample, task)),
    ...(await verifyRows(found.present, await maySetReplicationRole(client), { client, columns })),
  );
  const extra = await countExtra(client, snapshot, found.versions.size);
  const failed = findings.some(({ verdict }) => verdict === "failed") || extra > 0;
  const unverified = findings.some(({ verdict }) => verdict === "unverified");
  const outcome = failed ? "differs" : unverified ? "unverified" : sample.length < unread.length ? "sampled" : "equal";
  return {
    ...{ outcome, snapshot: snapshot.id, takenAt: snapshot.takenAt, findings: findings.slice(0, findingsTold) },
    counts: {
      ...{ chosen: chosen.length, bytes: chosen.reduce((total, file) => total + file.bytes, 0) },
      ...{ readBack: sample.length + found.read.size, missing: found.missing.length },
      ...{ different: found.different.length, extra, findings: findings.length },
    },
    notes:
      extra === 0
        ? []
        : [
            `${countOf(extra, "file")} of the project came since the snapshot, which does not have ${extra === 1 ? "it" : "them"}`,
          ],
  };
}

function finding({ id, bucket }: SnapshotFile, verdict: FileDifference["verdict"], why: string): FileDifference {
  return { id, bucket, aspect: "bytes", verdict, why };
}

/** Ids of the files whose rows were written after the snapshot. */
async function changedSince(client: Client, files: readonly SnapshotFile[], takenAt: string): Promise<Set<string>> {
  const answer = await client.query(
    `select w.id from unnest($1::text[], $2::text[], $3::text[]) as w(id, bucket, name)
       join storage.objects o on o.bucket_id = w.bucket and o.name = w.name where o.updated_at > $4::timestamptz`,
    [files.map(({ id }) => id), files.map(({ bucket }) => bucket), files.map(({ name }) => name), takenAt],
  );
  return new Set(
    z
      .array(z.object({ id: z.string() }))
      .parse(answer.rows)
      .map(({ id }) => id),
  );
}

async function bucketFindings(client: Client, snapshot: SnapshotFiles): Promise<FileDifference[]> {
  const present = await readBuckets(client);
  return snapshot.buckets.flatMap((bucket) => {
    const there = present.get(bucket.id);
    const said = there === undefined ? ["is not there"] : bucketDifferences(bucket, there);
    return said.map((why) => ({ id: bucket.id, bucket: bucket.id, aspect: "bucket", verdict: "failed" as const, why }));
  });
}

/** Rows that no file of the snapshot stands for; those of files that the source had lost already are known. */
async function countExtra(client: Client, snapshot: SnapshotFiles, known: number): Promise<number> {
  const answer = await client.query("select count(*)::text as rows from storage.objects");
  const rows = Number(z.object({ rows: z.string() }).parse(answer.rows[0]).rows);
  const lost = snapshot.lost.reduce((total, one) => total + one.lost, 0);
  return Math.max(0, rows - known - lost);
}
