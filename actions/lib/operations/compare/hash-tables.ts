import { randomInt } from "node:crypto";

/**
 * Tables of hashes in typed arrays, by open addressing: millions of entries without an object each. A 64-bit hash is two
 * numbers, its lower half and its upper half.
 */

const fullest = 0.75;
const smallest = 1 << 12;
/** Whoever writes the rows must not be able to choose keys that would all have one place. */
const seed = randomInt(0x7fff_ffff);

function homeOf(low: number, slots: number): number {
  const mixed = Math.imul(low ^ seed, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & (slots - 1);
}

/** A set of hashes. */
export class HashSet64 {
  #slots = new Int32Array(2 * smallest);
  #used = new Uint8Array(smallest);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(low: number, high: number): boolean {
    return this.#used[this.#find(low, high)] === 1;
  }

  add(low: number, high: number): void {
    const slot = this.#find(low, high);
    if (this.#used[slot] === 1) return;
    this.#slots[2 * slot] = low;
    this.#slots[2 * slot + 1] = high;
    this.#used[slot] = 1;
    this.#size += 1;
    if (this.#size > this.#used.length * fullest) this.#rebuild(2 * this.#used.length, () => true);
  }

  /** Keeps those alone that it says yes of. */
  retain(isWanted: (low: number, high: number) => boolean): void {
    this.#rebuild(this.#used.length, isWanted);
  }

  *[Symbol.iterator](): Generator<bigint, void, undefined> {
    for (let slot = 0; slot < this.#used.length; slot += 1) {
      if (this.#used[slot] === 1) yield hash64(this.#slots[2 * slot] as number, this.#slots[2 * slot + 1] as number);
    }
  }

  #find(low: number, high: number): number {
    const mask = this.#used.length - 1;
    let slot = homeOf(low, mask + 1);
    while (this.#used[slot] === 1 && (this.#slots[2 * slot] !== low || this.#slots[2 * slot + 1] !== high))
      slot = (slot + 1) & mask;
    return slot;
  }

  #rebuild(places: number, isWanted: (low: number, high: number) => boolean): void {
    const [slots, used] = [this.#slots, this.#used];
    this.#slots = new Int32Array(2 * places);
    this.#used = new Uint8Array(places);
    this.#size = 0;
    for (let slot = 0; slot < used.length; slot += 1) {
      const [low, high] = [slots[2 * slot] as number, slots[2 * slot + 1] as number];
      if (used[slot] === 1 && isWanted(low, high)) this.add(low, high);
    }
  }
}

export function hash64(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** What a row met that was taken: nothing, its equal, another row of its key. */
export const [metNone, metEqual, metOther] = [0, 1, 2];

const [free, goodSide, liveSide, countedSide] = [0, 1, 2, 3];
/** Of an entry: key and row, two halves each, page and relation of a live row. */
const words = 6;

/**
 * Rows that one side has had and the other has not, by key. Two rows of one key leave it when they meet, whatever comes of it: so
 * it stays small where both sides come in about the same order.
 */
export class UnmatchedRows {
  #entries = new Int32Array(words * smallest);
  #places = new Uint16Array(smallest);
  #sides = new Uint8Array(smallest);
  size = 0;
  /** The row that was met last: whether it was a live one, where that lies, and how many such rows it stands for. */
  readonly met = { isLive: false, relation: 0, page: 0, place: 0, many: 1 };

  /**
   * Takes a row of one side: its key, itself, and where it lies when it is live. After `metOther` neither of the two is kept; that
   * is so for a second row of one side, too, which a key that tells rows apart does not have.
   */
  take(
    isLive: boolean,
    low: number,
    high: number,
    rowLow: number,
    rowHigh: number,
    relation: number,
    page: number,
    place: number,
  ): number {
    const side = isLive ? liveSide : goodSide;
    const slot = this.#find(low, high);
    const base = words * slot;
    const found = this.#sides[slot];
    if (found !== free) {
      const entries = this.#entries;
      const equal = found !== side && entries[base + 2] === rowLow && entries[base + 3] === rowHigh;
      this.#tell(slot);
      this.#remove(slot);
      return equal ? metEqual : metOther;
    }
    const entries = this.#entries;
    entries[base] = low;
    entries[base + 1] = high;
    entries[base + 2] = rowLow;
    entries[base + 3] = rowHigh;
    entries[base + 4] = page;
    entries[base + 5] = relation;
    this.#occupy(slot, side, place);
    return metNone;
  }

  /**
   * Takes a row that is its own key: as often as one side has it, so often the other has to. What is left over is kept with its
   * number.
   */
  count(isLive: boolean, low: number, high: number): void {
    const slot = this.#find(low, high);
    const base = words * slot;
    if (this.#sides[slot] === free) {
      this.#entries.fill(0, base, base + words);
      this.#entries[base] = low;
      this.#entries[base + 1] = high;
      this.#occupy(slot, countedSide, 0);
    }
    // Growing may have moved it.
    const now = this.#find(low, high);
    const left = (this.#entries[words * now + 2] as number) + (isLive ? -1 : 1);
    this.#entries[words * now + 2] = left;
    if (left === 0) this.#remove(now);
  }

  /** All that is left, each told by `met`. */
  *[Symbol.iterator](): Generator<readonly [low: number, high: number], void, undefined> {
    for (let slot = 0; slot < this.#sides.length; slot += 1) {
      if (this.#sides[slot] === free) continue;
      this.#tell(slot);
      yield [this.#entries[words * slot] as number, this.#entries[words * slot + 1] as number];
    }
  }

  /** Keeps those entries alone whose key it says yes of. */
  retain(isWanted: (low: number, high: number) => boolean): void {
    this.#rebuild(this.#sides.length, isWanted);
  }

  #tell(slot: number): void {
    const base = words * slot;
    const counted = this.#sides[slot] === countedSide ? (this.#entries[base + 2] as number) : 0;
    this.met.isLive = this.#sides[slot] === liveSide || counted < 0;
    this.met.many = Math.abs(counted) || 1;
    this.met.page = this.#entries[base + 4] as number;
    this.met.relation = this.#entries[base + 5] as number;
    this.met.place = this.#places[slot] as number;
  }

  /** The entry of a key, or the free slot where it would be. */
  #find(low: number, high: number): number {
    const mask = this.#sides.length - 1;
    let slot = homeOf(low, mask + 1);
    while (
      this.#sides[slot] !== free &&
      (this.#entries[words * slot] !== low || this.#entries[words * slot + 1] !== high)
    )
      slot = (slot + 1) & mask;
    return slot;
  }

  #occupy(slot: number, side: number, place: number): void {
    this.#places[slot] = place;
    this.#sides[slot] = side;
    this.size += 1;
    if (this.size > this.#sides.length * fullest) this.#rebuild(this.#sides.length * 2, () => true);
  }

  /** Closes the gap: what stands behind it and would not be found any more moves into it. */
  #remove(slot: number): void {
    const mask = this.#sides.length - 1;
    let gap = slot;
    for (let next = (gap + 1) & mask; this.#sides[next] !== free; next = (next + 1) & mask) {
      const home = homeOf(this.#entries[words * next] as number, mask + 1);
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      this.#entries.copyWithin(words * gap, words * next, words * (next + 1));
      this.#places[gap] = this.#places[next] as number;
      this.#sides[gap] = this.#sides[next] as number;
      gap = next;
    }
    this.#sides[gap] = free;
    this.size -= 1;
  }

  #rebuild(slots: number, isWanted: (low: number, high: number) => boolean): void {
    const [entries, places, sides] = [this.#entries, this.#places, this.#sides];
    this.#entries = new Int32Array(words * slots);
    this.#places = new Uint16Array(slots);
    this.#sides = new Uint8Array(slots);
    this.size = 0;
    for (let slot = 0; slot < sides.length; slot += 1) {
      if (sides[slot] === free) continue;
      const entry = entries.subarray(words * slot, words * (slot + 1));
      const [low, high] = [entry[0] as number, entry[1] as number];
      if (!isWanted(low, high)) continue;
      const to = this.#find(low, high);
      this.#entries.set(entry, words * to);
      this.#occupy(to, sides[slot] as number, places[slot] as number);
    }
  }
}
