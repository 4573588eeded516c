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
