import { readFile, writeFile } from "node:fs/promises";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { beforeEach, expect, test } from "vitest";
import { generateKey } from "../../actions/lib/seal/keys/private-key.ts";
import { sharedS3 } from "../lab/servers/started.ts";
import { openSyncScene, pathOf, type SyncScene } from "./sync-scene.ts";

/** Storage has a row and no bytes: what the vault has may be the only copy. */
let scene: SyncScene;
beforeEach(async () => {
  scene = await openSyncScene();
  return () => scene[Symbol.asyncDispose]();
});

const lose = async (...files: SyncScene["files"]): Promise<void> => {
  for (const file of files) await scene.storage.files.remove(await scene.versionOf(file));
};
const lostOf = async (set: string) => {
  const { findings } = await scene.read(set);
  const lost = findings.filter(({ kind }) => kind === "lost");
  return Object.fromEntries(lost.map((one) => [pathOf(one), one.detail]));
};

test("a full run keeps and names the vault's copies of lost files, and none of other content or of a damaged object", async () => {
  const { small, large } = scene;
  const { set } = await scene.sync();
  const before = await scene.read(set);
  await lose(small, large);
  const full = await scene.sync({ full: true });
  expect(full.counts).toMatchObject({ files: 24, filesCopied: 22, findings: { lost: 2 } });
  expect(full.failure).toContain("2 lost");
  expect(full.warnings).toContain(`2 files that the source has lost: the copy of snapshot ${set} is kept.`);
  const kept = expect.stringMatching(`; the copy of snapshot ${set} is kept$`);
  expect(await lostOf(full.set)).toEqual({ [pathOf(small)]: kept, [pathOf(large)]: kept });
  await scene.expectWhole(full.set);
  expect((await scene.sync()).counts).toMatchObject({ files: 24, filesCopied: 0, filesChanged: 0, findings: {} });

  // A newer content was lost, and the vault never had it; the other's object is gone from the vault.
  await scene.sql("update storage.objects set version = 'newer' where bucket_id = $1 and name = $2", [
    ...[small.bucket, small.name],
  ]);
  const s3 = sharedS3().client();
  await s3.send(
    new DeleteObjectCommand({ Bucket: scene.lab.bucket, Key: before.entries.get(pathOf(large))?.object ?? "" }),
  );
  s3.destroy();
  const again = await scene.sync({ full: true });
  expect(again.counts).toMatchObject({ files: 22, findings: { lost: 2 } });
  expect(again.warnings.join()).toMatch(/1 file that the source has lost: the copy that snapshot \S+ names is damaged/);
  expect(await lostOf(again.set)).toEqual({
    [pathOf(small)]: expect.not.stringContaining("copy"),
    [pathOf(large)]: expect.stringMatching(/the copy that snapshot \S+ names is damaged$/),
  });
  await scene.expectWhole(again.set, [small, large]);
});

test("a full run keeps and names the vault's copies of files that were renamed since and then lost", async () => {
  const { small, large, files } = scene;
  const { set } = await scene.sync();
  const move = (file: SyncScene["small"], version: string) =>
    scene.sql("update storage.objects set name = 'moved/' || name, version = $3 where bucket_id = $1 and name = $2", [
      ...[file.bucket, file.name, version],
    ]);
  const fresh = files.find((file) => file !== small && file !== large && file.bytes > 0) ?? small;
  await lose(small, large, fresh);
  for (const file of [small, large]) await move(file, `moved-${file.name}`);
  // Another content under another name, which the vault never had.
  await move(fresh, "another");
  await scene.sql("update storage.objects set id = gen_random_uuid() where name = $1", [`moved/${fresh.name}`]);
  const moved = [small, large, fresh].map((file) => ({ ...file, name: `moved/${file.name}` }));
  const full = await scene.sync({ full: true });
  expect(full.counts).toMatchObject({ files: 23, filesChanged: 24, findings: { lost: 3 } });
  expect(full.warnings).toContain(`2 files that the source has lost: the copy of snapshot ${set} is kept.`);
  const lost = await lostOf(full.set);
  for (const [at, file] of [small, large].entries()) {
    expect(lost[pathOf(moved[at] ?? file)]).toContain(`; the copy of snapshot ${set}, there ${pathOf(file)}, is kept`);
  }
  expect(lost[pathOf(moved[2] ?? fresh)]).not.toContain("copy");
  const { contents } = await scene.read(full.set);
  for (const file of [small, large]) {
    expect(contents.get(`${file.bucket}/moved/${file.name}`)?.length, file.name).toBe(file.bytes);
  }
  const after = await scene.sync();
  expect(after.counts).toMatchObject({ files: 23, filesCopied: 0, findings: { lost: 1 } });
});

test("a full run says which snapshot may have copies of lost files where its lists stay closed", async () => {
  const { set } = await scene.sync();
  await lose(scene.small);
  const passphrase = "another passphrase";
  const expires = new Date(Date.now() + 86_400_000);
  const made = await generateKey({ role: "signing", project: "lab", passphrase, expires });
  const path = scene.env()["LIFEBOAT_POLICY"] ?? "";
  const policy = JSON.parse(await readFile(path, "utf8"));
  policy.keys.signing.unshift(made.fingerprint);
  await writeFile(path, JSON.stringify(policy));
  const change = {
    BACKUP_PUBLIC_KEYS: `${scene.lab.publicKeys}\n${made.publicArmored}`,
    ...{ BACKUP_SIGNING_KEY: made.privateArmored, BACKUP_SIGNING_PASSPHRASE: passphrase },
  };
  const full = await scene.sync({ full: true }, change);
  expect(full.counts).toMatchObject({ files: 23, findings: { lost: 1 } });
  expect(full.warnings.join()).toMatch(`Snapshot ${set} may have, but its lists could not be read`);
  expect(full.failure).toContain("1 lost");
});
