import type { ByteReader } from "./byte-reader.ts";
import { damage } from "./damage.ts";

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
