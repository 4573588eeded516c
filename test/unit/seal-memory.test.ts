import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = join(import.meta.dirname, "seal-memory.ts");

async function measure(megabytes: number): Promise<{ opened: number; maxRssKib: number }> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, String(megabytes)]);
  return JSON.parse(stdout);
}

it("sealing and opening at once stay within 256 MB, and need no more for more data", async () => {
  const [some, more] = [await measure(150), await measure(450)];
  expect(more.opened).toBe(450 * 1024 * 1024);
  expect(more.maxRssKib).toBeLessThan(256 * 1024);
  expect(more.maxRssKib - some.maxRssKib).toBeLessThan(48 * 1024);
});
