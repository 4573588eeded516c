import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readPack } from "../../actions/lib/vault/files/read-object.ts";

const folder = mkdtempSync(join(tmpdir(), "lifeboat-pack-"));
afterAll(() => rmSync(folder, { recursive: true }));

const contents = [Buffer.from("first"), Buffer.alloc(0), Buffer.alloc(512, 1), Buffer.alloc(70_001, 2)];
const names = contents.map((_, index) => String(index + 1).padStart(6, "0"));
for (const [index, content] of contents.entries()) writeFileSync(join(folder, names[index] ?? ""), content);
/** Made by the tar of this machine, so that both sides are not ours. */
const pack = execFileSync("tar", ["--format=ustar", "-c", "-C", folder, ...names], { maxBuffer: 1e8 });

async function* inPieces(bytes: Buffer, piece: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += piece) yield bytes.subarray(from, from + piece);
}

async function unpack(bytes: Buffer, piece = 1000): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const { name, content } of readPack(inPieces(bytes, piece))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(Buffer.from(chunk));
    found.set(name, Buffer.concat(chunks));
  }
  return found;
}

describe("a pack", () => {
  test.each([1, 511, 512, 65_536])("gives its files, in pieces of %i bytes as well", async (piece) => {
    const found = await unpack(pack, piece);
    expect([...found.keys()]).toEqual(names);
    for (const [index, name] of names.entries())
      expect(found.get(name)?.equals(contents[index] ?? Buffer.alloc(0))).toBe(true);
  });

  test("passes over what its reader leaves unread", async () => {
    const seen: string[] = [];
    for await (const { name, content } of readPack(inPieces(pack, 300))) {
      seen.push(name);
      for await (const _ of content) break;
    }
    expect(seen).toEqual(names);
  });

  test("that is cut or changed is refused", async () => {
    const changed = Buffer.from(pack);
    changed[3] = 0x39;
    for (const bytes of [pack.subarray(0, 700), pack.subarray(0, 512 * 5), Buffer.alloc(0), changed])
      await expect(unpack(bytes)).rejects.toMatchObject({ code: "pack-damaged" });
  });

  test("with anything but plain files is refused: a link would lead elsewhere", async () => {
    execFileSync("ln", ["-sf", "/etc/passwd", join(folder, "link")]);
    const hostile = execFileSync("tar", ["--format=ustar", "-c", "-C", folder, "link"]);
    await expect(unpack(hostile)).rejects.toMatchObject({ code: "pack-damaged" });
  });
});
