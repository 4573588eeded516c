import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { openPackWriter } from "../../actions/lib/operations/sync/store/pack-writer.ts";
import { sealArtifact } from "../../actions/lib/seal/body/artifact.ts";
import { newSessionKey } from "../../actions/lib/seal/keys/session-key.ts";
import { simulateYear } from "./files-year.ts";

const kept = (monthly: number) => ({
  ...{ daily: { retentionDays: 30 }, weekly: { retentionDays: 84 }, monthly: { retentionDays: monthly } },
});

test("a year of documents adds to the vault what changed and two percent at most", async () => {
  const project = { files: 5000, meanBytes: 200_000, dailyShare: 0.005, tiers: kept(2557) };
  const year = await simulateYear(project, await sealedShare(project.meanBytes));
  expect(year.newBases).toBeGreaterThan(0);
  expect(year.addedStored).toBeLessThan(year.changedBytes * 1.02);
  expect(year.heldStored - year.firstStored).toBeLessThan(year.changedBytes * 1.02);
});

test("a year of small files adds what changed and the size of their entries", async () => {
  const project = { files: 6000, meanBytes: 20_000, dailyShare: 0.005, tiers: kept(2557) };
  const year = await simulateYear(project, await sealedShare(project.meanBytes));
  expect(year.addedStored).toBeLessThan(year.changedBytes * 1.04);
});

test("where no snapshot is kept for long, what was replaced goes and packs are copied together", async () => {
  const project = { files: 2500, meanBytes: 200_000, dailyShare: 0.01, tiers: kept(84) };
  const year = await simulateYear(project, await sealedShare(project.meanBytes));
  expect(year.recopied).toBeGreaterThan(0);
  expect(year.heldStored - year.firstStored).toBeLessThan(year.changedBytes * 0.8);
});

/** Stored bytes for each byte of contents that nothing compresses, in a real pack. */
async function sealedShare(fileBytes: number): Promise<number> {
  const files = Math.min(4096, Math.ceil((8 * 1024 * 1024) / fileBytes));
  let stored = 0;
  const key = newSessionKey();
  const writer = openPackWriter({
    store: {
      async pack(source) {
        for await (const block of sealArtifact(source, key)) stored += block.byteLength;
        return { key: "packs/x", files: 0, fileBytes: 0, plainBytes: 0, segments: [] };
      },
    },
    packBytes: Number.POSITIVE_INFINITY,
    onStored: async () => {},
    onFailure(error) {
      throw error;
    },
  });
  const row = {
    ...{ bucket: "b", id: null, version: null, etag: null, rowBytes: fileBytes, mimetype: null, cacheControl: null },
    ...{ ownerId: null, owner: null, createdAt: null, updatedAt: null, lastModified: null, userMetadata: null },
  };
  const facts = { bytes: fileBytes, sha256: "0".repeat(64), md5: "", contentType: null, cacheControl: null };
  for (let n = 0; n < files; n++)
    await writer.add({ row: { ...row, name: String(n) }, content: randomBytes(fileBytes), facts });
  await writer.finish();
  return stored / (files * fileBytes);
}
