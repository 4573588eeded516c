/** Keys of objects: those that a snapshot of the files needs. */
export interface Names extends Iterable<string> {
  has(key: string): boolean;
}

/** A snapshot of the files, and everything in the vault that it needs. */
export interface NamingSnapshot {
  readonly set: string;
  readonly tier: "daily" | "weekly" | "monthly";
  /** ISO 8601. */
  readonly snapshotAt: string;
  readonly names: Names;
}

/**
 * Sets of keys that have most of them in common, as those of a vault's snapshots do: each key is kept once, and a set takes a
 * bit for each. A hundred snapshots of a million objects are thirteen megabytes beside the keys, not five gigabytes.
 */
export class NameIndex {
  /** Of sets that this index has made. */
  readonly #bits = new WeakMap<Names, Uint8Array>();
  readonly #numbers = new Map<string, number>();
  readonly #keys: string[] = [];

  of(keys: Iterable<string>): Names {
    let bits = new Uint8Array(Math.ceil(this.#keys.length / 8) + 64);
    for (const key of keys) {
      const number = this.#numberOf(key);
      if (number >> 3 >= bits.length) bits = grown(bits, number >> 3);
      bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7));
    }
    return this.#names(bits);
  }

  /** All keys that any of these sets has, which this index has made. */
  union(some: readonly Names[]): Names {
    const all = new Uint8Array(Math.ceil(this.#keys.length / 8));
    for (const names of some)
      for (const [byte, bits] of (this.#bits.get(names) ?? []).entries())
        if (bits !== 0) all[byte] = (all[byte] ?? 0) | bits;
    return this.#names(all);
  }

  /** The place of a key in the order in which the index has met them; undefined: it never has. */
  find(key: string): number | undefined {
    return this.#numbers.get(key);
  }

  /** The same text as the index keeps, so that whoever keeps a key as well need not keep it twice. */
  kept(key: string): string {
    return this.#keys[this.#numberOf(key)] as string;
  }

  #numberOf(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#keys.length);
    return this.#keys.push(key) - 1;
  }

  #names(bits: Uint8Array): Names {
    const numbers = this.#numbers;
    const keys = this.#keys;
    const holds = (number: number): boolean => (((bits[number >> 3] ?? 0) >> (number & 7)) & 1) === 1;
    const made: Names = {
      has(key) {
        const number = numbers.get(key);
        return number !== undefined && holds(number);
      },
      *[Symbol.iterator]() {
        for (let byte = 0; byte < bits.length; byte++) {
          if (bits[byte] === 0) continue;
          for (let number = byte * 8; number < byte * 8 + 8; number++) if (holds(number)) yield keys[number] as string;
        }
      },
    };
    this.#bits.set(made, bits);
    return made;
  }
}

function grown(bits: Uint8Array<ArrayBuffer>, byte: number): Uint8Array<ArrayBuffer> {
  const more = new Uint8Array(Math.max(bits.length * 2, byte + 1));
  more.set(bits);
  return more;
}
