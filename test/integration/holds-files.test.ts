import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { verifyFiles } from "../../actions/lib/operations/verify/files/verify-files.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { placeHold } from "../../actions/lib/vault/holds/place.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { openShortLab, retainFilesAt } from "./retention-lab.ts";
import type { SyncLab } from "./sync-lab.ts";

let lab: SyncLab;
beforeAll(async () => {
  lab = await openShortLab({ bytes: 200_000 });
});
afterAll(() => lab?.[Symbol.asyncDispose]());

test("the packs that a held snapshot of the files needs outlive rewriting and retention, and a stranger's deletions", async () => {
  const { vault } = lab.lab;
  const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);
  const held = (await lab.sync()).set ?? "";
  const subject = { kind: "files", set: held } as const;
  const common = { format: "lifeboat-hold/1", event: "begin", id: newSetId(new Date()), by: "a test" } as const;
  const hold = { ...common, at: new Date().toISOString(), subject, reason: "x", until: null };
  const vaults = { database: null, files: vault, replica: null };
  const parts = await placeHold(hold, { vaults, verify });
  expect(parts).toMatchObject([{ kind: "files", failed: [] }]);
  const { contents } = await lab.read(held);

  // What lives of the packs becomes so little that it is written anew, and newer snapshots name the old packs no more.
  await lab.sql("delete from storage.objects where name <> (select min(name) from storage.objects)");
  for (let run = 0; run < 3; run++)
    expect(await lab.sync({ acceptShrinkage: true, full: run === 2 })).toMatchObject({
      failure: null,
      counts: { files: 1 },
    });
  const { policy } = await lab.lab.config(lab.project.backupUrl);
  const now = new Date(Date.now() + 400 * 86_400_000);
  const done = await retainFilesAt({ vault, policy, verify, now });
  expect(done.plan.stay.map(({ set }) => set)).toContain(held);
  // Those that nobody holds go at that age, the newest excepted.
  expect(done.plan.go).not.toContain(held);
  expect(done.plan.go.length).toBeGreaterThan(0);

  const everything = await versionsBelow(vault.transport, "");
  const { kept } = await deleteVersions(vault.transport, everything);
  expect(kept.length).toBe(parts[0]?.held);
  expect(everything.length).toBeGreaterThan(kept.length);
  const options = { trustedSigners: lab.lab.signers, lockDays: 0 };
  expect(await verifyFiles(vault, held, options, silentLog)).toMatchObject({ outcome: "whole" });
  const after = await lab.read(held);
  expect([...after.contents.keys()].toSorted()).toEqual([...contents.keys()].toSorted());
  for (const [path, bytes] of contents) expect(after.contents.get(path)?.equals(bytes)).toBe(true);
});
