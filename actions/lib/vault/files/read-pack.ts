import { OperationError } from "../../base/errors.ts";
import { ByteReader } from "../../seal/packets/blocks.ts";

/** One file of a pack. */
export interface PackedFile {
  /** Its entry: a number, as the list has it. */
  readonly name: string;
  readonly bytes: number;
  /** To be read before the next file is asked for; what is left unread by then is passed over. */
  readonly content: AsyncIterable<Uint8Array>;
}

const blockBytes = 512;

/**
 * The files of a pack, in order: an ordinary tar of plain files (POSIX ustar). It is read to its end, where the seal is
 * checked, unless the reader leaves earlier.
 *
 * @param plain the pack, opened and decompressed
 * @throws OperationError `pack-damaged`; and what the source throws
 */
export async function* readPack(plain: AsyncIterable<Uint8Array>): AsyncGenerator<PackedFile, void, undefined> {
  const reader = new ByteReader(plain);
  try {
    for (;;) {
      const header = Buffer.from(await reader.upTo(blockBytes));
      if (header.length < blockBytes) throw damaged("it ends too early");
      if (header.every((byte) => byte === 0)) break;
      const { name, bytes } = readHeader(header);
      const left = { bytes };
      yield { name, bytes, content: contentOf(reader, left) };
      for await (const _ of contentOf(reader, left));
      const padding = (blockBytes - (bytes % blockBytes)) % blockBytes;
      if ((await reader.upTo(padding)).length < padding) throw damaged("it ends too early");
    }
    while ((await reader.some(Number.POSITIVE_INFINITY)) !== undefined);
  } finally {
    await reader.close();
  }
}

async function* contentOf(reader: ByteReader, left: { bytes: number }): AsyncGenerator<Uint8Array, void, undefined> {
  while (left.bytes > 0) {
    const piece = await reader.some(left.bytes);
    if (piece === undefined) throw damaged("it ends too early");
    left.bytes -= piece.length;
    yield piece;
  }
}

function readHeader(header: Buffer): { name: string; bytes: number } {
  const text = (from: number, length: number): string =>
    header.toString("latin1", from, from + length).replace(/\0.*$/s, "");
  const octal = (from: number, length: number): number => {
    const digits = text(from, length).trim();
    if (!/^[0-7]+$/.test(digits)) throw damaged("an entry has no size");
    return Number.parseInt(digits, 8);
  };
  const sum = header.reduce((total, byte, place) => total + (place >= 148 && place < 156 ? 32 : byte), 0);
  if (octal(148, 8) !== sum) throw damaged("an entry's header does not fit its sum");
  const kind = text(156, 1);
  if (kind !== "0" && kind !== "") throw damaged("an entry is no plain file");
  return { name: text(0, 100), bytes: octal(124, 12) };
}

function damaged(how: string): OperationError {
  return new OperationError(
    "pack-damaged",
    `A pack of files is not the tar that it should be: ${how}.`,
    "Use another snapshot.",
  );
}
