/** Hands chunks from many writers to one reader, at the reader's pace. */
export interface ChunkQueue extends AsyncIterable<Uint8Array> {
  /** Resolves when the reader is done with the chunks; rejects when it has left before. */
  push(...chunks: readonly Uint8Array[]): Promise<void>;
  end(): void;
}

export function openChunkQueue(): ChunkQueue {
  interface Waiting {
    readonly chunks: readonly Uint8Array[];
    readonly done: () => void;
    readonly fail: (error: unknown) => void;
  }
  const waiting: Waiting[] = [];
  let wake: (() => void) | undefined;
  let ended = false;
  let left = false;
  const leave = (): void => {
    left = true;
    for (const { fail } of waiting.splice(0)) fail(new Error("the reader has left"));
  };
  return {
    push: (...chunks) =>
      new Promise((done, fail) => {
        if (left) return fail(new Error("the reader has left"));
        waiting.push({ chunks, done, fail });
        wake?.();
      }),
    end() {
      ended = true;
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const next = waiting.shift();
          if (next !== undefined) {
            try {
              yield* next.chunks;
            } finally {
              next.done();
            }
          } else if (ended) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        leave();
      }
    },
  };
}
