import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { everyFile } from "../../actions/lib/operations/restore-files/selection.ts";
import { type FolderTask, indexName, restoreToFolder } from "../../actions/lib/operations/restore-files/to-folder.ts";
import { createProject, type LabProject } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import {
  contentOf,
  PLANTED_NAME,
  type RunningStorage,
  type SeedFile,
  seedFiles,
  startStorage,
} from "../lab/storage/index.ts";
import { recordingLog } from "./backup-lab.ts";
import { snapshotOf } from "./memory-snapshot.ts";

let project: LabProject;
let storage: RunningStorage;
let seeded: SeedFile[];
let snapshot: Awaited<ReturnType<typeof snapshotOf>>;
let home: string;
let folder: string;
const log = recordingLog();

beforeAll(async () => {
  project = await createProject(sharedPostgres(17).superuserUrl(), `files_folder_${process.pid}`);
  storage = await startStorage(project);
  seeded = await seedFiles(project, storage, { count: 40, bytes: 200_000, seed: 6 });
  snapshot = await snapshotOf(project, storage);
});
afterAll(() => storage.stop());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "lifeboat-folder-"));
  folder = join(home, "files");
  snapshot.opened.length = 0;
  return () => rm(home, { recursive: true, force: true });
});

const restore = (change: Partial<FolderTask> = {}) =>
  restoreToFolder({ snapshot, choice: everyFile, folder, overwrite: false, dryRun: false, log, ...change });

async function index(): Promise<{ path: string; bucket: string; name: string; userMetadata: unknown }[]> {
  const text = await readFile(join(folder, indexName), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("files written into a folder", () => {
  test("are all there, each under its name or where the index says, for this user's eyes only", async () => {
    const result = await restore();
    expect(result).toMatchObject({ outcome: "equal", counts: { chosen: 40, written: 40, present: 0 } });
    const paths = new Map((await index()).map((line) => [`${line.bucket}/${line.name}`, line]));
    for (const file of seeded) {
      const line = paths.get(`${file.bucket}/${file.name}`);
      const content = await readFile(join(folder, line?.path ?? ""));
      expect(content.equals(contentOf(file, 6)), file.name).toBe(true);
      expect(line?.userMetadata).toEqual(file.userMetadata);
    }
    expect(result.counts.renamed).toBeGreaterThan(0);
    expect(result.counts.renamed).toBeLessThan(10);
    expect((await stat(join(folder, "exam-files"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, "exam-files/plain/report.pdf"))).mode & 0o777).toBe(0o600);
    expect(log.lines.join("\n")).not.toContain(PLANTED_NAME);
  });

  test("are written once: a second run writes what is missing or spoilt alone", async () => {
    await restore();
    await rm(join(folder, "exam-files/plain/report.pdf"));
    snapshot.opened.length = 0;
    expect(await restore()).toMatchObject({ outcome: "equal", counts: { written: 1, present: 39 } });
    expect(snapshot.opened).toHaveLength(1);
    await writeFile(join(folder, "exam-files/plain/report.pdf"), "spoilt");
    await expect(restore()).rejects.toMatchObject({ code: "folder-differs", exitCode: 2 });
    expect(await restore({ overwrite: true })).toMatchObject({ outcome: "equal", counts: { written: 1 } });
  });

  test("are not mixed with what somebody else has in it", async () => {
    await mkdir(folder);
    await writeFile(join(folder, "notes.txt"), "mine");
    await expect(restore()).rejects.toMatchObject({ code: "folder-taken", exitCode: 2 });
  });

  test("do not follow links out of it", async () => {
    await restore({ choice: { ...everyFile, prefix: "plain/" } });
    const outside = join(home, "outside");
    await mkdir(outside);
    await rm(join(folder, "exam-files"), { recursive: true });
    await symlink(outside, join(folder, "exam-files"));
    await expect(restore()).rejects.toMatchObject({ code: "folder-has-links", exitCode: 2 });
  });

  test("leave alone what a link in place of a file of ours leads to", async () => {
    await restore({ choice: { ...everyFile, prefix: "plain/" } });
    const theirs = join(home, "theirs");
    await writeFile(theirs, "theirs");
    for (const name of [indexName, `${indexName}.partial`]) {
      await rm(join(folder, name), { force: true });
      await symlink(theirs, join(folder, name));
    }
    expect(await restore()).toMatchObject({ outcome: "equal" });
    expect(await readFile(theirs, "utf8")).toBe("theirs");
    expect(await index()).toHaveLength(40);
    // A mark that is a link is none.
    await rm(join(folder, "%snapshot.json"));
    await symlink(theirs, join(folder, "%snapshot.json"));
    await expect(restore()).rejects.toMatchObject({ code: "folder-taken" });
  });

  test("are refused where no folder can be made", async () => {
    const failing = restore({ folder: "/proc/lifeboat/files" });
    await expect(failing).rejects.toMatchObject({ code: "folder-unusable", exitCode: 2 });
    await expect(restore({ folder: "/dev/null/files" })).rejects.toMatchObject({ code: "folder-unusable" });
  });

  test("end by name where there is no room, at the first byte or later, and go on once there is", async ({ skip }) => {
    const room = join(home, "room");
    await mkdir(room);
    const mount = (options: string) => spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", room]).status === 0;
    for (const pages of [1, 10]) {
      if (!mount(`size=${pages * 4}k`)) skip("this machine lets nobody mount a small disk");
      try {
        const filler = join(room, "filler");
        if (pages === 1) await writeFile(filler, Buffer.alloc(4096));
        const again = () => restore({ folder: join(room, "files") });
        await expect(again()).rejects.toMatchObject({ code: "folder-full", exitCode: 1 });
        mount("remount,size=16m");
        expect(await again()).toMatchObject({ outcome: "equal" });
      } finally {
        spawnSync("umount", [room]);
      }
    }
  });

  test("do not come out where they are not what the snapshot lists", async () => {
    const spoilt = await snapshotOf(project, storage, (file, content) =>
      file.name === "plain/report.pdf" ? content.subarray(1) : content,
    );
    const result = await restore({ snapshot: spoilt });
    expect(result).toMatchObject({ outcome: "differs", counts: { written: 39 }, findings: [{ verdict: "failed" }] });
    await expect(stat(join(folder, "exam-files/plain/report.pdf"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("are only counted in a dry run", async () => {
    expect(await restore({ dryRun: true })).toMatchObject({ outcome: "dry-run", counts: { written: 40 } });
    await expect(stat(folder)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
