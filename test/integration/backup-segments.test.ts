import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { verifySet } from "../../actions/lib/operations/verify/verify.ts";
import { verifyDetached } from "../../actions/lib/seal/keys/signature.ts";
import { readSet } from "../../actions/lib/vault/sets/catalogue.ts";
import { createProject, dropProject, execute, type LabProject } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { restoreInto, told } from "./restore-lab.ts";

const MiB = 1024 * 1024;
let lab: BackupLab;
let source: LabProject;
let target: LabProject;

beforeAll(async () => {
  // S3's own limits are 10,000 parts and 5 TB an object; two parts of 5 MiB are passed by a table of one page, which is not cut.
  lab = await openBackupLab(sharedS3(), {
    policy: (policy) => ({ ...policy, vault: { ...policy.vault, partBytes: 5 * MiB, maxParts: 2 } }),
  });
  const url = sharedPostgres(17).superuserUrl();
  source = await createProject(url, `segments_${process.pid}`);
  target = await createProject(url, `segments_restored_${process.pid}`);
  // Bytes that no compressor makes smaller.
  await execute(
    source.postgresUrl,
    `create table public.noise (id int primary key, bytes bytea not null);
     insert into public.noise
     select i, (select string_agg(sha512((i * 65536 + j)::text::bytea), null) from generate_series(1, 65536) j)
       from generate_series(1, 4) i`,
  );
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  for (const { name } of [source, target]) await dropProject(sharedPostgres(17).superuserUrl(), name);
});

test("an artifact of more parts than an object may have becomes several, is verified and restored", async () => {
  const { set, tier } = await backUp(lab, source.backupUrl);
  const { manifest } = await readSet(lab.vault, tier, set, (bytes, armored) =>
    verifyDetached(bytes, armored, lab.signers),
  );
  const noise = manifest.artifacts.find(({ tables }) => tables?.includes("public.noise"));
  expect(noise?.segments.map(({ key, parts }) => [key, parts.length])).toEqual([
    [noise?.name, 2],
    [`${noise?.name}.002`, expect.any(Number)],
  ]);

  const options = { trustedSigners: lab.signers, deep: true, privateKey: lab.operations };
  expect((await verifySet(lab.vault, { tier, set }, options, silentLog)).findings).toEqual([]);
  const restored = await restoreInto(lab, target.postgresUrl);
  expect(told(restored, "failed")).toEqual([]);
  expect(restored.outcome).toBe("equal");
});
