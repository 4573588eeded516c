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
