import { OperationError } from "../../base/errors.ts";
import { type BlockOptions, type ByteReader, blockBytes, blocks } from "./blocks.ts";

const restoreAnother =
  "Fetch it again; if it stays so, the stored object is damaged: use another set, and `lifeboat verify` to see which are whole.";

/** The ways in which something sealed does not open. Each is final: what was handed on before must be thrown away. */
export const damage = {
  empty: (): OperationError =>
    new OperationError("sealed-empty", "The sealed artifact has no bytes at all.", restoreAnother),
  truncated: (where: string): OperationError =>
    new OperationError("sealed-truncated", `The sealed artifact ends too early: ${where}.`, restoreAnother),
  modified: (): OperationError =>
    new OperationError(
      "sealed-modified",
      "The sealed artifact was changed after it was sealed: its integrity check fails.",
      restoreAnother,
    ),
  wrongKey: (): OperationError =>
    new OperationError(
      "sealed-with-another-key",
      "The session key does not open the artifact (or its first bytes are damaged).",
      "Check that keys.pgp and the artifact belong to the same set.",
    ),
  trailing: (where: string): OperationError =>
    new OperationError("sealed-trailing-bytes", `The sealed artifact goes on after its end: ${where}.`, restoreAnother),
  foreign: (what: string): OperationError =>
    new OperationError("sealed-unreadable", `The artifact is not in the sealed form: ${what}.`, restoreAnother),
  compression: (what: string, cause?: unknown): OperationError =>
    new OperationError("compressed-damaged", `The compressed data is damaged: ${what}.`, restoreAnother, cause),
};

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

/** Bytes of the next stretch of a body; "rest": as far as the source goes (old form without a length). */
interface Stretch {
  readonly bytes: number | "rest";
  /** Another stretch follows. */
  readonly partial: boolean;
}

export interface PacketHeader {
  readonly tag: number;
  readonly first: Stretch;
}

/**
 * The header of the next packet (RFC 9580, 4.2: both forms); undefined when the source has ended.
 *
 * @throws OperationError `sealed-truncated`, `sealed-unreadable`
 */
export async function readPacketHeader(reader: ByteReader): Promise<PacketHeader | undefined> {
  const lead = await reader.byte();
  if (lead === undefined) return undefined;
  if ((lead & 0x80) === 0) throw damage.foreign("a packet's first bit is missing");
  if ((lead & 0x40) !== 0) return { tag: lead & 0x3f, first: await readLength(reader) };
  const octets = 2 ** (lead & 0x03);
  const bytes = octets === 8 ? "rest" : bigEndian(await exactly(reader, octets));
  return { tag: (lead >> 2) & 0x0f, first: { bytes, partial: false } };
}

/** The body of the packet whose header has just been read. Throws `sealed-truncated` when the source ends within. */
export async function* packetBody(
  reader: ByteReader,
  header: PacketHeader,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let stretch = header.first; ; stretch = await readLength(reader)) {
    for (let left = stretch.bytes === "rest" ? Number.POSITIVE_INFINITY : stretch.bytes; left > 0; ) {
      const piece = await reader.some(left);
      if (piece === undefined && stretch.bytes === "rest") return;
      if (piece === undefined) throw damage.truncated("a packet is not complete");
      left -= piece.length;
      yield piece;
    }
    if (!stretch.partial) return;
  }
}

async function readLength(reader: ByteReader): Promise<Stretch> {
  const lead = (await exactly(reader, 1))[0] ?? 0;
  if (lead < 192) return { bytes: lead, partial: false };
  if (lead < 224) return { bytes: ((lead - 192) << 8) + bigEndian(await exactly(reader, 1)) + 192, partial: false };
  if (lead < 255) return { bytes: 2 ** (lead & 0x1f), partial: true };
  return { bytes: bigEndian(await exactly(reader, 4)), partial: false };
}

async function exactly(reader: ByteReader, count: number): Promise<Uint8Array> {
  const bytes = await reader.upTo(count);
  if (bytes.length < count) throw damage.truncated("a packet's length is not complete");
  return bytes;
}

function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
