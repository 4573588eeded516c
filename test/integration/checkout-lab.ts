import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** A fresh copy of the template, as somebody has cloned it, and the process within it until it is disposed of. */
export interface LabCheckout extends Disposable {
  readonly folder: string;
  /** Outside of it. */
  readonly keys: string;
  read(path: string): string;
}

export function openCheckout(repository: string): LabCheckout {
  const above = mkdtempSync(join(tmpdir(), "lifeboat-checkout-"));
  const folder = join(above, "backups");
  cpSync(join(root, ".github"), join(folder, ".github"), { recursive: true });
  for (const file of ["package.json", "lifeboat.config.ts", ".gitignore"]) cpSync(join(root, file), join(folder, file));
  for (const part of ["actions", "runbooks"]) symlinkSync(join(root, part), join(folder, part));
  const git = (...args: string[]) => execFileSync("git", ["-C", folder, ...args], { stdio: "ignore" });
  git("init", "-q", "-b", "main");
  git("remote", "add", "origin", `https://github.com/${repository}.git`);
  const before = process.cwd();
  process.chdir(folder);
  return {
    ...{ folder, keys: join(above, "keys") },
    read: (path) => readFileSync(join(folder, path), "utf8"),
    [Symbol.dispose]() {
      process.chdir(before);
      rmSync(above, { recursive: true, force: true });
    },
  };
}

/** What `init` is told where nothing is set yet. */
export function writeAnswers({ folder, keys }: LabCheckout, more: Readonly<Record<string, unknown>> = {}): string {
  const answers = {
    ...{ project: "ada", projectRef: "abcdefghijklmnopqrst", projectRegion: "us-east-1", reviewers: "@ada @grace" },
    ...{ stagingRef: "bcdefghijklmnopqrstu", alertEmail: "ada@example.com", keys },
  };
  const path = join(folder, "..", "answers.json");
  writeFileSync(path, JSON.stringify({ ...answers, ...more }));
  return path;
}
