import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "minor" }) => void;
let collect: Collect | undefined;

/**
 * Takes the collection of buffers into our own hands. A run moves gigabytes through buffers that live for a moment but lie
 * outside of V8's heap: too few objects to make V8 collect the young ones, but so many bytes that it marks the whole heap,
 * step by step and all the time (measured: a quarter of a restore's CPU time). Now `bufferUsed` lets go of the young
 * ones every 8 MiB, which takes a millisecond, and what is left to V8 is done in one go.
 */
export function collectInOneGo(): void {
  setFlagsFromString("--no-incremental-marking");
  setFlagsFromString("--expose-gc");
  const exposed: unknown = runInNewContext("gc");
  if (typeof exposed === "function") collect = exposed as Collect;
}

const enough = 8 * 1024 * 1024;
let used = 0;

/**
 * To be told of the buffers that were used for a moment. Does nothing before `collectInOneGo`, e.g. in tests.
 * @param bytes since the last call
 */
export function bufferUsed(bytes: number): void {
  used += bytes;
  if (used < enough) return;
  used = 0;
  collect?.({ type: "minor" });
}
