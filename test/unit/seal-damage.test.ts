import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { open, seal } from "../../actions/lib/seal/body/message.ts";
import { newSessionKey } from "../../actions/lib/seal/keys/session-key.ts";
import { blockBytes } from "../../actions/lib/seal/packets/blocks.ts";

const key = newSessionKey();

async function* chunks(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

const sealedBytes = async (plain: Uint8Array): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(seal(chunks(plain), key)));

/** Code of the error that opening ends with, and what had come out until then. */
async function outcome(
  bytes: Uint8Array,
  size?: number,
  sessionKey = key,
): Promise<{ code: string; released: number }> {
  let released = 0;
  try {
    for await (const chunk of open(chunks(bytes, size), sessionKey)) released += chunk.length;
    return { code: "opened", released };
  } catch (error) {
    expect(error).toBeInstanceOf(OperationError);
    return { code: (error as OperationError).code, released };
  }
}

const flipped = (bytes: Uint8Array, at: number, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
};

describe("opening refuses", () => {
  const plain = randomBytes(2 * blockBytes + 12_345);

  it("nothing at all", async () => {
    expect((await outcome(Buffer.alloc(0))).code).toBe("sealed-empty");
  });

  it("a body that is cut off, at every place of a small one", async () => {
    const small = await sealedBytes(randomBytes(40));
    for (let length = 1; length < small.length; length++) {
      expect.soft((await outcome(small.subarray(0, length))).code, `cut to ${length}`).toBe("sealed-truncated");
    }
  });

  it("a body that is cut off, at and around its packets' borders and anywhere in a large one", async () => {
    const sealed = await sealedBytes(plain);
    const borders = [2 + blockBytes, 3 + 2 * blockBytes].flatMap((at) => [at - 1, at, at + 1]);
    const anywhere = Array.from({ length: 20 }, () => 1 + Math.floor(Math.random() * (sealed.length - 1)));
    for (const length of [...borders, ...anywhere, sealed.length - 1, sealed.length - 22]) {
      const { code, released } = await outcome(sealed.subarray(0, length));
      expect(code).toBe("sealed-truncated");
      expect(released).toBeLessThan(plain.length);
    }
  });

  it("a body with one bit changed, in every byte of a small one", async () => {
    const small = await sealedBytes(randomBytes(40));
    for (let at = 0; at < small.length; at++) {
      for (const bit of [0, 3, 7]) {
        const { code } = await outcome(flipped(small, at, bit));
        expect.soft(code, `byte ${at}, bit ${bit}`).toMatch(/^sealed-/);
      }
    }
  });

  it("a body with one bit changed anywhere, and never gives out its last block", async () => {
    const sealed = await sealedBytes(plain);
    const places = Array.from({ length: 25 }, () => Math.floor(Math.random() * sealed.length));
    for (const at of [...places, sealed.length - 1, sealed.length - 21, 25]) {
      const { code, released } = await outcome(flipped(sealed, at, Math.floor(Math.random() * 8)));
      expect(code).toMatch(/^sealed-/);
      expect(released).toBeLessThan(plain.length);
    }
  });

  it("a small body that was changed without giving out a single byte", async () => {
    const sealed = await sealedBytes(randomBytes(10_000));
    expect(await outcome(flipped(sealed, 5_000, 1))).toEqual({ code: "sealed-modified", released: 0 });
  });

  it("a changed integrity check", async () => {
    const sealed = await sealedBytes(plain);
    expect((await outcome(flipped(sealed, sealed.length - 1, 0))).code).toBe("sealed-modified");
  });

  it("another session key, also by the one chance in 65,536 that its first check passes", async () => {
    const sealed = await sealedBytes(plain);
    for (let i = 0; i < 20; i++) {
      expect((await outcome(sealed, undefined, newSessionKey())).code).toBe("sealed-with-another-key");
    }
    const other = Buffer.concat([randomBytes(16), Buffer.alloc(0)]);
    const forged = Buffer.concat([other, other.subarray(-2), randomBytes(500)]);
    const cipher = createCipheriv("aes-256-cfb", key.data, Buffer.alloc(16));
    const body = Buffer.concat([Uint8Array.of(1), cipher.update(forged)]);
    const { code } = await outcome(
      Buffer.concat([Uint8Array.of(0xd2, 0xff, 0, 0, body.length >> 8, body.length & 255), body]),
    );
    expect(code).toMatch(/^sealed-/);
  });

  it.each([
    ["one byte", Buffer.from([0])],
    ["text", Buffer.from("some text")],
    ["padding of zeros", Buffer.alloc(5000)],
    ["bytes that look like a packet", Buffer.from([0xd2, 0x05, 1, 2, 3, 4, 5])],
  ])("what goes on after its end: %s", async (_, garbage) => {
    const sealed = await sealedBytes(plain);
    const { code, released } = await outcome(Buffer.concat([sealed, garbage]));
    expect(code).toBe("sealed-trailing-bytes");
    expect(released).toBeLessThan(plain.length);
  });

  it("two bodies in one, also with ends that meet a chunk's", async () => {
    const sealed = await sealedBytes(randomBytes(1000));
    const twice = Buffer.concat([sealed, sealed]);
    expect((await outcome(twice)).code).toBe("sealed-trailing-bytes");
    expect((await outcome(twice, sealed.length)).code).toBe("sealed-trailing-bytes");
  });

  it("a validly sealed packet with anything behind or instead of its content", async () => {
    const literal = Buffer.from([0xcb, 7, 0x62, 0, 0, 0, 0, 0, 0x41]);
    expect((await outcome(sealedPackets(literal))).code).toBe("opened");
    expect((await outcome(sealedPackets(Buffer.concat([literal, literal])))).code).toBe("sealed-trailing-bytes");
    expect((await outcome(sealedPackets(Buffer.from([0xc2, 1, 0])))).code).toBe("sealed-unreadable");
    expect((await outcome(sealedPackets(Buffer.alloc(0)))).code).toBe("sealed-truncated");
    expect((await outcome(sealedPackets(Buffer.from([0xcb, 3, 0x62, 0, 0])))).code).toBe("sealed-truncated");
    expect((await outcome(sealedPackets(Buffer.from([0xc8, 2, 3, 0])))).code).toBe("sealed-unreadable");
    expect((await outcome(sealedPackets(Buffer.from([0xc8, 3, 2, 0x41, 0x42])))).code).toBe("compressed-damaged");
  });

  it("what is no OpenPGP, unsealed data, and a sealed packet of another version", async () => {
    expect((await outcome(Buffer.from("PGDMP something"))).code).toBe("sealed-unreadable");
    expect((await outcome(Buffer.from([0xcb, 7, 0x62, 0, 0, 0, 0, 0, 0x41]))).code).toBe("sealed-unreadable");
    expect((await outcome(Buffer.concat([Uint8Array.of(0xd2, 40, 2), randomBytes(39)]))).code).toBe(
      "sealed-unreadable",
    );
  });
});

