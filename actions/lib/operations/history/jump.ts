import type { Step } from "./read-table.ts";

/** What stands out of a history. */
export interface Jump {
  /** The first set that has it. */
  readonly set: string;
  /** The last one before it. */
  readonly before: { readonly set: string; readonly snapshotAt: string };
  readonly how: "gone" | "lost" | "altered";
  /** Rows that are gone, or about how many were changed. */
  readonly rows: number;
  readonly sure: "exact" | "about" | "at-least";
}

/** Fewer are no jump, whatever is usual. */
const leastRows = 20;
/** So many times what is usual. */
const outstanding = 3;

/**
 * The largest change at once, where it stands out: three times as many rows as the median of the others. Growth is none. Pure.
 * @param steps oldest first
 */
export function largestJump(steps: readonly Step[]): Jump | null {
  const sizes = steps.map(sizeOf);
  let largest = -1;
  for (const [place, size] of sizes.entries()) if (size >= Math.max(1, sizes[largest] ?? 0)) largest = place;
  const step = steps[largest];
  const size = sizes[largest] ?? 0;
  if (step?.change === undefined || step.change === null) return null;
  const { before: was, now, changed } = step.change;
  const others = sizes.filter((_, place) => place !== largest && steps[place]?.change !== null).sort((a, b) => a - b);
  const median = others[Math.floor(others.length / 2)] ?? 0;
  if (now !== null && (size < leastRows || size < outstanding * median)) return null;
  const earlier = steps.slice(0, largest).findLast(({ problem }) => problem === null)?.manifest;
  if (earlier === undefined) return null;
  const lost = (was ?? 0) - (now ?? 0);
  const how = now === null ? "gone" : lost >= size ? "lost" : "altered";
  const { set, snapshotAt } = earlier;
  return {
    ...{ set: step.manifest.set, before: { set, snapshotAt }, how, rows: size },
    sure: how === "altered" ? changed.sure : "exact",
  };
}

function sizeOf({ change }: Step): number {
  if (change === null || change.before === null) return 0;
  return Math.max(change.altered, change.before - (change.now ?? 0));
}
