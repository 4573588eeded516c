import { OperationError } from "../../../base/errors.ts";
import type { Track } from "../../../base/log.ts";
import type { StoragePolicy } from "../../../config/policy/storage.ts";
import type { SourceRow } from "../../../storage/rows.ts";
import { type FileEntry, fileEntrySchema, type StoredObject } from "../../../vault/format/snapshot-manifest.ts";
import { type ContentFacts, type Fetcher, fetchWhole, streamFile } from "../source/fetch-file.ts";
import { assertGivesFiles, type LookUp, type Read, readJudged, type Suspect } from "../source/judge.ts";
import type { Tally } from "../source/tally.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { entryOf, openPackWriter } from "../store/pack-writer.ts";

/** A file to be copied. What comes of it is told once: to `onStored` of the copier, or here. */
export interface CopyTask {
  readonly row: SourceRow;
  /** The last snapshot says that its file is lost: nobody expects to find it. */
  readonly wasLost?: boolean;
  /**
   * It is not to be had: with an entry that says so, or without one when it vanished.
   * @returns what the finding has to say of a copy that the vault had before
   */
  readonly onMissing: (entry: FileEntry | undefined) => Promise<string | undefined>;
  /** It is in the vault. */
  readonly onStored: (entry: FileEntry) => Promise<void>;
}

export interface CopierOptions {
  readonly fetcher: Fetcher;
  readonly store: ObjectStore;
  readonly policy: StoragePolicy;
  readonly lookUp: LookUp;
  readonly tally: Tally;
  readonly track: Track;
  /** Called once a stored object, before the tasks hear of it. */
  readonly onObject: (object: StoredObject, entries: readonly FileEntry[]) => Promise<void>;
  /** The run is over: nothing more can be stored. */
  readonly onFailure: (error: unknown) => void;
}

/** How often a file that answers InternalError is asked for: at first; and when others could be read. */
const attemptsAtFirst = 2;
const attemptsAgain = { few: 5, many: 2, fewIs: 50 };
/** Contents of small files in memory at a time. */
const smallBytesHeld = 32 * 1024 * 1024;
/** Large files on their way at a time: each holds parts of an upload. */
const largeAtOnce = 3;

/**
 * Copies files as they come, many at a time: small ones into packs, large ones alone. Those that cannot be read are tried
 * again at the end, when it is known that others could.
 *
 * @throws OperationError `source-unavailable` when most files cannot be read; `egress-budget`, `file-unsteady`; and what
 * the vault throws
 */
