/** Bytes that are all there, as a source. */
export async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** Everything that comes, joined. The chunks are copied at once, as their source may use its memory again. */
export async function wholeOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** The same chunks, each told by its length as it passes. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    onBytes?.(chunk.length);
    yield chunk;
  }
}

/**
 * The same chunks, but the next one is asked for while the reader is busy with the one before: a source that has work of its
 * own goes on meanwhile. The source's chunks have to stay valid until the next but one is asked for.
 */
export async function* readAhead(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = source[Symbol.asyncIterator]();
  const ask = (): Promise<IteratorResult<Uint8Array>> => {
    const asked = chunks.next();
    asked.catch(() => {}); // the reader hears of it when it comes for the chunk, if it ever does
    return asked;
  };
  try {
    let next = ask();
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      next = ask();
      yield value;
    }
  } finally {
    await chunks.return?.();
  }
}

/** The same chunks, so long as they are not more than they may be: then what `tooMany` makes is thrown. */
export async function* atMost(
  source: AsyncIterable<Uint8Array>,
  most: number,
  tooMany: () => Error,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > most) throw tooMany();
    yield chunk;
  }
}

/**
 * The lines of a text in UTF-8 without their ends, empty ones left out.
 * @param longest characters; a longer line is what `endless` says, and thrown
 */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  longest: number,
  endless: () => Error,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  for await (const chunk of source) {
    text += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      if (end > from) yield text.slice(from, end);
      from = end + 1;
    }
    text = text.slice(from);
    if (text.length > longest) throw endless();
  }
  text += decoder.decode();
  if (text !== "") yield text;
}

/** The same stream, which ends only when `check` is content: what it refuses is never stored. */
export async function* heldBack(
  source: AsyncIterable<Uint8Array>,
  check: () => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* source;
  await check();
}

/**
 * The chunks of `source` until the signal says stop, also while the source itself is silent: a dump that waits for a lock
 * must not keep a failed upload waiting.
 * @throws the signal's reason
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  // Not `Promise.race` with one promise for all: that one would keep every chunk it ever raced against.
  let stop: (() => void) | undefined;
  const onAbort = () => stop?.();
  signal.addEventListener("abort", onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        stop = () => reject(signal.reason);
        iterator.next().then(resolve, reject);
      });
      if (next.done) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: a generator that is still busy answers only when it is done.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
