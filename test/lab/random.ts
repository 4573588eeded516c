/** Mulberry32: small, and the same everywhere. @returns numbers from 0 to 1 */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const between = (random: () => number, low: number, high: number): number => low + random() * (high - low);

/** Twenty lower-case letters, as Supabase's refs are. */
export const refFrom = (random: () => number): string =>
  Array.from({ length: 20 }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join("");

export const hexFrom = (random: () => number, length: number): string =>
  Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join("");
