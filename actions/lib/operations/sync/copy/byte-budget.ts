/** Bounds how many bytes are in memory at a time; who comes first is served first. */
export interface ByteBudget {
  /** Waits until so many more may be held. More than the whole budget is let through alone. */
  take(bytes: number): Promise<void>;
  give(bytes: number): void;
}

export function openByteBudget(total: number): ByteBudget {
  let held = 0;
  const waiting: { readonly bytes: number; readonly go: () => void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (held > 0 && held + next.bytes > total) return;
      waiting.shift();
      held += next.bytes;
      next.go();
    }
  };
  return {
    take: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, go: resolve });
        admit();
      }),
    give(bytes) {
      held -= bytes;
      admit();
    },
  };
}
