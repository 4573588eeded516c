import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import type { Tree } from "../../actions/lib/report/branch/fold-runs.ts";
import { compileCache } from "../runner/compile-cache.ts";

/** A bare repository as origin, as GitHub would be. */
export interface LabOrigin extends Disposable {
  /** Its path. */
  readonly remote: string;
  /** A checkout whose origin it is, for jobs to run in. */
  readonly workspace: string;
  git(...args: string[]): string;
  /** What is on the branch `reports`; undefined when there is no such branch. */
  branch(): (Tree & { readonly commits: number }) | undefined;
}

export function makeOrigin(): LabOrigin {
  const home = mkdtempSync(join(tmpdir(), "lifeboat-origin-"));
  const remote = join(home, "origin.git");
  const workspace = join(home, "workspace");
  mkdirSync(workspace);
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: "1" };
  const run = (cwd: string, args: readonly string[]): string =>
    execFileSync("git", args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1e9 });
  run(home, ["init", "--quiet", "--bare", "--initial-branch=main", remote]);
  run(workspace, ["init", "--quiet", "--initial-branch=main"]);
  run(workspace, ["remote", "add", "origin", remote]);
  const who = ["-c", "user.name=owner", "-c", "user.email=owner@example.org"];
  run(workspace, [...who, "commit", "--quiet", "--allow-empty", "--message=What the owner has reviewed"]);
  run(workspace, ["push", "--quiet", "origin", "main"]);
  const git = (...args: string[]): string => run(remote, args);
  return {
    remote,
    workspace,
    git,
    branch() {
      if (git("branch", "--list", "reports").trim() === "") return undefined;
      return {
        // Each costs a process: what nobody asks for is not read.
        get paths() {
          return git("ls-tree", "-r", "--name-only", "reports").split("\n").filter(Boolean);
        },
        read: (path) => git("show", `reports:${path}`),
        get commits() {
          return Number(git("rev-list", "--count", "reports").trim());
        },
      };
    },
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

const root = new URL("../..", import.meta.url).pathname;

/** Runs an action as a runner would. @param watch may end it by what it has said so far */
export function runAction(
  name: string,
  env: Readonly<Record<string, string>>,
  watch?: (output: string, kill: () => void) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, `actions/${name}/main.ts`)], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", TMPDIR: tmpdir(), ...compileCache, ...env },
    // A group of its own: what it has started ends with it.
    detached: true,
  });
  return new Promise((resolve, reject) => {
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk;
      watch?.(output, () => process.kill(-(child.pid ?? 0), "SIGKILL"));
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
}
