import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createInflate, createInflateRaw } from "node:zlib";
import { bufferUsed } from "../../base/collector.ts";
import type { SessionKey } from "../keys/session-key.ts";
import { type BlockOptions, ByteReader, blocks } from "../packets/blocks.ts";
import { damage, type PacketHeader, packetBody, packetTag, readPacketHeader, writePacket } from "../packets/packets.ts";
import { throughEngine } from "./compress.ts";

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

/**
 * The inside of a Symmetrically Encrypted and Integrity Protected Data packet, version 1 (RFC 9580, 5.13.1): a version
 * octet, then AES-256-CFB with a zero IV over sixteen random octets, the last two of them again, the packets, and a
 * modification detection code (MDC): SHA-1 over all that stands before it.
 */
const cipher = "aes-256-cfb";
const version = 1;
const blockSize = 16;
const prefixBytes = blockSize + 2;
const mdcHeader = Uint8Array.of(0xd3, 0x14);
const mdcBytes = mdcHeader.length + 20;

/** Plain packets in, the body of the sealed packet out. */
async function* encryptBody(
  packets: AsyncIterable<Uint8Array>,
  key: SessionKey,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encryption = createCipheriv(cipher, key.data, Buffer.alloc(blockSize));
  const digest = createHash("sha1");
  const random = randomBytes(blockSize);
  const prefix = Buffer.concat([random, random.subarray(-2)]);
  digest.update(prefix);
  yield Buffer.concat([Uint8Array.of(version), encryption.update(prefix)]);
  for await (const chunk of packets) {
    digest.update(chunk);
    bufferUsed(chunk.length);
    yield encryption.update(chunk);
  }
  digest.update(mdcHeader);
  yield encryption.update(Buffer.concat([mdcHeader, digest.digest()]));
}

/**
 * The reverse: prefix and packets, without the MDC. Ends only when the MDC is right; everything it has handed on until
 * then is unauthenticated.
 *
 * @throws OperationError `sealed-modified`, `sealed-truncated`, `sealed-unreadable`
 */
async function* decryptBody(
  body: AsyncIterable<Uint8Array>,
  key: SessionKey,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decryption = createDecipheriv(cipher, key.data, Buffer.alloc(blockSize));
  const digest = createHash("sha1");
  let versionRead = false;
  // The last bytes seen so far: the MDC, if nothing comes after them.
  let tail: Uint8Array = new Uint8Array();
  for await (const piece of body) {
    if (!versionRead && piece[0] !== version) throw damage.foreign(`version ${piece[0]} of the sealed packet`);
    const plain = decryption.update(versionRead ? piece : piece.subarray(1));
    versionRead = true;
    if (plain.length < mdcBytes) {
      const joined = Buffer.concat([tail, plain]);
      const ready = joined.subarray(0, Math.max(0, joined.length - mdcBytes));
      tail = joined.subarray(ready.length);
      digest.update(ready);
      if (ready.length > 0) yield ready;
      continue;
    }
    digest.update(tail);
    if (tail.length > 0) yield tail;
    const ready = plain.subarray(0, -mdcBytes);
    tail = Uint8Array.from(plain.subarray(-mdcBytes));
    digest.update(ready);
    if (ready.length > 0) yield ready;
  }
  if (tail.length < mdcBytes) throw damage.truncated("the integrity check is missing");
  digest.update(mdcHeader);
  const expected = Buffer.concat([mdcHeader, digest.digest()]);
  if (!timingSafeEqual(expected, tail)) throw damage.modified();
}

/** Reads the random prefix; its repeated octets tell at once, though not for certain, whether the key fits. */
async function readPrefix(reader: ByteReader): Promise<void> {
  const prefix = await reader.upTo(prefixBytes);
  if (prefix.length < prefixBytes) throw damage.truncated("it has no content");
  const [a, b, again, andAgain] = prefix.subarray(-4);
  if (a !== again || b !== andAgain) throw damage.wrongKey();
}
