import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { entryKey, hashOf, parseEntry } from "../../actions/lib/vault/audit/entry.ts";
import { type HeldScene, openHeldScene } from "../faults/table/holds-scene.ts";
import { lifeboat } from "../lab/command-line.ts";

/** What every operation leaves in the audit trail, at the command line, in a store that enforces locks. */

let scenes: Awaited<ReturnType<typeof openHeldScene>>;
let scene: HeldScene;
beforeAll(async () => {
  scenes = await openHeldScene();
}, 120_000);
beforeEach(async () => {
  await scene?.[Symbol.asyncDispose]();
  scene = await scenes.make();
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await scenes?.[Symbol.asyncDispose]();
});

const run = (args: readonly string[], change: Record<string, string> = {}) =>
  lifeboat([...args, "--json", "--quiet-run"], { ...scene.env, ...change });

async function trail() {
  const entries = [];
  for (let number = 1; ; number++) {
    const head = await scene.vault.head(entryKey(number));
    if (head === undefined) return entries;
    const { body } = await scene.vault.get(entryKey(number));
    const stored = parseEntry(body);
    if (stored === undefined) throw new Error(`Entry ${number} cannot be read.`);
    entries.push({ ...stored, sha256: hashOf(body), lockedUntil: head.retainUntil });
  }
}

describe("a run", () => {
  test("leaves a begin and an end: who, what, why, what was made, each with the hash of the one before", async () => {
    const { set } = scene.free;
    expect(await run(["hold", set, "--reason", "court order"])).toMatchObject({ code: 0 });
    const entries = await trail();
    expect(entries).toHaveLength(2);
    expect(entries.map(({ entry }) => entry.event)).toEqual(["begin", "end"]);
  });
});
