import { createHash } from "node:crypto";
import { type Patience, pauseBefore, withRetries } from "../../../base/flow/retry.ts";
import { StoreFailure } from "../../../s3/store-errors.ts";
import { type FileAddress, type OpenAnswer, type ProjectFiles, trouble } from "../../../storage/project-files.ts";
import { md5OfEtag, type SourceRow } from "../../../storage/rows.ts";

/** How often one file is asked for, and how long the pauses are. */
export interface FetchPatience extends Patience {
  /**
   * Attempts for an InternalError, which is what a row whose file is lost answers for ever: a project may have thousands of
   * them. Default: `attempts`.
   */
  readonly attemptsIfLost?: number;
}

export const defaultPatience: FetchPatience = { attempts: 6, baseMillis: 500, capMillis: 20_000 };

/** What a content turned out to be. */
export interface ContentFacts {
  readonly bytes: number;
  readonly sha256: string;
  readonly md5: string;
  /** As the answer's headers tell; what a list from the endpoint lacks. */
  readonly contentType: string | null;
  readonly cacheControl: string | null;
}

export interface Fetcher {
  readonly endpoint: ProjectFiles;
  readonly patience: FetchPatience;
  readonly signal: AbortSignal;
  /** Told of every byte that came in, also of those that came in vain: they cost as much. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Reads a small file whole. An answer that breaks off or is shorter than it said is asked for again.
 * @param most a longer one is refused (StoreFailure `too-large`): it has been replaced by another
 * @throws StoreFailure when patience has an end, or for what no patience helps
 */
export async function fetchWhole(
  fetcher: Fetcher,
  row: FileAddress,
  most: number,
): Promise<{ readonly content: Buffer; readonly facts: ContentFacts }> {
  return patiently(fetcher, async () => {
    const answer = await fetcher.endpoint.get(row, 0, fetcher.signal);
    const hashes = startHashes();
    const chunks: Uint8Array[] = [];
    let got = 0;
    for await (const chunk of answer.body) {
      got += chunk.byteLength;
      fetcher.onBytes(chunk.byteLength);
      if (got > most) {
        answer.abandon();
        throw trouble("too-large", 413);
      }
      hashes.update(chunk);
      chunks.push(chunk);
    }
    if (answer.bytes !== undefined && got !== answer.bytes) throw trouble("short answer");
    return { content: Buffer.concat(chunks, got), facts: { bytes: got, ...hashes.digest(), ...headersOf(answer) } };
  });
}

/**
 * Streams a large file; where the connection breaks it goes on from there, as long as it is still the same file.
 * @param onEnd told what it was, when the last byte has been handed on
 * @throws StoreFailure; with code `changed-midway` when the file was replaced meanwhile
 */
export async function* streamFile(
  fetcher: Fetcher,
  row: FileAddress,
  onEnd: (facts: ContentFacts) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hashes = startHashes();
  let got = 0;
  let first: OpenAnswer | undefined;
  for (let attempt = 1; ; ) {
    const before = got;
    try {
      const answer = await patiently(fetcher, () => fetcher.endpoint.get(row, got, fetcher.signal));
      first ??= answer;
      if (answer.etag !== first.etag || answer.wholeBytes !== first.wholeBytes) {
        answer.abandon();
        throw trouble("changed-midway", 412);
      }
      for await (const chunk of answer.body) {
        got += chunk.byteLength;
        hashes.update(chunk);
        fetcher.onBytes(chunk.byteLength);
        yield chunk;
      }
      if (first.wholeBytes !== undefined && got < first.wholeBytes) throw trouble("short answer");
      onEnd({ bytes: got, ...hashes.digest(), ...headersOf(first) });
      return;
    } catch (error) {
      // What moves is not counted: a file of gigabytes may break off more often than a small one.
      attempt = got > before ? 1 : attempt + 1;
      const passing = error instanceof StoreFailure && error.answer.status === undefined;
      if (!passing || attempt > fetcher.patience.attempts || (first?.wholeBytes ?? 0) <= got) throw error;
      await pauseBefore(attempt, fetcher.patience, fetcher.signal);
    }
  }
}

/** Whether a content is what its row says. A multipart ETag says nothing of the content, a row may have no size. */
export function fitsRow(facts: ContentFacts, row: Pick<SourceRow, "etag" | "rowBytes">): boolean {
  const md5 = md5OfEtag(row.etag);
  return (row.rowBytes === null || row.rowBytes === facts.bytes) && (md5 === undefined || md5 === facts.md5);
}

function patiently<T>(fetcher: Fetcher, work: () => Promise<T>): Promise<T> {
  const { attemptsIfLost = fetcher.patience.attempts } = fetcher.patience;
  return withRetries(
    fetcher.patience,
    work,
    (error, count) =>
      error instanceof StoreFailure &&
      error.answer.verdict === "again" &&
      (error.answer.code !== "InternalError" || count < attemptsIfLost),
    ({ error }) => error,
    fetcher.signal,
  );
}

function headersOf({ contentType, cacheControl }: Pick<OpenAnswer, "contentType" | "cacheControl">) {
  return { contentType: contentType ?? null, cacheControl: cacheControl ?? null };
}

function startHashes() {
  const sha256 = createHash("sha256");
  const md5 = createHash("md5");
  return {
    update(chunk: Uint8Array): void {
      sha256.update(chunk);
      md5.update(chunk);
    },
    digest: () => ({ sha256: sha256.digest("hex"), md5: md5.digest("hex") }),
  };
}
