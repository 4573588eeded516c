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

interface Wait {
  readonly holder: { held: number };
  readonly bytes: number;
  readonly grant: () => void;
}

/** @param budget bytes */
export function openPartMemory(budget: number): PartMemory {
  let used = 0;
  let holders = 0;
  const waiting = new Set<Wait>();
  // Buffers are reused: freshly allocated ones of this size come and go faster than they are collected.
  let spare: Buffer[] = [];

  const mayHave = (wait: Wait) => wait.holder.held === 0 || used + wait.bytes <= budget;
  const claim = (wait: Wait) => {
    used += wait.bytes;
    wait.holder.held += wait.bytes;
    const found = spare.findIndex((buffer) => buffer.byteLength === wait.bytes);
    return found < 0 ? Buffer.allocUnsafeSlow(wait.bytes) : (spare.splice(found, 1)[0] ?? Buffer.alloc(wait.bytes));
  };

  return {
    join() {
      const holder = { held: 0 };
      holders++;
      return {
        take(bytes, signal) {
          return new Promise((resolve, reject) => {
            if (signal?.aborted) return reject(signal.reason);
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
          for (const wait of waiting) if (mayHave(wait)) wait.grant();
        },
        [Symbol.dispose]() {
          if (--holders === 0) spare = [];
        },
      };
    },
  };
}
