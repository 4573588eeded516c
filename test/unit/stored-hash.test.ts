import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { storedHash } from "../../actions/lib/vault/s3/read-back.ts";

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
const [first, second] = [Buffer.alloc(70, 1), Buffer.alloc(30, 2)];
const part = (bytes: Uint8Array) => ({ bytes: bytes.byteLength, sha256: sha256(bytes).toString("hex") });

test("the hash that S3 tells of an object is that of its bytes, or of its parts' hashes and their number", () => {
  const whole = { key: "packs/a", bytes: 70, sha256: sha256(first).toString("hex"), parts: [part(first)] };
  expect(storedHash(whole)).toBe(sha256(first).toString("base64"));
  const all = Buffer.concat([first, second]);
  const parted = { key: "packs/a", ...part(all), parts: [part(first), part(second)] };
  expect(storedHash(parted)).toBe(`${sha256(Buffer.concat([sha256(first), sha256(second)])).toString("base64")}-2`);
});
