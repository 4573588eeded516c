import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import { runRestoreFiles } from "../../actions/lib/operations/restore-files/run-restore-files.ts";
import { everyFile } from "../../actions/lib/operations/restore-files/selection.ts";
import { openProjectFiles } from "../../actions/lib/storage/project-files.ts";
import { createProject, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { type RunningStorage, startStorage } from "../lab/storage/index.ts";
import { type FilesLab, openFilesLab, targetEnv } from "./files-lab.ts";
import { state } from "./restore-files-lab.ts";

const superuserUrl = sharedPostgres(17).superuserUrl();

/** What Supabase's dashboard lets people call a bucket (isValidBucketName), and some that only SQL makes. */
const names = [
  ...["what?", "Exam Files (2024)", "a&b=c+d", "UPPER.case_x", "it's,ok;:@$", "100% done", "-lead", "trail ", " lead"],
  ...["ünïcode", "x".repeat(100), "a#b", "arn:x", "arn:aws:s3:::y", "%41", "!", "192.168.0.1", "lifeboat-stand-in"],
];

let lab: FilesLab;
let source: LabProject;
let storage: RunningStorage;

beforeAll(async () => {
  lab = await openFilesLab();
  source = await createProject(superuserUrl, `odd_buckets_${process.pid}`);
  storage = await startStorage(source);
  await withClient(source.superuserUrl, (client) =>
    client.query("insert into storage.buckets (id, name) select b, b from unnest($1::text[]) b", [names]),
  );
  const { endpoint, region, accessKeyId, secretAccessKey } = storage;
  const settings = { endpoint, region, accessKeyId, secretAccessKey: new Secret(secretAccessKey), prefix: "SUPABASE" };
  using files = openProjectFiles(settings, { side: "target" });
  for (const bucket of names) {
    const head = { bucket, contentType: "text/plain", cacheControl: "max-age=77" };
    await files.put({ ...head, name: "sp ace/plus+and&=?.bin" }, Buffer.from(`in ${bucket}`));
    await files.put({ ...head, name: "lifeboat-stand-in/dir//double" }, Buffer.from(`also in ${bucket}`));
  }
});
afterAll(async () => {
  await storage?.stop();
  await lab?.[Symbol.asyncDispose]();
});

test("buckets of any name are copied and come back with their files", async () => {
  expect(await lab.sync(source, storage)).toMatchObject({ counts: { files: names.length * 2 } });
  const target = await createProject(superuserUrl, `odd_buckets_target_${process.pid}`);
  await using served = await startStorage(target);
  const needs = ["storageVault", "opening", "target", "targetStorage"] as const;
  const config = await loadConfig({ needs, env: { ...lab.env, ...targetEnv(target, served) } });
  const request = {
    ref: "latest",
    choice: everyFile,
    overwrite: false,
    erasures: undefined,
    dryRun: false,
    production: undefined,
  };
  const result = await runRestoreFiles({ config, ...request, sample: 1, log: silentLog });
  expect(result).toMatchObject({ outcome: "equal", counts: { sent: names.length * 2 }, findings: [] });
  expect(await state(target, served)).toEqual(await state(source, storage));
});
