import { Duplex } from "node:stream";
import type { SessionKey } from "../keys/session-key.ts";
import type { BlockOptions } from "../packets/blocks.ts";
import { packetTag, writePacket } from "../packets/packet-writer.ts";
import { encryptBody } from "./body-cipher.ts";
import { open } from "./opener.ts";

/** Binary, without a name or a date: nothing about the source stands outside its own bytes. */
const literalHeader = Uint8Array.of("b".charCodeAt(0), 0, 0, 0, 0, 0);

/**
 * Plain bytes in; one OpenPGP message body out: a sealed packet (SEIPDv1, AES-256) that holds a literal packet, both in
 * partial lengths. Constant memory; blocks of about 256 KiB. An error of the source passes through and leaves the
 * packet open-ended, which no reader takes for whole.
 */
export async function* seal(
  source: AsyncIterable<Uint8Array>,
  key: SessionKey,
  options: Pick<BlockOptions, "recycled"> = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const literal = writePacket(packetTag.literal, withHeader(source), { recycled: true });
  yield* writePacket(packetTag.sealed, encryptBody(literal, key), options);
}

async function* withHeader(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield literalHeader;
  yield* source;
}

/** `seal` as a stream, for pipelines. */
export function createSealer(key: SessionKey): Duplex {
  return Duplex.from((source: AsyncIterable<Uint8Array>) => seal(source, key));
}

/** `open` as a stream, for pipelines: it errors, instead of ending, when what was sealed is not whole. */
export function createOpener(key: SessionKey): Duplex {
  return Duplex.from((source: AsyncIterable<Uint8Array>) => open(source, key));
}

export { open } from "./opener.ts";
