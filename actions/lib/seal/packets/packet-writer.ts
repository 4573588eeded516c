import { type BlockOptions, blockBytes, blocks } from "./blocks.ts";

/** Packet types (RFC 9580, 5): what our bodies consist of and what may stand before or around them in others'. */
export const packetTag = {
  publicKeyEncryptedSessionKey: 1,
  symmetricKeyEncryptedSessionKey: 3,
  compressed: 8,
  marker: 10,
  literal: 11,
  sealed: 18,
  padding: 21,
} as const;

/** Room for the tag and the longest length (RFC 9580, 4.2.1: one and five octets). */
const headroom = 6;
/** A partial length is a power of two, and its one octet is 224 + the exponent (RFC 9580, 4.2.1.4). */
const partialLength = 224 + Math.log2(blockBytes);

/**
 * One packet of a body whose length is not known beforehand: partial lengths, then a definite last one. A source that
 * fails ends the packet without a last length, so that no reader can take it for whole.
 */
export async function* writePacket(
  tag: number,
  body: AsyncIterable<Uint8Array>,
  options: Pick<BlockOptions, "recycled"> = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array | undefined;
  let started = false;
  const framed = (block: Uint8Array, length: Uint8Array): Uint8Array => {
    const header = started ? length : [0xc0 | tag, ...length];
    started = true;
    block.set(header, headroom - header.length);
    return block.subarray(headroom - header.length);
  };
  for await (const block of blocks(body, { headroom, ...options })) {
    if (held !== undefined) yield framed(held, Uint8Array.of(partialLength));
    held = block;
  }
  const last = held ?? new Uint8Array(headroom);
  yield framed(last, definiteLength(last.length - headroom));
}

/** RFC 9580, 4.2.1.3: the five-octet form is right for every length. */
function definiteLength(bytes: number): Uint8Array {
  const length = Buffer.alloc(5, 0xff);
  length.writeUInt32BE(bytes, 1);
  return length;
}
