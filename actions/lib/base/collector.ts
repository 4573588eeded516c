import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "minor" | "major" }) => void;
let collect: Collect | undefined;

/**
 * Takes the collection of buffers into our own hands. A run moves gigabytes through buffers that live for a moment but lie
 * outside of V8's heap: too few objects to make V8 collect the young ones, but so many bytes that it marks the whole heap,
 * step by step and all the time (measured: a quarter of a restore's CPU time). Now `bufferUsed` lets go of the young
 * ones every 8 MiB, which takes a millisecond, and what is left to V8 is done in one go.
 */
export function collectInOneGo(): void {
  setFlagsFromString("--no-incremental-marking");
  // New objects begin in two halves of 1 MB, which would grow to 32 MB each as soon as a catalogue is read.
  setFlagsFromString("--semi-space-growth-factor=1");
  // Code that was not called for a while would be forgotten: compiled again when the run comes to its end, and missing from
  // the compile cache of the next run, which is written then.
  setFlagsFromString("--no-flush-bytecode");
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
  heapUsed();
}

/** Of what was in use after the last collection: so much more, and so many bytes, may be in use before the next one. */
const growth = { share: 0.25, bytes: 24 * 1024 * 1024 };
let inUse = 0;

/**
 * To be told when much of the heap was used for a moment, e.g. a catalogue read: V8 lets the heap grow to several times
 * what is in use before it looks again, which with thousands of tables is hundreds of megabytes. Does nothing before
 * `collectInOneGo`.
 */
export function heapUsed(): void {
  if (collect === undefined) return;
  if (getHeapStatistics().used_heap_size < inUse * (1 + growth.share) + growth.bytes) return;
  collect({ type: "major" });
  inUse = getHeapStatistics().used_heap_size;
}
