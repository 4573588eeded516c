import { setFlagsFromString } from "node:v8";

/**
 * Tells V8 to collect in one go. A run moves gigabytes through buffers outside of V8's heap, and V8 takes their turnover
 * for a reason to mark its (small) heap step by step, all the time. Steps spare a user interface its pauses; here they only
 * cost: measured, 17 % of the CPU time of sealing, uploading and reading back. Whole collections take 10 ms each.
 */
export function collectInOneGo(): void {
  setFlagsFromString("--no-incremental-marking");
}
