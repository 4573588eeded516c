/**
 * Which texts have been seen, by 64 bits of each: millions of them in little memory. Two of twenty million different ones are
 * taken for one with a probability of one in a hundred thousand.
 */
export class StateSet {
  size = 0;
  #slots = new BigUint64Array(1 << 16);

  /** @returns whether it is new */
  add(text: string): boolean {
    if (this.size * 2 > this.#slots.length) this.#grow();
    const added = this.#put(hashOf(text));
    if (added) this.size++;
    return added;
  }

  #put(hash: bigint): boolean {
    const mask = this.#slots.length - 1;
    let at = Number(hash & BigInt(mask));
    for (let there = this.#slots[at]; there !== 0n; there = this.#slots[at]) {
      if (there === hash) return false;
      at = (at + 1) & mask;
    }
    this.#slots[at] = hash;
    return true;
  }

  #grow(): void {
    const former = this.#slots;
    this.#slots = new BigUint64Array(former.length * 2);
    for (const hash of former) if (hash !== 0n) this.#put(hash);
  }
}

/** Never 0, which is an empty slot. */
function hashOf(text: string): bigint {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
    high ^= high >>> 15;
  }
  low ^= low >>> 16;
  high = Math.imul(high ^ (low << 3), 0xc2b2ae35);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0) || 1n;
}
