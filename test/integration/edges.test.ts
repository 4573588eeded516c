import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { becomeOwner, bucket } from "../../scripts/demo/owner.ts";
import { createProject, execute, type LabProject, PLANTED_EMAIL, seedQimma } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { type RunningS3, startS3 } from "../lab/servers/s3.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { compileCache } from "../runner/compile-cache.ts";

const root = new URL("../..", import.meta.url).pathname;
let s3: RunningS3;
let elsewhere: RunningPostgres;
let source: LabProject;
let target: LabProject;
let settings: Record<string, string>;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, args: readonly string[], env: Record<string, string> = settings): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const path = process.env["PATH"] ?? "";
    const tools = {
      LIFEBOAT_PG_BIN: sharedPostgres(17).binDir,
      TMPDIR: tmpdir(),
      LIFEBOAT_BASELINES: process.env["LIFEBOAT_BASELINES"] ?? "",
    };
    const child = spawn(process.execPath, [join(root, script), ...args], {
      cwd: root,
      env: { PATH: path, LIFEBOAT_REASON: "a test", ...tools, ...compileCache, ...env },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const lifeboat = (...args: string[]): Promise<Ended> => run("scripts/lifeboat.mjs", args);
const action = (name: string, env: Record<string, string>): Promise<Ended> =>
  run(`actions/${name}/main.ts`, [], { ...settings, ...env });

beforeAll(async () => {
  [s3, elsewhere] = await Promise.all([startS3(), startPostgres(17)]);
  await s3.createBucket(bucket);
  const owner = await becomeOwner(mkdtempSync(join(tmpdir(), "edges-")), s3);
  source = await createProject(sharedPostgres(17).superuserUrl(), "edges_source");
  target = await createProject(elsewhere.superuserUrl(), "edges_target");
  await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 7 });
  // This project is one without files: half of their settings would be a mistake.
  const { S3_STORAGE_BUCKET: _files, ...ownSettings } = owner.settings;
  settings = { ...ownSettings, DATABASE_URL: source.backupUrl, TARGET_DATABASE_URL: target.postgresUrl };
});

afterAll(async () => {
  await Promise.all([s3?.stop(), elsewhere?.stop()]);
});

/** All but what every run leaves: its report, and its entries in the audit trail. */
const objects = async (): Promise<string[]> => {
  const client = s3.client();
  const listed = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  client.destroy();
  return (listed.Contents ?? []).map(({ Key }) => Key ?? "").filter((key) => !/^(?:reports|audit)\//.test(key));
};

describe("the command line", () => {
  test("wrong use ends with 2 and says what to do, on stderr and as JSON", async () => {
    const unknown = await lifeboat("bakcup");
    expect(unknown).toMatchObject({ code: 2, stdout: "" });
    expect(unknown.stderr).toMatch(
      /^error: There is no command 'bakcup'\.\nnext: {2}The commands are access, audit, backup, /,
    );
    const json = await lifeboat("backup", "--tier", "yearly", "--json");
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: "usage" } });
  });

  test("settings that are missing are named all at once", async () => {
    const { code, stderr } = await run("scripts/lifeboat.mjs", ["check"], {});
    expect(code).toBe(2);
    for (const name of ["DATABASE_URL", "S3_BACKUP_BUCKET", "AWS_REGION", "BACKUP_SIGNING_KEY"]) {
      expect(stderr).toContain(name);
    }
  });

  test("check says that a backup can run, and keys check that the keys are as pinned", async () => {
    expect(await lifeboat("check")).toMatchObject({ code: 0, stdout: expect.stringContaining("A backup can run") });
    expect(await lifeboat("keys", "check")).toMatchObject({ code: 0, stdout: expect.stringContaining("operations") });
  });

  test("a dry run of a backup writes nothing", async () => {
    const before = await objects();
    expect((await lifeboat("backup", "--tier", "weekly", "--dry-run")).code).toBe(0);
    expect(await objects()).toEqual(before);
  });

  test("backup, list, verify and restore work one after the other, and speak JSON", async () => {
    const made = await lifeboat("backup", "--tier", "weekly", "--json");
    expect(made.code, made.stderr).toBe(0);
    const { set } = JSON.parse(made.stdout);

    const listed = JSON.parse((await lifeboat("list", "--json")).stdout);
    expect(listed.sets).toMatchObject([{ set, tier: "weekly", signature: "verified" }]);

    const verified = await lifeboat("verify", "latest", "--deep", "--json");
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ set, outcome: "whole", deep: true });

    const rehearsed = await lifeboat("restore", set, "--dry-run", "--json");
    expect(JSON.parse(rehearsed.stdout)).toMatchObject({ outcome: "dry-run" });

    const restored = await lifeboat("restore", "latest");
    expect(restored.stdout).toMatch(/ and equal to it: /);
    expect(restored.code, restored.stderr).toBe(0);

    const again = await lifeboat("restore", "latest");
    expect(again.code).toBe(2);
    for (const { stdout, stderr } of [made, verified, restored, again]) {
      expect(stdout + stderr).not.toContain(PLANTED_EMAIL);
    }
  });

  test("a table that was emptied gets its rows back from a set, the number told, and is emptied again by the undo", async () => {
    await execute(
      target.superuserUrl,
      "alter table public.duplicates disable trigger all; delete from public.duplicates",
    );
    const repair = (...more: string[]) =>
      lifeboat("repair", "latest", "--table", "public.duplicates", "--missing", ...more);
    const planned = await repair("--dry-run", "--json");
    expect(planned.code, planned.stderr).toBe(0);
    const { rows } = JSON.parse(planned.stdout);
    expect(rows).toBeGreaterThan(0);
    const unexpected = await repair("--expect-rows", String(rows + 1));
    expect(unexpected).toMatchObject({ code: 2, stderr: expect.stringContaining("would change, not") });
    const repaired = await repair("--expect-rows", String(rows), "--json");
    expect(repaired.code, repaired.stderr).toBe(0);
    const { id, outcome } = JSON.parse(repaired.stdout);
    expect(outcome).toBe("repaired");
    const again = await repair("--dry-run");
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing is to be put back") });
    const undone = await lifeboat("repair", "--undo", id);
    expect(undone.code, undone.stderr).toBe(0);
    expect((await repair()).code).toBe(2);
    for (const { stdout, stderr } of [planned, unexpected, repaired, again, undone])
      expect(stdout + stderr).not.toContain(PLANTED_EMAIL);
  });

  test("a month's archive is made once, and once more when that is asked for", async () => {
    const made = JSON.parse((await lifeboat("backup", "--tier", "monthly", "--json")).stdout);
    const before = await objects();
    const second = await lifeboat("backup", "--tier", "monthly");
    expect(second).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`this month's monthly set already: ${made.set}`),
    });
    expect(await objects()).toEqual(before);
    const another = JSON.parse((await lifeboat("backup", "--tier", "monthly", "--again", "--json")).stdout);
    expect(another.tier).toBe("monthly");
    expect(another.set).not.toBe(made.set);
    expect(await lifeboat("thaw", "latest")).toMatchObject({ code: 0, stdout: expect.stringContaining("can be read") });
  });

  test("a damaged set ends verify with 1", async () => {
    const made = JSON.parse((await lifeboat("backup", "--tier", "daily", "--json")).stdout);
    const client = s3.client();
    const Key = `${made.prefix}roles.sql.zst.pgp`;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "something else" }));
    client.destroy();
    const verified = await lifeboat("verify", made.set);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/DAMAGED/);
  });
});

