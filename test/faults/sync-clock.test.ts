import { expect, test } from "vitest";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { openSyncLab } from "../integration/sync-lab.ts";
import { contentOf, seedFiles } from "../lab/storage/index.ts";

test("what a run has left whose clock was ahead takes nothing from the snapshots of the runs after it", async () => {
  // Unlocked: a lock would only put the loss off.
  const daily = { retentionDays: 30, lock: "none" } as const;
  await using lab = await openSyncLab({ policy: (policy) => ({ ...policy, tiers: { ...policy.tiers, daily } }) });
  const files = await seedFiles(lab.project, lab.storage, { count: 12, bytes: 40_000, seed: 5 });
  const ahead = newSetId(new Date(Date.now() + 3_600_000));
  await lab.sync({ set: ahead, part: { has: () => true } });
  const sets = [(await lab.sync()).set, (await lab.sync({ full: true })).set];
  expect(sets.every((set) => set < ahead)).toBe(true);
  for (const set of sets) {
    const { contents } = await lab.read(set);
    expect(contents.size).toBe(files.length);
    for (const file of files)
      expect(contents.get(`${file.bucket}/${file.name}`)?.equals(contentOf(file, 5))).toBe(true);
  }
});
