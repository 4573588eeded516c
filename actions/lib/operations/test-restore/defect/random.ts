import { createHash, randomBytes } from "node:crypto";

/** 8 hex digits: `--seed` repeats a choice that was made with them. */
export const seedPattern = /^[0-9a-f]{8}$/;

export function newSeed(): string {
  return randomBytes(4).toString("hex");
}

/** Numbers that follow from a seed: equal seeds choose equally on every machine. */
export class SeededChoice {
  readonly #seed: string;
  #drawn = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    const digest = createHash("sha256")
      .update(`${this.#seed} ${this.#drawn++}`)
      .digest();
    return Number(digest.readBigUInt64BE(0) % BigInt(Math.max(1, count)));
  }

  /** The same things in an order that the seed decides. */
  shuffled<T>(things: readonly T[]): T[] {
    const left = [...things];
    const order: T[] = [];
    while (left.length > 0) order.push(...left.splice(this.below(left.length), 1));
    return order;
  }
}
