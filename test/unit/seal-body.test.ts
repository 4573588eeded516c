import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as openpgp from "openpgp";
import { describe, expect, it } from "vitest";
import { open, seal } from "../../actions/lib/seal/body/message.ts";
import { newSessionKey } from "../../actions/lib/seal/keys/session-key.ts";
import { blockBytes } from "../../actions/lib/seal/packets/blocks.ts";

const key = newSessionKey();
const libraryKey = { data: key.data, algorithm: "aes256" } as const;

async function* cut(bytes: Uint8Array, size: () => number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; ) {
    const end = Math.min(bytes.length, offset + Math.max(1, size()));
    yield bytes.subarray(offset, end);
    offset = end;
  }
}

const gathered = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(source));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const upTo = (limit: number): number => Math.floor(Math.random() * limit);

describe("a sealed body", () => {
  const around = (size: number): number[] => [-29, -28, -24, -23, -7, -6, -5, -1, 0, 1, 6].map((d) => size + d);
  const sizes = [0, 1, 2, 15, 16, 17, 21, 22, 23, 511, 512, ...around(blockBytes), ...around(2 * blockBytes)];

  it.each(sizes)("of %i bytes opens to the same bytes, with us and with openpgp.js", async (size) => {
    const plain = randomBytes(size);
    const sealed = await gathered(
      seal(
        cut(plain, () => 100_000),
        key,
      ),
    );
    expect(
      sha256(
        await gathered(
          open(
            cut(sealed, () => 70_000),
            key,
          ),
        ),
      ),
    ).toBe(sha256(plain));
    const message = await openpgp.readMessage({ binaryMessage: Uint8Array.from(sealed) });
    const { data } = await openpgp.decrypt({ message, sessionKeys: libraryKey, format: "binary" });
    expect(sha256(data)).toBe(sha256(plain));
  });

  it("does not depend on how the bytes arrive", async () => {
    for (let round = 0; round < 25; round++) {
      const plain = randomBytes(upTo(3 * blockBytes));
      const sealed = await gathered(
        seal(
          cut(plain, () => upTo(round < 5 ? 100 : 300_000)),
          key,
        ),
      );
      const opened = await gathered(
        open(
          cut(sealed, () => upTo(round % 2 ? 60 : 300_000)),
          key,
        ),
      );
      expect(sha256(opened)).toBe(sha256(plain));
    }
  });

  it("made by openpgp.js opens, whatever form its packets have", async () => {
    const { uncompressed, zip, zlib } = openpgp.enums.compression;
    for (const preferredCompressionAlgorithm of [uncompressed, zip, zlib]) {
      for (const size of [0, 1, 5_000, 70_000, 3 * blockBytes]) {
        const plain = Buffer.alloc(size, "some text that can be compressed, ");
        const body = await openpgp.encrypt({
          message: await openpgp.createMessage({ binary: Uint8Array.from(plain), filename: "rows.txt" }),
          sessionKey: libraryKey,
          format: "binary",
          config: { preferredCompressionAlgorithm },
        });
        expect(
          sha256(
            await gathered(
              open(
                cut(body, () => 777),
                key,
              ),
            ),
          ),
        ).toBe(sha256(plain));
      }
    }
  });

  it("is different each time, and leaves in blocks of about 256 KiB", async () => {
    const plain = randomBytes(5 * blockBytes);
    const [one, two] = [
      await Array.fromAsync(
        seal(
          cut(plain, () => 1000),
          key,
        ),
      ),
      await gathered(
        seal(
          cut(plain, () => plain.length),
          key,
        ),
      ),
    ];
    expect(Buffer.concat(one).equals(two)).toBe(false);
    for (const block of one.slice(0, -1)) expect(block.length).toBeGreaterThanOrEqual(blockBytes);
    expect(Math.max(...one.map((block) => block.length))).toBeLessThan(blockBytes + 16);
  });

  it("passes through pipelines of streams", async () => {
    const plain = randomBytes(blockBytes + 5);
    const result: Uint8Array[] = [];
    await pipeline(
      Readable.from(cut(plain, () => 9999)),
      (source) => seal(source, key),
      (source) => open(source, key),
      async (source) => {
        for await (const chunk of source as AsyncIterable<Uint8Array>) result.push(chunk);
      },
    );
    expect(Buffer.concat(result).equals(plain)).toBe(true);
  });

  it("keeps nothing of a source that reuses its buffer", async () => {
    const shared = Buffer.alloc(1000);
    async function* reusing(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 1000; i++) yield shared.fill(i % 251);
    }
    const opened = await gathered(open(seal(reusing(), key), key));
    expect(opened.every((byte, index) => byte === Math.floor(index / 1000) % 251)).toBe(true);
  });
});
