import { expect, test } from "vitest";
import { jsonSource } from "../../actions/lib/operations/backup/artifact-store.ts";

async function text(document: Readonly<Record<string, unknown>>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of jsonSource(document)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

test.each([
  ["nothing", {}],
  [
    "lists of every length",
    { none: [], one: [1], many: Array.from({ length: 250 }, (_, index) => ({ index, name: "é\n" })) },
  ],
  ["exactly full pieces", { full: Array.from({ length: 200 }, (_, index) => index) }],
  ["other values", { format: 'a "quoted" name', number: 17, nothing: null, 'a "name"': { deep: [1, [2]] } }],
])("%s come out as JSON.stringify writes them", async (_name, document) => {
  expect(await text(document)).toBe(JSON.stringify(document));
});
