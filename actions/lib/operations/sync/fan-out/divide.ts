import type { FanOutPolicy } from "../../../config/policy/storage.ts";

/** Whatever can be copied: all that counts here is how much there is of it. */
export interface Load {
  readonly bytes: number;
}

/** How many runners a copy needs. 0 when there is nothing to copy. */
export function runnersFor(total: { readonly files: number; readonly bytes: number }, policy: FanOutPolicy): number {
  if (total.files === 0) return 0;
  const wanted = Math.max(total.files / policy.filesPerRunner, total.bytes / policy.bytesPerRunner);
  return Math.max(1, Math.min(Math.ceil(wanted), policy.mostRunners, total.files));
}

/**
 * Divides what is to be copied into parts of about equal bytes. Large files go one by one to whoever has least; small ones
 * follow in their order, so that neighbours stay together and travel in the same packs. Each part keeps the given order.
 *
 * @param parts at least 1
 * @param largeBytes from this size on a file travels alone, and need not stay with its neighbours
 * @returns `parts` lists of places in `loads`, ascending; some are empty when there are fewer files than parts
 */
export function divide(loads: readonly Load[], parts: number, largeBytes: number): number[][] {
  const divided = Array.from({ length: parts }, () => ({ places: [] as number[], bytes: 0 }));
  const give = (part: (typeof divided)[number], place: number): void => {
    part.places.push(place);
    part.bytes += weightOf(loads[place]);
  };
  const places = [...loads.keys()];
  const isLarge = (place: number): boolean => (loads[place]?.bytes ?? 0) >= largeBytes;
  const large = places.filter(isLarge).sort((a, b) => weightOf(loads[b]) - weightOf(loads[a]) || a - b);
  for (const place of large) {
    const least = divided.reduce((best, part) => (part.bytes < best.bytes ? part : best));
    give(least, place);
  }
  const share = loads.reduce((sum, load) => sum + weightOf(load), 0) / parts;
  let current = 0;
  for (const place of places) {
    if (isLarge(place)) continue;
    const half = weightOf(loads[place]) / 2;
    // A file goes where most of it fits; the last part takes what is left.
    while (current < parts - 1 && (divided[current]?.bytes ?? 0) + half > share) current++;
    const part = divided[current];
    if (part !== undefined) give(part, place);
  }
  return divided.map((part) => part.places.sort((a, b) => a - b));
}

/** An empty file still costs a request: without it, a million of them would all go to one part. */
function weightOf(load: Load | undefined): number {
  return (load?.bytes ?? 0) + 4096;
}
