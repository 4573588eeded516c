import { createHash, randomBytes } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { openSealed, openWhole, sealArtifact } from "../../actions/lib/seal/body/artifact.ts";
import { compress, decompress } from "../../actions/lib/seal/body/compress.ts";
import { open, seal } from "../../actions/lib/seal/body/message.ts";
import { newSessionKey } from "../../actions/lib/seal/keys/session-key.ts";
import { blockBytes } from "../../actions/lib/seal/packets/blocks.ts";

const key = newSessionKey();

async function* chunks(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

const gathered = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(source));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const rows = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes / 20 }, (_, i) => `${i}\t${(i * 7919) % 10_007}\trow\n`).join(""));

/** A source without end that tells when it was let go. */
function endless(): { source: AsyncGenerator<Uint8Array>; taken: () => number; released: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let taken = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        await turn();
        taken++;
        yield randomBytes(100_000);
      }
    } finally {
      resolve();
    }
  }
  return { source: source(), taken: () => taken, released: promise };
}

it("gives up a small artifact that becomes larger than any is", async () => {
  async function* zeros(): AsyncGenerator<Uint8Array> {
    for (let megabyte = 0; megabyte < 129; megabyte++) yield Buffer.alloc(1024 * 1024);
  }
  const stored = await gathered(sealArtifact(zeros(), key));
  expect(stored.length).toBeLessThan(100_000);
  await expect(openWhole(stored, key)).rejects.toMatchObject({ code: "compressed-damaged" });
});

describe("a sealed artifact", () => {
  it.each([0, 1, 1000, blockBytes, 3 * blockBytes + 1, 5_000_000])("of %i plain bytes opens again", async (size) => {
    for (const plain of [randomBytes(size), rows(size)]) {
      let counted = 0;
      const onPlainBytes = (bytes: number): void => {
        counted += bytes;
      };
      const sealed = await gathered(sealArtifact(chunks(plain, 10_001), key, { onPlainBytes }));
      expect(counted).toBe(plain.length);
      expect(sha256(await gathered(openSealed(chunks(sealed, 4_097), key)))).toBe(sha256(plain));
    }
  });

  it("is zstd with a checksum inside the seal", async () => {
    const compressed = await gathered(open(sealArtifact(chunks(rows(100_000)), key), key));
    expect(compressed.readUInt32LE(0)).toBe(0xfd2fb528);
    expect((compressed[4] ?? 0) & 0x04).toBe(0x04);
    expect(zstdDecompressSync(compressed).equals(rows(100_000))).toBe(true);
  });

  it("is smaller than rows are, and hardly larger than noise", async () => {
    const [ofRows, ofNoise] = [rows(1_000_000), randomBytes(1_000_000)];
    expect((await gathered(sealArtifact(chunks(ofRows), key))).length).toBeLessThan(ofRows.length / 2);
    expect((await gathered(sealArtifact(chunks(ofNoise), key))).length).toBeLessThan(ofNoise.length + 500);
  });

  it("leaves in blocks, however small the source's writes are", async () => {
    const sealed = await Array.fromAsync(sealArtifact(chunks(randomBytes(2_000_000), 97), key));
    for (const block of sealed.slice(0, -1)) expect(block.length).toBeGreaterThanOrEqual(blockBytes);
  });

  it("is refused when it is cut off or changed anywhere", async () => {
    const sealed = await gathered(sealArtifact(chunks(rows(3_000_000)), key));
    for (let i = 0; i < 30; i++) {
      const at = Math.floor(Math.random() * (sealed.length - 1)) + 1;
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ (1 << (i % 8));
      await expect(gathered(openSealed(chunks(sealed.subarray(0, at)), key))).rejects.toBeInstanceOf(OperationError);
      await expect(gathered(openSealed(chunks(changed), key))).rejects.toBeInstanceOf(OperationError);
    }
  });

  it("whose end is wrong is refused even when its compressed data is complete before", async () => {
    const sealed = await gathered(sealArtifact(chunks(rows(3_000_000)), key));
    sealed[sealed.length - 1] = (sealed[sealed.length - 1] ?? 0) ^ 1;
    for (const size of [1_000, 65_536, sealed.length]) {
      await expect(gathered(openSealed(chunks(sealed, size), key))).rejects.toMatchObject({ code: "sealed-modified" });
    }
  });
});

