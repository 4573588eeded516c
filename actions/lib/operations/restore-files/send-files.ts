import { createHash, type Hash } from "node:crypto";
import { ConfigurationError, LifeboatError, OperationError } from "../../base/errors.ts";
import { Lanes, mapBounded } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import { failureOf } from "./file-failure.ts";
import { byObject, type OpenedFile, type SnapshotFile, type SnapshotFiles } from "./vault-snapshot.ts";

export interface SendTask {
  readonly snapshot: SnapshotFiles;
  readonly target: Pick<ProjectFiles, "put" | "putLarge">;
  readonly width: number;
  /** Told of each file that has arrived; awaited before the next of its object. */
  readonly sent: (file: SnapshotFile) => Promise<void>;
  readonly failed: (file: SnapshotFile, why: string) => void;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** Up to this size a file is sent in one request, from memory. */
export const inOneRequest = 16 * 1024 ** 2;
const heldBytes = 64 * 1024 ** 2;
const objectsAtOnce = 3;
/** So many failures in a row, of different files, are the endpoint's failure and not the files'. */
const enough = 25;

/**
 * Takes the files out of the vault, each object once, and sends them. What cannot be sent is told and does not stop the
 * rest; an endpoint that refuses everything does.
 *
 * @throws ConfigurationError from the endpoint: settings are wrong; OperationError `target-storage-down`
 */
export async function sendFiles(files: readonly SnapshotFile[], task: SendTask): Promise<void> {
  const { log, snapshot } = task;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const track = log.track("send files", { bytes, items: files.length });
  const lanes = new Lanes(task.width, heldBytes);
  const stop = new AbortController();
  const signal = task.signal === undefined ? stop.signal : AbortSignal.any([task.signal, stop.signal]);
  const sending = new Set<Promise<void>>();
  let inARow = 0;

  const attempt = async (file: SnapshotFile, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      inARow = 0;
      await task.sent(file);
    } catch (error) {
      if (signal.aborted) return;
      const refused = error instanceof LifeboatError && error.code === "incident-on";
      if (error instanceof ConfigurationError || refused) return stop.abort(error);
      const { why, next } = failureOf(error);
      task.failed(file, why);
      if (++inARow < enough) return;
      const last = `${enough} files in a row could not be sent, the last one because ${why}.`;
      stop.abort(
        new OperationError(
          "target-storage-down",
          last,
          next ?? "Run the same command again: it goes on where it stopped.",
        ),
      );
    } finally {
      track.advance({ items: 1, bytes: file.bytes });
    }
  };

  /** The first file goes alone: where it should not have gone, none follows. */
  const first = Promise.withResolvers<void>();
  let led = false;

  const send = async (opened: OpenedFile): Promise<void> => {
    if (led) {
      await first.promise;
      signal.throwIfAborted();
      await pass(opened);
      return;
    }
    led = true;
    try {
      await (await pass(opened)).arrived;
    } finally {
      first.resolve();
    }
  };

  /** A small file leaves its object as a whole, so that the object can be read on while it is on its way. */
  const pass = async ({ file, content }: OpenedFile): Promise<{ readonly arrived: Promise<void> }> => {
    const checked = unchanged(content, file);
    if (file.bytes > inOneRequest) {
      await attempt(file, async () => void (await task.target.putLarge(file, checked, partBytes(file.bytes), signal)));
      return { arrived: Promise.resolve() };
    }
    const leave = await lanes.enter(file.bytes);
    const whole = await gather(checked, file.bytes).catch((error: unknown) => {
      leave();
      if (!(error instanceof OperationError && error.code === "file-damaged")) throw error;
      task.failed(file, vaultFailure(error));
      return undefined;
    });
    if (whole === undefined) return { arrived: Promise.resolve() };
    const arrived: Promise<void> = attempt(file, async () => {
      const eTag = await task.target.put(file, whole, signal);
      assertArrived(eTag, whole);
    }).finally(() => {
      leave();
      sending.delete(arrived);
    });
    sending.add(arrived);
    return { arrived };
  };

  try {
    await mapBounded(byObject(files), objectsAtOnce, async (together) => {
      const left = new Set(together);
      try {
        for await (const opened of snapshot.open(together, signal)) {
          signal.throwIfAborted();
          await send(opened);
          left.delete(opened.file);
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ConfigurationError) throw error;
        // The object is lost or damaged: its files are, the others go on.
        for (const file of left) task.failed(file, vaultFailure(error));
      }
    });
    await Promise.all(sending);
    signal.throwIfAborted();
    track.end("done");
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(sending);
    track.end("failed");
    throw stop.signal.reason ?? error;
  }
}

function vaultFailure(error: unknown): string {
  return `it could not be taken out of the vault: ${failureOf(error).why}`;
}

/** 16 MiB, or more where 10,000 parts would not do. */
function partBytes(bytes: number): number {
  return Math.max(inOneRequest, Math.ceil(bytes / 10_000));
}

/** The same chunks; ends with an error instead of well when they are not what the snapshot lists. */
async function* unchanged(content: AsyncIterable<Uint8Array>, { bytes, sha256 }: SnapshotFile) {
  const hash: Hash = createHash("sha256");
  let seen = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    seen += chunk.length;
    yield chunk;
  }
  if (seen !== bytes || hash.digest("hex") !== sha256)
    throw new OperationError("file-damaged", "its bytes are not those that the snapshot lists");
}

async function gather(content: AsyncIterable<Uint8Array>, bytes: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  for await (const chunk of content) {
    if (filled + chunk.length > bytes)
      throw new OperationError("file-damaged", "its bytes are not those that the snapshot lists");
    whole.set(chunk, filled);
    filled += chunk.length;
  }
  return whole;
}

/** Supabase checks no checksum (observed): the ETag of a file that was sent in one piece is the MD5 of what arrived. */
function assertArrived(eTag: string, content: Uint8Array): void {
  const plain = /^"?([0-9a-f]{32})"?$/.exec(eTag)?.[1];
  if (plain === undefined || plain === createHash("md5").update(content).digest("hex")) return;
  throw new OperationError("file-changed-on-its-way", "what arrived is not what was sent");
}
