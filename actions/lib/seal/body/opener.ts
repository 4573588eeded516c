import { createInflate, createInflateRaw } from "node:zlib";
import type { SessionKey } from "../keys/session-key.ts";
import { type BlockOptions, blocks } from "../packets/blocks.ts";
import { ByteReader } from "../packets/byte-reader.ts";
import { damage } from "../packets/damage.ts";
import { type PacketHeader, packetBody, readPacketHeader } from "../packets/packet-reader.ts";
import { packetTag } from "../packets/packet-writer.ts";
import { decryptBody, readPrefix } from "./body-cipher.ts";
import { throughEngine } from "./engine.ts";

/** Packets that may stand before a body and mean nothing to somebody who has the session key. */
const skipped: ReadonlySet<number> = new Set([
  packetTag.publicKeyEncryptedSessionKey,
  packetTag.symmetricKeyEncryptedSessionKey,
  packetTag.marker,
  packetTag.padding,
]);

/**
 * Opens what `seal`, or any OpenPGP program, sealed with AES-256 and the session key: key packets before the body are
 * skipped, ZIP and ZLIB compression (GnuPG's defaults) undone.
 *
 * What comes out is unauthenticated until the end: a consumer may only trust it, or what it made of it, when the
 * iteration has ended without an error. The last block is held back until the integrity check has passed.
 *
 * @throws OperationError `sealed-empty`, `sealed-truncated`, `sealed-modified`, `sealed-with-another-key`,
 * `sealed-trailing-bytes`, `sealed-unreadable`, `compressed-damaged`; and whatever the source throws, unchanged
 */
export async function* open(
  stored: AsyncIterable<Uint8Array>,
  key: SessionKey,
  options: Pick<BlockOptions, "recycled"> = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(stored);
  try {
    yield* blocks(opened(reader, key), options);
  } finally {
    await reader.close();
  }
}

async function* opened(outer: ByteReader, key: SessionKey): AsyncGenerator<Uint8Array, void, undefined> {
  const sealed = await findSealed(outer);
  const inner = new ByteReader(decryptBody(packetBody(outer, sealed), key));
  await readPrefix(inner);
  yield* content(inner);
  if ((await outer.byte()) !== undefined) throw damage.trailing("bytes follow the sealed packet");
}

async function findSealed(reader: ByteReader): Promise<PacketHeader> {
  for (let first = true; ; first = false) {
    const header = await readPacketHeader(reader);
    if (header === undefined) throw first ? damage.empty() : damage.truncated("there are keys but no sealed packet");
    if (header.tag === packetTag.sealed) return header;
    if (!skipped.has(header.tag)) throw damage.foreign(`packet ${header.tag} where the sealed packet should be`);
    for await (const _ of packetBody(reader, header));
  }
}

/** The bytes of the one literal packet, out of its compression if there is one; nothing may follow it. */
async function* content(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  let header = await readPacketHeader(reader);
  while (header?.tag === packetTag.marker || header?.tag === packetTag.padding) {
    for await (const _ of packetBody(reader, header));
    header = await readPacketHeader(reader);
  }
  if (header === undefined) throw damage.truncated("the sealed packet is empty");
  const body = new ByteReader(packetBody(reader, header));
  if (header.tag === packetTag.literal) yield* literal(body);
  else if (header.tag === packetTag.compressed) yield* content(new ByteReader(await inflated(body)));
  else throw damage.foreign(`packet ${header.tag} inside the sealed packet`);
  if ((await body.byte()) !== undefined || (await reader.byte()) !== undefined) {
    throw damage.trailing("bytes follow the content");
  }
}

async function* literal(body: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const [, nameLength] = await body.upTo(2);
  const rest = await body.upTo((nameLength ?? 0) + 4);
  if (nameLength === undefined || rest.length < nameLength + 4) throw damage.truncated("the content has no header");
  yield* everything(body);
}

async function* everything(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const piece = await reader.some(Number.POSITIVE_INFINITY);
    if (piece === undefined) return;
    yield piece;
  }
}

/** RFC 9580, 9.4: 0 uncompressed, 1 ZIP, 2 ZLIB, 3 BZip2. */
async function inflated(body: ByteReader): Promise<AsyncIterable<Uint8Array>> {
  const algorithm = await body.byte();
  const source = everything(body);
  if (algorithm === 0) return source;
  if (algorithm === 1) return throughEngine(source, createInflateRaw());
  if (algorithm === 2) return throughEngine(source, createInflate());
  throw damage.foreign(`OpenPGP compression ${algorithm ?? "missing"} (ZIP and ZLIB can be read)`);
}
