import { afterAll, beforeAll, expect, test } from "vitest";
import { type Policy, policySchema } from "../../actions/lib/config/policy/policy.ts";
import { noteRemoval } from "../../actions/lib/operations/retention/removal-note.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { newSetId } from "../../actions/lib/vault/format/manifest.ts";
import { filesPrefixes, snapshotPrefix } from "../../actions/lib/vault/format/names.ts";
import { holdKey } from "../../actions/lib/vault/holds/register.ts";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { openShortLab, retainFilesAt } from "../integration/retention-lab.ts";
import type { SyncLab } from "../integration/sync-lab.ts";

/** What somebody with the stolen role of retention, who deletes the manifest of a snapshot of the files, gets ours to finish: nothing. */

const day = 86_400_000;
let lab: SyncLab;
let vault: Vault;
/** Oldest first. */
const snapshots: string[] = [];
/** Snapshots are kept for thirty days. */
let policy: Policy;

beforeAll(async () => {
  lab = await openShortLab({ bytes: 400_000 });
  vault = lab.lab.vault;
  const { policy: short } = await lab.lab.config(lab.project.backupUrl);
  const tier = { retentionDays: 30, lock: "none" } as const;
  policy = policySchema.parse({ ...short, tiers: { daily: tier, weekly: tier, monthly: tier } });
  for (const _ of [1, 2, 3]) {
    snapshots.push((await lab.sync({ acceptShrinkage: true, full: true })).set);
    // What only the snapshots before it name.
    await lab.sql("delete from storage.objects where name in (select name from storage.objects order by name limit 3)");
  }
});
afterAll(() => lab?.[Symbol.asyncDispose]());

async function keys(): Promise<string[]> {
  const below = await Promise.all(filesPrefixes.map((prefix) => versionsBelow(vault.transport, prefix)));
  // Nobody needs a journal once its snapshot is there.
  return [...new Set(below.flat().map(({ key }) => key))].filter((key) => !key.includes("/journal/")).sort();
}

const retain = (days: number) =>
  retainFilesAt({
    ...{ vault, policy, now: new Date(Date.now() + days * day) },
    verify: (bytes, armored) => verifyDetached(bytes, armored, lab.lab.signers),
  });

async function destroy(key: string): Promise<() => Promise<unknown>> {
  const { body } = await vault.get(key);
  const versions = (await versionsBelow(vault.transport, key)).filter((version) => version.key === key);
  expect((await deleteVersions(vault.transport, versions)).kept).toEqual([]);
  return () => vault.put(key, body);
}

test("a held snapshot whose manifest and signature are gone keeps everything where it is", async () => {
  const [, middle = ""] = snapshots;
  const entry = holdKey(middle, newSetId(new Date()));
  const common = { format: "lifeboat-hold/1", event: "begin", id: entry.slice(-30, -5), by: "a test" };
  const begin = { ...common, at: new Date().toISOString(), reason: "an appeal", until: null };
  await vault.put(entry, Buffer.from(JSON.stringify({ ...begin, subject: { kind: "files", set: middle } })));
  const manifest = `${snapshotPrefix(middle)}manifest.json`;
  const backAgain = [await destroy(manifest), await destroy(`${manifest}.sig`)];
  const before = await keys();
  const done = await retain(40);
  expect(done.plan.heldBack).toMatch(new RegExp(`snapshot ${middle} is held and has no manifest`));
  expect(await keys()).toEqual(before);
  for (const back of backAgain.toReversed()) await back();
  await deleteVersions(vault.transport, await versionsBelow(vault.transport, entry));
});

test("while the manifest of a signed snapshot is gone, nothing goes, and a record that names it before its time changes nothing", async () => {
  const [oldest = ""] = snapshots;
  await destroy(`${snapshotPrefix(oldest)}manifest.json`);
  const before = await keys();
  for (const forged of [false, true]) {
    if (forged) await noteRemoval(vault, Date.now(), { sets: [], snapshots: [oldest] });
    const done = await retain(8);
    expect(done.alarms.join(" ")).toMatch(
      new RegExp(`published once, and their manifests deleted, and not by Lifeboat: 1 snapshot \\(${oldest}\\)`),
    );
    expect(done.plan.heldBack).toMatch(/which files it needs cannot be read/);
    expect(await keys()).toEqual(before);
  }
});

test("what retention has announced and begun to remove, it ends", async () => {
  const [oldest = "", , newest = ""] = snapshots;
  const done = await retain(40);
  expect(done.alarms).toEqual([]);
  const left = await keys();
  expect(left.some((key) => key.includes(newest))).toBe(true);
  expect(left.filter((key) => key.startsWith(snapshotPrefix(oldest)))).toEqual([]);
});
