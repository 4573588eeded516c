import { afterAll, beforeAll, expect, test } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { askingBefore } from "../../actions/lib/operations/restore-files/run-restore-files.ts";
import { sendFiles } from "../../actions/lib/operations/restore-files/send-files.ts";
import { findSnapshotFor } from "../../actions/lib/operations/restore-files/vault-snapshot.ts";
import { inspectSnapshots } from "../../actions/lib/operations/sync/made-in-period.ts";
import { signDetached, verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { releaseVerifier } from "../../actions/lib/vault/configured.ts";
import { resolveSnapshot } from "../../actions/lib/vault/files/snapshot-catalogue.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { beginIncident, endIncident } from "../../actions/lib/vault/incident/write.ts";
import { unfinishedUploads } from "../../actions/lib/vault/s3/segment-writer.ts";
import { seedFiles } from "../lab/storage/index.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

let lab: SyncLab;
beforeAll(async () => {
  lab = await openSyncLab();
  await seedFiles(lab.project, lab.storage, { count: 12, bytes: 200_000, seed: 9 });
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.lab.signers);

test("a sync goes on during an incident, under its mark: vanished files are no obstacle, and nothing takes it for the newest", async () => {
  const { vault, signers } = lab.lab;
  const good = await lab.sync();
  const incident = { id: newSetId(new Date()), reason: "files were deleted", by: "a test", at: new Date() };
  await beginIncident(vault, incident, undefined);
  // What a killed run was sending may tell something.
  const uploads = (await unfinishedUploads(vault.transport, "")).length;
  // Two thirds of all files are gone: without the incident the policy's bound would refuse that.
  await lab.sql("delete from storage.objects where name in (select name from storage.objects order by name limit 8)");
  const marked = await lab.sync();
  expect((await lab.read(marked.set)).entries.size).toBe(4);
  expect(marked.warnings.join()).toMatch(/compaction.*incident/);
  expect((await unfinishedUploads(vault.transport, "")).length).toBe(uploads);

  const told: string[] = [];
  expect(await resolveSnapshot(vault, "latest", { verify, passedOver: (line) => void told.push(line) })).toBe(good.set);
  expect(told.join()).toContain(marked.set);
  const later = { set: "20991231T000000Z-00000000", snapshotAt: "2099-12-31T00:00:00Z" };
  expect(await findSnapshotFor(vault, later, verify)).toMatchObject({ set: good.set });
  // It goes with its own database set.
  expect(await findSnapshotFor(vault, { ...later, files: { set: marked.set } }, verify)).toMatchObject({
    set: marked.set,
  });

  // As long as it is on, the period has its snapshot; after its end the next attempt makes a good one.
  expect((await inspectSnapshots(vault, "day", signers, silentLog)).made?.set).toBe(marked.set);
  const ends = await releaseVerifier(await lab.lab.config("postgresql://lifeboat@127.0.0.1:1/x"));
  await endIncident(vault, incident, (bytes) => signDetached(bytes, lab.lab.operations), ends);
  expect((await inspectSnapshots(vault, "day", signers, silentLog, ends)).made).toBeUndefined();
  // What vanished meanwhile is measured by the newest good snapshot, not by the one under the mark.
  await expect(lab.sync()).rejects.toMatchObject({ code: "shrunk", message: expect.stringContaining(good.set) });
  const accepted = await lab.sync({ acceptShrinkage: true });
  expect(await resolveSnapshot(vault, "latest", { verify })).toBe(accepted.set);
});

test("files that are being replaced stop at an incident's begin: what was sent is sent, nothing more is", async () => {
  const sent: string[] = [];
  const files = Array.from({ length: 20 }, (_, n) => ({
    bucket: "b",
    name: `n${n}`,
    bytes: 1,
    object: `o${n}`,
    sha256: "",
  }));
  const target = {
    put: async ({ name }: { name: string }) => {
      sent.push(name);
      return "etag-2";
    },
  };
  let asked = 0;
  const gate = async (): Promise<void> => {
    if (++asked > 5) throw new OperationError("incident-on", "Stopped: an incident is on.");
  };
  const snapshot = {
    async *open(some: readonly { name: string }[]) {
      for (const file of some) yield { file, content: bytes() };
    },
  };
  const task = {
    snapshot,
    target: askingBefore(target as never, gate),
    width: 1,
    sent: async () => {},
    failed: () => {},
    log: silentLog,
  };
  const oneByte = "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a";
  const all = files.map((file) => ({ ...file, sha256: oneByte }));
  await expect(sendFiles(all as never, task as never)).rejects.toMatchObject({ code: "incident-on" });
  expect(sent.length).toBe(5);
});

async function* bytes() {
  yield Buffer.from([1]);
}