describe("decompression refuses", () => {
  const frame = zstdCompressSync(randomBytes(50_000));
  const cases: [string, Buffer][] = [
    ["nothing", Buffer.alloc(0)],
    ["a frame without its last byte", frame.subarray(0, -1)],
    ["half a frame", frame.subarray(0, 25_000)],
    ["a frame and one byte", Buffer.concat([frame, Buffer.from("x")])],
    ["a frame and zeros", Buffer.concat([frame, Buffer.alloc(300)])],
    ["a frame and half of another", Buffer.concat([frame, frame.subarray(0, 20_000)])],
    ["what is no frame", Buffer.from("plain text, not compressed")],
  ];

  it.each(cases)("%s, however it arrives", async (_, bytes) => {
    for (const size of [1_000, 50_000, frame.length, 1_000_000]) {
      const sealed = seal(chunks(bytes, size), key);
      await expect(gathered(openSealed(sealed, key))).rejects.toMatchObject({ code: "compressed-damaged" });
      await expect(gathered(decompress(chunks(bytes, size)))).rejects.toMatchObject({ code: "compressed-damaged" });
    }
  });

  it("a second frame, rather than losing it: whole or with an error", async () => {
    const twice = Buffer.concat([frame, frame]);
    for (const size of [999, 10_000, frame.length, 1_000_000]) {
      const outcome = await gathered(decompress(chunks(twice, size))).catch((error: OperationError) => error.code);
      expect(outcome instanceof Buffer ? outcome.length : outcome).toBeOneOf([100_000, "compressed-damaged"]);
    }
  });
});

describe("a source", () => {
  it("that fails ends the artifact with its own error", async () => {
    const failure = new OperationError("dump-failed", "pg_dump ended with status 1");
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield rows(400_000);
      throw failure;
    }
    await expect(gathered(sealArtifact(failing(), key))).rejects.toBe(failure);
    await expect(gathered(openSealed(failing(), key))).rejects.toBeInstanceOf(OperationError);
    const stream = Readable.from(failing());
    await expect(gathered(sealArtifact(stream, key))).rejects.toBe(failure);
    expect(stream.destroyed).toBe(true);
  });

  it("is let go when the consumer stops early", async () => {
    const { source, taken, released } = endless();
    for await (const _ of sealArtifact(source, key)) break;
    await released;
    const before = taken();
    await turn();
    expect(taken()).toBe(before);
  });

  it("is let go when the consumer of an opening stops early", async () => {
    const { source, released } = endless();
    for await (const _ of openSealed(sealArtifact(source, key), key)) break;
    await released;
  });

  it("that is a stream without data is destroyed when the consumer stops", async () => {
    const silent = new PassThrough();
    const sealing = sealArtifact(silent, key);
    const first = sealing.next();
    for (let i = 0; i < 20; i++) silent.write(randomBytes(50_000));
    await first;
    await sealing.return();
    expect(silent.destroyed).toBe(true);
  });

  it("is not read ahead of its consumer by more than a few blocks", async () => {
    const { source, taken } = endless();
    const sealing = sealArtifact(source, key);
    await sealing.next();
    for (let i = 0; i < 200; i++) await turn();
    expect(taken() * 100_000).toBeLessThan(12 * blockBytes);
    await sealing.return();
  });
});

it("compressor and decompressor pass through pipelines of streams", async () => {
  const parts: Uint8Array[] = [];
  await pipeline(
    Readable.from(chunks(rows(700_000))),
    (source: AsyncIterable<Uint8Array>) => compress(source),
    decompress,
    async (source) => {
      for await (const chunk of source as AsyncIterable<Uint8Array>) parts.push(chunk);
    },
  );
  expect(Buffer.concat(parts).equals(rows(700_000))).toBe(true);
  const cut = zstdCompressSync(rows(700_000)).subarray(0, -2);
  const piped = pipeline(Readable.from(chunks(cut)), decompress, async (source) => {
    for await (const _ of source);
  });
  await expect(piped).rejects.toMatchObject({ code: "compressed-damaged" });
});