describe("the actions", () => {
  const report = (): { readonly files: Record<string, string>; read(name: string): string } => {
    const folder = mkdtempSync(join(tmpdir(), "edges-action-"));
    const files = { GITHUB_OUTPUT: join(folder, "output"), GITHUB_STEP_SUMMARY: join(folder, "summary") };
    for (const file of Object.values(files)) writeFileSync(file, "");
    return { files, read: (name) => readFileSync(join(folder, name), "utf8") };
  };

  test("a backup puts its set into the outputs and a page into the summary", async () => {
    const { files, read } = report();
    const ended = await action("backup-database", { ...files, INPUT_TIER: "daily" });
    expect(ended.code, ended.stdout).toBe(0);
    expect(ended.stdout).toContain("::group::");
    expect(read("output")).toMatch(/set<<[\s\S]*\d{8}T\d{6}Z-[0-9a-f]{8}/);
    expect(read("summary")).toMatch(/## Backup set[\s\S]*\| data\//);
    const verified = await action("verify-backup", { ...files, INPUT_SET: "latest", INPUT_DEEP: "true" });
    expect(verified.code).toBe(0);
  });

  test("a rehearsal of a backup that cannot run fails the job", async () => {
    const { files, read } = report();
    const asked = { ...files, INPUT_TIER: "daily", "INPUT_DRY-RUN": "true" };
    const ended = await action("backup-database", { ...asked, S3_BACKUP_BUCKET: "nowhere-to-be-found" });
    expect(ended.code, ended.stdout).toBe(1);
    expect(read("output")).toMatch(/preflight-failed/);
    expect(read("summary")).toMatch(/no set could be made; none was[\s\S]*\| bucket \|/);
  });

  test("what is refused fails the job with what to do and the page to read", async () => {
    const { files, read } = report();
    const full = await action("restore", { ...files, INPUT_SET: "latest", INPUT_TARGET: "default" });
    expect(full.code).toBe(1);
    expect(full.stdout).toMatch(/::error::.*runbooks\/restore-failed\.md/);
    expect(read("summary")).toContain("## Restore failed");
    const foreign = await action("restore", { ...files, INPUT_SET: "latest", INPUT_TARGET: "production" });
    expect(foreign.stdout).toMatch(/::error::.*target/);
  });
});
