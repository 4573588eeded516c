/** A share of the process's memory for stored parts, divided among all transfers of a vault. */
export interface PartMemory {
  /** A transfer joins; it may always hold one buffer, and more while the budget lasts. */
  join(): Shareholder;
}

interface Shareholder {
  /** A buffer of exactly `bytes` bytes with old content, as soon as one may be had. */
  take(bytes: number, signal?: AbortSignal): Promise<Buffer>;
  give(buffer: Buffer): void;
  [Symbol.dispose](): void;
}

interface Holder {
  held: number;
  /** Bytes of the one buffer that is always kept free for it. */
  own: number;
}

interface Wait {
  readonly holder: Holder;
  readonly bytes: number;
  readonly grant: () => void;
}

/** Takes the smallest of the spare buffers that is large enough; parts that end an object are of any size. */
function fitting(spare: Buffer[], bytes: number): Buffer | undefined {
  let best = -1;
  for (const [index, { byteLength }] of spare.entries()) {
    if (byteLength >= bytes && (best < 0 || byteLength < (spare[best]?.byteLength ?? 0))) best = index;
  }
  return best < 0 ? undefined : spare.splice(best, 1)[0];
}

/** @param budget bytes */
export function openPartMemory(budget: number): PartMemory {
  let used = 0;
  const holders = new Set<Holder>();
  const waiting = new Set<Wait>();
  // Whole buffers, used again as long as the vault is open: new ones of this size come faster than old ones are collected.
  const spare: Buffer[] = [];

  const promised = () => [...holders].reduce((sum, { held, own }) => sum + Math.max(held, own), 0);
  const mayHave = ({ holder, bytes }: Wait) => holder.held === 0 || promised() + bytes <= budget;
  const claim = (wait: Wait) => {
    const whole = fitting(spare, wait.bytes) ?? Buffer.allocUnsafeSlow(wait.bytes);
    used += whole.byteLength;
    wait.holder.held += whole.byteLength;
    trim();
    return whole.byteLength === wait.bytes ? whole : whole.subarray(0, wait.bytes);
  };
  const trim = () => {
    while (spare.length > 0 && used + spare.reduce((sum, { byteLength }) => sum + byteLength, 0) > budget)
      spare.shift();
  };
  const wake = () => {
    for (const wait of waiting) if (mayHave(wait)) wait.grant();
  };

  return {
    join() {
      const holder: Holder = { held: 0, own: 0 };
      holders.add(holder);
      return {
        take(bytes, signal) {
          return new Promise((resolve, reject) => {
            if (signal?.aborted) return reject(signal.reason);
            holder.own = bytes;
            const onAbort = () => {
              waiting.delete(wait);
              reject(signal?.reason);
            };
            const grant = () => {
              waiting.delete(wait);
              signal?.removeEventListener("abort", onAbort);
              resolve(claim(wait));
            };
            const wait: Wait = { holder, bytes, grant };
            if (mayHave(wait)) return grant();
            waiting.add(wait);
            signal?.addEventListener("abort", onAbort, { once: true });
          });
        },
        give(buffer) {
          const whole = buffer.byteLength === buffer.buffer.byteLength ? buffer : Buffer.from(buffer.buffer);
          used -= whole.byteLength;
          holder.held -= whole.byteLength;
          spare.push(whole);
          trim();
          wake();
        },
        [Symbol.dispose]() {
          holders.delete(holder);
          wake();
        },
      };
    },
  };
}