describe("an error of the source", () => {
  it("comes out of sealing unchanged, and what was sealed until then never opens", async () => {
    const failure = new OperationError("dump-failed", "pg_dump ended with status 1");
    async function* failing(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 30; i++) yield randomBytes(40_000);
      throw failure;
    }
    const until: Uint8Array[] = [];
    const sealing = (async () => {
      for await (const chunk of seal(failing(), key)) until.push(chunk);
    })();
    await expect(sealing).rejects.toBe(failure);
    expect((await outcome(Buffer.concat(until))).code).toBe("sealed-truncated");
  });

  it("comes out of opening unchanged, also through a pipeline of streams", async () => {
    const sealed = await sealedBytes(randomBytes(100_000));
    const failure = new OperationError("artifact-damaged", "part 3 differs");
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield sealed.subarray(0, 60_000);
      throw failure;
    }
    await expect(Array.fromAsync(open(failing(), key))).rejects.toBe(failure);
    const piped = pipeline(
      Readable.from(failing()),
      (source) => open(source, key),
      async (source) => {
        for await (const _ of source);
      },
    );
    await expect(piped).rejects.toBe(failure);
  });
});

/** A sealed packet, right in every respect, around packets of the test's choice. */
function sealedPackets(packets: Uint8Array): Buffer {
  const random = randomBytes(16);
  const checked = Buffer.concat([random, random.subarray(-2), packets, Uint8Array.of(0xd3, 0x14)]);
  const cipher = createCipheriv("aes-256-cfb", key.data, Buffer.alloc(16));
  const body = cipher.update(Buffer.concat([checked, createHash("sha1").update(checked).digest()]));
  return Buffer.concat([Uint8Array.of(0xd2, body.length + 1, 1), body]);
}
