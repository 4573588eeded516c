import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { createProject, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type RunningStorage, seedFiles, startStorage } from "../lab/storage/index.ts";
import { type FilesLab, openFilesLab } from "./files-lab.ts";
import { recoverPageOf } from "./recovery-lab.ts";
import { openRecoveryMachine, type RecoveryMachine } from "./recovery-machine.ts";

const server = sharedPostgres(17);
let lab: FilesLab;
let source: LabProject;
let storage: RunningStorage;
let machine: RecoveryMachine;
let vault: Vault;
let page: string;
let first: string;

beforeAll(async () => {
  lab = await openFilesLab();
  source = await createProject(server.superuserUrl(), `recover_files_${process.pid}`);
  storage = await startStorage(source);
  await seedFiles(source, storage, { count: 50, bytes: 500_000, seed: 12 });
  first = (await lab.sync(source, storage)).set;
  const s3 = storage.client();
  await s3.send(
    new PutObjectCommand({ Bucket: "processed-results", Key: "large.bin", Body: Buffer.alloc(9_000_000, 7) }),
  );
  await s3.send(
    new PutObjectCommand({ Bucket: "processed-results", Key: "same content.bin", Body: Buffer.alloc(9_000_000, 7) }),
  );
  await s3.send(
    new PutObjectCommand({
      Bucket: "exam-files",
      Key: "plain/report.pdf",
      Body: "another",
      ContentType: "application/pdf",
    }),
  );
  await s3.send(new DeleteObjectCommand({ Bucket: "exam-files", Key: "double//slash/report.pdf" }));
  s3.destroy();
  const newest = (await lab.sync(source, storage)).set;
  machine = await openRecoveryMachine(lab.sets, server.binDir);
  vault = openVault(sharedS3().bucketAccess(lab.bucket));
  page = await recoverPageOf(vault, `snapshots/${newest}/`);
});
afterAll(async () => {
  vault?.close();
  await machine?.[Symbol.asyncDispose]();
  await storage?.stop();
  await lab?.[Symbol.asyncDispose]();
});

const follow = (work: string, more: Record<string, string> = {}) =>
  machine.follow(page, { S3_STORAGE_BUCKET: lab.bucket, WORK: join(lab.sets.folder, work), ...more });

async function filesNow() {
  const found = await withClient(source.superuserUrl, (client) =>
    client.query("select bucket_id as bucket, name, version from storage.objects"),
  );
  return found.rows;
}

async function planOf(work: string): Promise<Map<string, string[]>> {
  const text = await readFile(join(lab.sets.folder, work, "plan.tsv"), "utf8");
  return new Map(
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"))
      .map((cells) => [`${cells[4]}/${cells[5]}`, cells]),
  );
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe("RECOVER.md of the files, run as a script", () => {
  test("takes out every file of the newest snapshot with stock tools", async () => {
    const { stdout } = await follow("whole");
    const files = await filesNow();
    expect(stdout).toContain(`whole: ${files.length} files`);
    const plan = await planOf("whole");
    expect(plan.size).toBe(files.length);
    for (const { bucket, name, version } of files) {
      const local = plan.get(`${bucket}/${name}`)?.[3] ?? "";
      const [taken, there] = await Promise.all([
        readFile(join(lab.sets.folder, "whole", local)),
        readFile(storage.files.path(version)),
      ]);
      expect(sha256(taken), name).toBe(sha256(there));
    }
    expect(await readFile(join(lab.sets.folder, "whole/files/exam-files/plain/report.pdf"), "utf8")).toBe("another");
  });

  test("takes out what is asked for alone, of an earlier snapshot too", async () => {
    const { stdout } = await follow("some", { SNAPSHOT: first, ONLY: "^exam-files/(plain|double)/" });
    expect(stdout).toContain("whole: 2 files");
    const plan = await planOf("some");
    expect(plan.get("exam-files/double//slash/report.pdf")?.[3]).toMatch(/^odd\/\d+$/);
  });

  test("stops when an object is not what was signed", async () => {
    const objects: string[] = [];
    for await (const { key } of vault.list("packs/")) objects.push(key);
    const damaged = objects[0] ?? "";
    const { body } = await vault.get(damaged);
    await vault.put(damaged, Buffer.concat([body.subarray(0, -1), Buffer.from([~(body.at(-1) ?? 0) & 0xff])]));
    await expect(follow("damaged")).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining("FAILED") });
    await vault.put(damaged, body);
    // A message that was never sealed, in place of keys: gpg would print it instead of what is in the pack.
    const message = await machine.gpg(["--store"], Buffer.from("planted"));
    for (const [name, fingerprint] of [["index.keys.pgp"], ["keys.pgp", "unknown"]] as const) {
      const key = `snapshots/${first}/${name}`;
      const { body, metadata = {} } = await vault.get(key);
      await vault.put(key, Buffer.concat([body, message]), { metadata });
      const who = fingerprint === undefined ? {} : { SIGNING_FINGERPRINT: fingerprint };
      await expect(follow(name, { ONLY: "^exam-files/plain/", SNAPSHOT: first, ...who })).rejects.toMatchObject({
        stderr: expect.stringContaining("holds more than sealed keys"),
      });
      await vault.put(key, body, { metadata });
    }
    await expect(follow("unsigned", { SIGNING_FINGERPRINT: "0".repeat(40) })).rejects.toMatchObject({ code: 1 });
  });
});
