/** A share of the process's memory for stored parts, divided among all transfers of a vault. */
export interface PartMemory {
  /** A transfer joins; it may always hold one buffer, and more while the budget lasts. */
  join(): Shareholder;
}

export interface Shareholder {
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

/** @param budget bytes */
export function openPartMemory(budget: number): PartMemory {
  let used = 0;
  const holders = new Set<Holder>();
  const waiting = new Set<Wait>();
  // Buffers are reused: freshly allocated ones of this size come and go faster than they are collected.
  let spare: Buffer[] = [];

  const promised = () => [...holders].reduce((sum, { held, own }) => sum + Math.max(held, own), 0);
  const mayHave = ({ holder, bytes }: Wait) => holder.held === 0 || promised() + bytes <= budget;
  const claim = (wait: Wait) => {
    used += wait.bytes;
    wait.holder.held += wait.bytes;
    const found = spare.findIndex((buffer) => buffer.byteLength === wait.bytes);
    return found < 0 ? Buffer.allocUnsafeSlow(wait.bytes) : (spare.splice(found, 1)[0] ?? Buffer.alloc(wait.bytes));
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
          used -= buffer.byteLength;
          holder.held -= buffer.byteLength;
          spare.push(buffer);
          while (spare.length > 0 && used + spare.reduce((sum, { byteLength }) => sum + byteLength, 0) > budget)
            spare.shift();
          wake();
        },
        [Symbol.dispose]() {
          holders.delete(holder);
          if (holders.size === 0) spare = [];
          wake();
        },
      };
    },
  };
}
