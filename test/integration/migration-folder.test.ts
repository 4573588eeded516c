import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { migrationsFor } from "../../actions/lib/operations/migrate/bring-up-to-date.ts";
import { readMigrationFolder } from "../../actions/lib/operations/migrate/folder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-migrate-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("the folder of migrations", () => {
  test("is read as it was at a ref, and a ref is never an option of git", async () => {
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { cwd: folder });
    await mkdir(join(folder, "m"));
    await writeFile(join(folder, "m", "1_a.sql"), "select 'é'");
    await writeFile(join(folder, "m", "2_b.sql"), "select 2\n");
    git("init", "-q");
    git("add", ".");
    git("commit", "-qm", "one");
    await writeFile(join(folder, "m", "1_a.sql"), "select 'edited'");
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(await readMigrationFolder({ folder: "m", ref: "HEAD" })).toEqual([
        { file: "1_a.sql", sql: "select 'é'" },
        { file: "2_b.sql", sql: "select 2\n" },
      ]);
      for (const ref of ["--output=/tmp/x", "HEAD:m", "nowhere", "HEAD --", "$(touch x)", "", "HEAD\n"]) {
        await expect(readMigrationFolder({ folder: "m", ref })).rejects.toMatchObject({ code: "migrations-ref" });
      }
      await symlink("/etc/hostname", join(folder, "m", "3_link.sql"));
      git("add", ".");
      git("commit", "-qm", "link");
      await expect(readMigrationFolder({ folder: "m", ref: "HEAD" })).rejects.toMatchObject({
        message: expect.stringContaining("3_link.sql"),
      });
      await expect(readMigrationFolder({ folder: "m" })).rejects.toMatchObject({
        message: expect.stringContaining("3_link.sql"),
      });
    } finally {
      process.chdir(before);
    }
  });

  test("is not forgotten where a ref alone is named: that would apply none", () => {
    const recovery = { migrations: { folder: null, own: [] } } as never;
    for (const asked of ["none", undefined])
      expect(() => migrationsFor({ recovery }, { asked, ref: "main" })).toThrow(/none would be applied/);
    expect(migrationsFor({ recovery }, { asked: "m", ref: "main" })?.source).toEqual({ folder: "m", ref: "main" });
    expect(migrationsFor({ recovery }, { asked: "none" })).toBeUndefined();
  });

  test("that is not there, or holds what is no text, is refused", async () => {
    await expect(readMigrationFolder({ folder: "/nowhere" })).rejects.toMatchObject({ code: "migrations-folder" });
    await writeFile(join(folder, "1_a.sql"), Buffer.from([0x73, 0xff]));
    await expect(readMigrationFolder({ folder })).rejects.toMatchObject({
      message: expect.stringContaining("UTF-8"),
    });
  });
});
