import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { bufferUsed } from "../../base/collector.ts";
import type { SessionKey } from "../keys/session-key.ts";
import type { ByteReader } from "../packets/byte-reader.ts";
import { damage } from "../packets/damage.ts";

/**
 * The inside of a Symmetrically Encrypted and Integrity Protected Data packet, version 1 (RFC 9580, 5.13.1): a version
 * octet, then AES-256-CFB with a zero IV over sixteen random octets, the last two of them again, the packets, and a
 * modification detection code (MDC): SHA-1 over all that stands before it.
 */
const cipher = "aes-256-cfb";
const version = 1;
const blockSize = 16;
export const prefixBytes = blockSize + 2;
const mdcHeader = Uint8Array.of(0xd3, 0x14);
const mdcBytes = mdcHeader.length + 20;

/** Plain packets in, the body of the sealed packet out. */
export async function* encryptBody(
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
export async function* decryptBody(
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
export async function readPrefix(reader: ByteReader): Promise<void> {
  const prefix = await reader.upTo(prefixBytes);
  if (prefix.length < prefixBytes) throw damage.truncated("it has no content");
  const [a, b, again, andAgain] = prefix.subarray(-4);
  if (a !== again || b !== andAgain) throw damage.wrongKey();
}
