import { setTimeout as sleep } from "node:timers/promises";
import { StorageError } from "./answer.ts";
import type { Call } from "./call.ts";

/** What can be made to go wrong. Bytes are spoilt where a file is read, everything else at any request. */
export type FaultKind =
  /** 429 SlowDown, as when the database has no connection left. */
  | "slow-down"
  /** 500 InternalError. */
  | "internal-error"
  /** Nothing but half of the file arrives, and the answer says that this is all. */
  | "short-read"
  /** The connection is cut in the middle of the file, or before any answer. */
  | "reset"
  /** One byte is another. */
  | "corrupt"
  /** The answer takes its time: 50 ms before it begins, and as much between pieces of 64 KiB. */
  | "slow";

export interface Fault {
  readonly kind: FaultKind;
  /** Which requests; default: all. */
  readonly on?: (call: Call) => boolean;
  /** How many requests it meets; default: without end. */
  readonly times?: number;
}

/** @throws StorageError for the faults that are answers */
export async function beforeAnswer(kind: FaultKind | undefined): Promise<void> {
  if (kind === "slow-down") throw new StorageError(429, "SlowDown", "Too many connections issued to the database");
  if (kind === "internal-error") throw new StorageError(500, "InternalError", "Internal Server Error");
  if (kind === "slow") await sleep(50);
}

/** The bytes of a file as the fault leaves them; `bytes` is how many there are. */
export async function* spoilt(
  content: AsyncIterable<Buffer>,
  bytes: number,
  kind: FaultKind | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const half = Math.floor(bytes / 2);
  let sent = 0;
  for await (const chunk of content) {
    if (kind === "slow") await sleep(50);
    if (kind === "corrupt" && sent === 0 && chunk.length > 0) chunk[0] = (chunk[0] ?? 0) ^ 1;
    const most = kind === "short-read" || kind === "reset" ? half - sent : chunk.length;
    yield chunk.subarray(0, most);
    sent += chunk.length;
    if (sent > half && kind === "reset") throw new Error("cut by a fault");
    if (sent > half && kind === "short-read") return;
  }
}
