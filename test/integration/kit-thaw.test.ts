import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CopyObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { leavesStandard } from "../../actions/lib/vault/bucket/lifecycle.ts";
import { createProject, dropProject, execute, withClient } from "../lab/index.ts";
import { startGlacier } from "../lab/servers/glacier.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { backUp, openBackupLab } from "./backup-lab.ts";
import { runRecover, toolFolder, unpackedKit } from "./kit-lab.ts";

test("an archive in Glacier is told of before it is asked for, asked for once, waited for, and restored by the kit", async () => {
  await using opened = new AsyncDisposableStack();
  const s3 = await startGlacier();
  opened.defer(() => s3.stop());
  // moto answers a question for a lock that an object has not with something that is no XML: this bucket locks nothing.
  const tier = { retentionDays: 1, lock: "none" } as const;
  const lab = opened.use(
    await openBackupLab(s3, {
      lock: false,
      policy: (policy) => ({
        ...policy,
        tiers: { daily: tier, weekly: tier, monthly: tier },
        vault: { ...policy.vault, objectLock: "recommended" },
      }),
    }),
  );
  const { superuserUrl, binDir } = sharedPostgres(17);
  const project = async (name: string) => {
    const made = await createProject(superuserUrl(), `kit_thaw_${name}_${process.pid}`);
    opened.defer(() => dropProject(superuserUrl(), made.name));
    return made;
  };
  const source = await project("source");
  await execute(source.postgresUrl, "create table public.notes as select n from generate_series(1, 500) n");
  const set = await backUp(lab, source.backupUrl, { tier: "monthly" });
  const client = s3.client();
  opened.defer(() => client.destroy());
  const cold = set.artifacts.map(({ name }) => name).filter(leavesStandard);
  for (const [place, name] of cold.entries()) {
    const Key = set.prefix + name;
    const StorageClass = place === 0 ? "DEEP_ARCHIVE" : "GLACIER";
    await client.send(
      new CopyObjectCommand({ Bucket: lab.bucket, Key, CopySource: `${lab.bucket}/${Key}`, StorageClass }),
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-kit-thaw-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const bin = await toolFolder(join(folder, "bin"), binDir);
  const kit = await unpackedKit(lab.env(""), folder, "kit");
  const key = join(folder, "key.asc");
  await writeFile(key, lab.escrow.key.armor(), { mode: 0o600 });
  const target = await project("target");
  const env = {
    ...{ S3_BACKUP_BUCKET: lab.bucket, SIGNING_FINGERPRINT: "kit", THAW_POLL_SECONDS: "0" },
    TARGET_DATABASE_URL: target.postgresUrl,
  };
  const recover = (...args: string[]) => runRecover({ bin, folder, kit }, ["database", "--key", key, ...args], s3, env);

  await s3.restoresTake(2);
  expect(await recover("--dry-run")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(new RegExp(`^${cold.length} objects of .* lie in Glacier: .*\\(1\\) in 12$`, "m")),
  });
  expect(await recover()).toMatchObject({ code: 1, stderr: expect.stringContaining("--thaw asks for them") });
  const done = await recover("--thaw");
  expect(done, done.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("are still on their way") });
  const count = await withClient(target.postgresUrl, (c) => c.query("select count(*)::int as n from public.notes"));
  expect(count.rows).toEqual([{ n: 500 }]);
});
