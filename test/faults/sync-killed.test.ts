import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSyncLab, type SyncLab } from "../integration/sync-lab.ts";
import { contentOf, type SeedFile, seedFiles } from "../lab/storage/index.ts";
import { complete, killLimit, killSomewhere, wantedKills } from "./table/kills.ts";

const runner = fileURLToPath(new URL("sync-runner.ts", import.meta.url));
const kills = Math.max(4, Math.round(wantedKills * 0.1));
const seed = { count: 40, bytes: 1_000_000, seed: 9 };
let lab: SyncLab;
let files: SeedFile[];

beforeAll(async () => {
  lab = await openSyncLab({
    policy: (policy) => ({
      ...policy,
      tiers: { ...policy.tiers, daily: { retentionDays: 1, lock: "none" } },
      storage: { smallFileBytes: 40_000, packBytes: 150_000, concurrency: 4 },
    }),
  });
  files = await seedFiles(lab.project, lab.storage, seed);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

test(`killed at ${kills} random moments, no snapshot is half-made, and the last run has every file`, {
  timeout: killLimit(kills),
}, async () => {
  const env = lab.env();
  let whole = await complete(runner, env);
  for (let killed = 0, attempt = 1; killed < kills && attempt <= 4 * kills; attempt++) {
    const how = await killSomewhere(runner, env, attempt % 2 === 0 ? "SIGTERM" : "SIGKILL", whole);
    if (how === "ended") whole *= 0.9;
    else killed++;
    await expectPublishedWhole();
  }
  await complete(runner, env);
  await lab.retention();
  await expectPublishedWhole();
  const left: string[] = [];
  for await (const { key } of lab.lab.vault.list("snapshots/")) if (key.includes("/journal/")) left.push(key);
  expect(left).toEqual([]);
});

/** Every snapshot that is visible has every file, byte for byte. */
async function expectPublishedWhole(): Promise<void> {
  const sets: string[] = [];
  for await (const { key } of lab.lab.vault.list("snapshots/"))
    if (key.endsWith("/manifest.json")) sets.push(key.split("/")[1] ?? "");
  const { contents } = await lab.read(sets.at(-1) ?? "");
  expect(contents.size).toBe(files.length);
  for (const file of files)
    expect(contents.get(`${file.bucket}/${file.name}`)?.equals(contentOf(file, seed.seed))).toBe(true);
}