export async function copyFiles(tasks: AsyncIterable<CopyTask>, options: CopierOptions): Promise<void> {
  const { fetcher, store, policy, lookUp, tally, track } = options;
  const memory = openByteBudget(smallBytesHeld);
  const large = openByteBudget(largeAtOnce);
  const waiting = new Map<string, CopyTask>();
  const suspects: (Suspect & { readonly task: CopyTask })[] = [];
  let readable = 0;
  /** One that could be read: asked for again when it has to be known whether the endpoint still gives files. */
  let control: SourceRow | undefined;
  let attemptsIfLost = attemptsAtFirst;
  const asking = ({ wasLost }: CopyTask): Fetcher => ({
    ...fetcher,
    patience: { ...fetcher.patience, attemptsIfLost: wasLost === true ? 1 : attemptsIfLost },
  });
  const keyOf = (file: Pick<SourceRow, "bucket" | "name">): string => `${file.bucket}/${file.name}`;

  const packs = openPackWriter({
    store,
    packBytes: policy.packBytes,
    onFailure: options.onFailure,
    async onStored(object, entries) {
      await options.onObject(object, entries);
      for (const entry of entries) {
        const task = waiting.get(keyOf(entry));
        waiting.delete(keyOf(entry));
        await task?.onStored(entry);
      }
    },
  });

  const done = (facts: ContentFacts): void => {
    readable++;
    track.advance({ items: 1, bytes: facts.bytes });
  };
  const copySmall = async (task: CopyTask): Promise<boolean> => {
    const held = Math.min(policy.smallFileBytes, task.row.rowBytes ?? policy.smallFileBytes);
    await memory.take(held);
    try {
      const read = async (row: SourceRow): Promise<Read<Buffer>> => ({
        ...(await fetchWhole(asking(task), row, policy.smallFileBytes)),
        discard() {},
      });
      const verdict = await readJudged(task.row, read, lookUp, tally);
      if (verdict.kind === "large") return await copyLarge({ ...task, row: verdict.row });
      if (verdict.kind === "unreadable") return suspect({ ...task, row: verdict.row }, verdict.code);
      if (verdict.kind === "vanished") return await missing(task);
      const { content, facts } = verdict.read;
      control = verdict.row;
      waiting.set(keyOf(task.row), task);
      await packs.add({ row: verdict.row, content, facts });
      done(facts);
      return true;
    } finally {
      memory.give(held);
    }
  };
  const copyLarge = async (task: CopyTask): Promise<boolean> => {
    await large.take(1);
    try {
      const read = async (row: SourceRow): Promise<Read<StoredObject>> => {
        let facts: ContentFacts | undefined;
        const object = await store.file(streamFile(asking(task), row, (found) => (facts = found)));
        if (facts === undefined) throw new OperationError("file-unsteady", "A file ended before its end.");
        return { facts, content: object, discard: () => store.discount(object) };
      };
      const verdict = await readJudged(task.row, read, lookUp, tally);
      if (verdict.kind === "unreadable") return suspect({ ...task, row: verdict.row }, verdict.code);
      if (verdict.kind !== "read") return await missing(task);
      const { content, facts } = verdict.read;
      const entry = entryOf(verdict.row, facts, content.key, null);
      await options.onObject({ ...content, files: 1, fileBytes: facts.bytes }, [entry]);
      await task.onStored(entry);
      done(facts);
      return true;
    } finally {
      large.give(1);
    }
  };
  const missing = async (task: CopyTask): Promise<boolean> => {
    await task.onMissing(undefined);
    track.advance({ items: 1 });
    return false;
  };
  const suspect = (task: CopyTask, code: string): boolean => {
    suspects.push({ task, code });
    return false;
  };
  const copy = async (task: CopyTask): Promise<void> => {
    fetcher.signal.throwIfAborted();
    tally.beforeReading(task.row.rowBytes ?? 0);
    const small = task.row.rowBytes === null || task.row.rowBytes < policy.smallFileBytes;
    await (small ? copySmall(task) : copyLarge(task));
  };

  await inParallel(tasks, policy.concurrency, copy);
  const again = suspects.filter(({ task }) => task.wasLost !== true);
  if (again.length > 0) {
    suspects.splice(0, suspects.length, ...suspects.filter(({ task }) => task.wasLost === true));
    attemptsIfLost = again.length <= attemptsAgain.fewIs ? attemptsAgain.few : attemptsAgain.many;
    await inParallel(each(again.map(({ task }) => task)), policy.concurrency, copy);
    await assertGivesFiles(fetcher, { control, readable, suspects, policy });
  }
  for (const { task, code } of suspects) {
    const uncarried = code === "InvalidKey";
    const kind = uncarried ? "uncarried-key" : "lost";
    const why = uncarried ? "the endpoint does not take this name" : "there is a row and no file";
    const lost = fileEntrySchema.parse({ ...task.row, object: null, entry: null, state: "lost" });
    const copy = await task.onMissing(lost);
    tally.find(kind, task.row, `${why} (${code})${copy === undefined ? "" : `; ${copy}`}`);
    track.advance({ items: 1 });
  }
  await packs.finish();
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* items;
}

/** The first error ends it; what is under way then is awaited. */
async function inParallel<T>(items: AsyncIterable<T>, width: number, work: (item: T) => Promise<void>): Promise<void> {
  const source = items[Symbol.asyncIterator]();
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (failure === undefined) {
      try {
        const next = await source.next();
        if (next.done === true) return;
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  if (failure === undefined) return;
  await source.return?.().then(
    () => {},
    () => {},
  );
  throw failure.error;
}

/** Bounds how many bytes are in memory at a time; who comes first is served first. */
export interface ByteBudget {
  /** Waits until so many more may be held. More than the whole budget is let through alone. */
  take(bytes: number): Promise<void>;
  give(bytes: number): void;
}

export function openByteBudget(total: number): ByteBudget {
  let held = 0;
  const waiting: { readonly bytes: number; readonly go: () => void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (held > 0 && held + next.bytes > total) return;
      waiting.shift();
      held += next.bytes;
      next.go();
    }
  };
  return {
    take: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, go: resolve });
        admit();
      }),
    give(bytes) {
      held -= bytes;
      admit();
    },
  };
}
