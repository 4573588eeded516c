import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { lifeboat } from "../lab/command-line.ts";
import { withClient } from "../lab/index.ts";
import { type SeedFile, seedFiles } from "../lab/storage/index.ts";
import { targetEnv } from "./files-lab.ts";
import { state } from "./restore-files-lab.ts";
import { openSyncLab, type SyncLab } from "./sync-lab.ts";

let lab: SyncLab;
let files: SeedFile[];
let set: string;

beforeAll(async () => {
  lab = await openSyncLab();
  files = await seedFiles(lab.project, lab.storage, { count: 12, bytes: 120_000, seed: 3 });
  const config = await loadConfig({
    needs: ["source", "vault", "storageVault", "sourceStorage", "signing"],
    env: lab.env(),
  });
  set = (await runBackup({ tier: "daily", config, log: lab.log, files: { config, log: lab.log } })).set;
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const ref = "abcdefghijklmnopqrst";
const planned = z.object({
  ...{ repair: z.string(), hash: z.string(), rows: z.number() },
  files: z.object({ counts: z.looseObject({ sent: z.number(), sentBytes: z.number() }) }),
});
const done = z.object({
  outcome: z.string(),
  rows: z.number(),
  files: z.object({ counts: z.looseObject({ sent: z.number() }) }),
});

/** What the command said as JSON, once it has ended with this code. */
async function repair(code: number, ...args: readonly string[]): Promise<unknown> {
  const env = {
    ...lab.env(),
    ...targetEnv(lab.project, lab.storage),
    RESTORE_PRIVATE_KEY: lab.lab.operations.key.armor(),
  };
  const ended = await lifeboat(["repair", ...args, "--production", ref, "--json"], { ...env, TARGET_PROJECT_REF: ref });
  expect(ended, ended.stderr).toMatchObject({ code });
  return code === 0 ? JSON.parse(ended.stdout) : ended.stderr;
}

test("rows of storage.objects that went with their bytes come back with them, from plan to apply, and no others", async () => {
  const before = await state(lab.project, lab.storage);
  const [gone, kept] = [files.slice(0, 3), files.slice(3, 5)];
  await withClient(lab.project.superuserUrl, async (client) => {
    for (const { bucket, name } of [...gone, ...kept]) {
      const { rows } = await client.query<{ version: string }>(
        "select version from storage.objects where bucket_id = $1 and name = $2",
        [bucket, name],
      );
      await lab.storage.files.remove(rows[0]?.version ?? "");
    }
  });
  for (const { bucket, name } of gone)
    await lab.sql("delete from storage.objects where bucket_id = $1 and name = $2", [bucket, name]);
  const plan = planned.parse(
    await repair(0, set, "--table", "storage.objects", "--missing", "--dry-run", "--with-files"),
  );
  expect(plan.rows).toBe(3);
  const sentBytes = gone.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(plan.files.counts).toMatchObject({ sent: 3, sentBytes });
  expect(await state(lab.project, lab.storage)).toHaveLength(before.length - 3);

  const apply = ["--apply", plan.repair, "--plan-hash", plan.hash];
  expect(await repair(2, "--undo", plan.repair, "--with-files")).toContain("undo takes no file away");
  expect(done.parse(await repair(0, ...apply, "--with-files"))).toMatchObject({
    ...{ outcome: "repaired", rows: 3 },
    files: { counts: { sent: 3 } },
  });
  const after = await state(lab.project, lab.storage);
  const bytesOf = (all: typeof before) => new Map(all.map((file) => [`${file.bucket_id}/${file.name}`, file.bytes]));
  const wanted = bytesOf(before);
  // Those whose rows were never gone are not the repair's: `lifeboat restore-files` brings them.
  for (const { bucket, name } of kept) wanted.set(`${bucket}/${name}`, undefined);
  expect(bytesOf(after)).toEqual(wanted);
});
