import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mostAnswerBytes, tooLarge } from "../../base/bounded-answer.ts";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type Environment, optional } from "../../config/environment.ts";
import type { Tree } from "../../report/branch/fold-runs.ts";
import { applyChanges, folderTree, inTheWay } from "../../report/branch/folder-tree.ts";
import type { BranchPlan } from "../../report/branch/plan-branch.ts";

/** The only branch that is ever written. */
export const reportsBranch = "reports";
const head = `refs/heads/${reportsBranch}`;

/** GitHub's own account for what workflows commit. */
const author = {
  name: "github-actions[bot]",
  email: "41898282+github-actions[bot]@users.noreply.github.com",
};

const mostAttempts = 12;

export interface BranchTarget extends Pick<GitSettings, "env" | "token" | "server" | "signal"> {
  /** URL or path of the repository. */
  readonly remote: string;
  readonly message: string;
  readonly log: Log;
}

export interface Pushed {
  /** Of the commit that was pushed; null when there was nothing to change. */
  readonly commit: string | null;
  readonly told: number;
  /** Pushes that were needed: more than one when somebody else was faster. */
  readonly attempts: number;
}

/**
 * Commits what `plan` makes of the branch's files and pushes it. When somebody else pushed meanwhile, the plan is made anew from what they left:
 * nothing is merged, nothing is forced. A branch that does not exist yet begins without history.
 *
 * Works in a folder of its own, so a killed run leaves nothing but that.
 * @throws OperationError `reports-unreachable`, `reports-refused`, `reports-race`
 */
export async function pushReports(plan: (tree: Tree) => Promise<BranchPlan>, target: BranchTarget): Promise<Pushed> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-reports-"));
  try {
    const git = openGit({ ...target, folder });
    await must(git, ["init", "--quiet", "--initial-branch=reports"]);
    // What the branch says of encodings and filters does not count: files are bytes.
    await mkdir(join(folder, ".git/info"), { recursive: true });
    await writeFile(join(folder, ".git/info/attributes"), "* -text -eol -ident -filter -working-tree-encoding\n");
    for (let attempts = 1; attempts <= mostAttempts; attempts++) {
      target.signal?.throwIfAborted();
      const exists = await checkOut(git, target.remote);
      // The folder of the first attempt holds nothing else.
      if (attempts > 1) await must(git, ["clean", "--quiet", "-ffdx"]);
      if (exists) await removeStrange(git, target.log);
      const planned = await plan(folderTree(folder));
      for (const path of planned.foreign)
        target.log.warn(`${path} of the branch ${reportsBranch} is not in the form of a report, and is left as it is.`);
      if (planned.changes.size === 0) return { commit: null, told: 0, attempts };
      makeWay(folder, planned.changes.keys(), target.log);
      applyChanges(folder, planned.changes);
      // Also what the branch itself says that it ignores.
      await must(git, ["add", "--all", "--force"]);
      const who = ["-c", `user.name=${author.name}`, "-c", `user.email=${author.email}`];
      await must(git, [...who, "commit", "--quiet", "--no-verify", "--message", target.message]);
      const commit = (await must(git, ["rev-parse", "HEAD"])).trim();
      target.log.info(`Committed ${commit.slice(0, 12)}; pushing.`);
      const pushed = await git(["push", "--quiet", target.remote, `HEAD:${head}`]);
      if (pushed.code === 0) return { commit, told: planned.told, attempts };
      if (!lostRace(pushed.stderr)) throw refused(pushed.stderr);
      target.log.info(`Somebody else has pushed to ${reportsBranch} meanwhile; again, on top of that.`);
      // Others wait as well: not all of them the same time.
      await sleep(
        Math.random() * 500 * attempts,
        undefined,
        target.signal === undefined ? {} : { signal: target.signal },
      );
    }
    throw new OperationError(
      "reports-race",
      `The branch ${reportsBranch} was pushed to by somebody else ${mostAttempts} times in a row.`,
      "Run the job again: the reports are kept, and the next run commits them as well.",
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns whether the branch exists, which is asked of the remote, not guessed from a failed fetch */
async function checkOut(git: Git, remote: string): Promise<boolean> {
  const listed = await git(["ls-remote", "--heads", remote, head]);
  if (listed.code !== 0) throw refused(listed.stderr);
  if (listed.stdout.trim() === "") {
    await startEmpty(git);
    return false;
  }
  const fetched = await git([
    "fetch",
    "--quiet",
    "--depth=1",
    "--no-tags",
    remote,
    `+${head}:refs/remotes/origin/reports`,
  ]);
  if (fetched.code !== 0) throw refused(fetched.stderr);
  await must(git, ["checkout", "--quiet", "--force", "-B", reportsBranch, "refs/remotes/origin/reports"]);
  return true;
}

/** No report comes near it: ten years of runs are 8 MB. */
const largestFile = 8 * 1024 * 1024;

/** So many are named; somebody may lay any number. */
const mostNamed = 20;

/** Takes out of the branch what no report is: links, other repositories, files that are far too large, names that no text has. History keeps them. */
async function removeStrange(git: Git, log: Log): Promise<void> {
  // As git writes them: a name that is not plain ASCII comes in quotes, in which git takes it again.
  const strange = (await must(git, ["ls-tree", "-r", "-l", "HEAD"])).split("\n").flatMap((entry) => {
    const [, mode, size, path] = /^(\d+) \w+ \w+ +(\d+|-)\t(.+)$/.exec(entry) ?? [];
    if (path === undefined) return [];
    const plain = mode?.startsWith("100") === true && Number(size) <= largestFile && !path.startsWith('"');
    return plain ? [] : [path];
  });
  if (strange.length === 0) return;
  for (const path of strange.slice(0, mostNamed)) log.warn(`${path} of the branch ${reportsBranch} ${notPlain}`);
  const more = strange.length - mostNamed;
  if (more > 0) log.warn(`So it is with ${more} more.`);
  const byList = ["--pathspec-from-file=-"];
  await must(git, ["--literal-pathspecs", "rm", "--quiet", "--force", ...byList], strange.join("\n"));
}

const notPlain = "is no plain file of a report's size and name: it is removed from the branch.";

/** What stands where a page of ours, or its folder, has to be. */
function makeWay(folder: string, paths: Iterable<string>, log: Log): void {
  for (const path of paths) {
    const place = inTheWay(folder, path);
    if (place === undefined) continue;
    log.warn(`${place.slice(folder.length + 1)} of the branch ${reportsBranch} ${notPlain}`);
    rmSync(place, { recursive: true });
  }
}

/** As it was right after `init`, also when an earlier attempt has committed. */
async function startEmpty(git: Git): Promise<void> {
  await git(["update-ref", "-d", head]);
  await must(git, ["read-tree", "--empty"]);
}

function lostRace(stderr: string): boolean {
  return /non-fast-forward|fetch first|cannot lock ref|stale info|reference already exists|failed to update ref|incorrect old value/i.test(
    stderr,
  );
}

/** What git's words come to. They are not quoted: they name the remote, and with it what it may hold. */
function refused(stderr: string): OperationError {
  if (/protected branch|rule violations|GH006|GH013/i.test(stderr))
    return new OperationError(
      "reports-refused",
      `A rule of the repository keeps the branch ${reportsBranch} from being pushed to.`,
      `Leave ${reportsBranch} out of the rulesets, or let GitHub Actions pass them.`,
    );
  if (/\b403\b|permission|denied|authentication|could not read username|\b401\b|write access/i.test(stderr))
    return new OperationError(
      "reports-refused",
      `The branch ${reportsBranch} may not be pushed to with the job's token.`,
      "The job needs `contents: write`, and Settings, Actions, General must not hold workflows to reading.",
    );
  return new OperationError(
    "reports-unreachable",
    "The repository of the reports could not be reached.",
    "Run the job again: the reports are kept in the vault, and the next run commits them as well.",
  );
}

async function must(git: Git, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout } = await git(args, input);
  if (code === 0) return stdout;
  const command = args.find((arg) => /^[a-z]/.test(arg) && !arg.includes("=")) ?? "git";
  throw new OperationError(
    "git-failed",
    `git ${command} ended with ${code}.`,
    "Run the job again; if it fails the same way, report it.",
  );
}

export interface GitAnswer {
  readonly code: number;
  readonly stdout: string;
  /** For finding out what went wrong, never to be printed: it may name the remote with its credentials. */
  readonly stderr: string;
}

export interface GitSettings {
  /** Where git works. */
  readonly folder: string;
  readonly env: Environment;
  /** Sent to `server` alone. */
  readonly token?: string | undefined;
  /** `https://github.com` */
  readonly server?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type Git = (args: readonly string[], input?: string) => Promise<GitAnswer>;

const own = [
  // A link of the branch would be followed out of the folder: it is checked out as a file that holds its text.
  ["core.symlinks", "false"],
  // The folder goes with the run: nobody has to pack it.
  ["maintenance.auto", "false"],
] as const;

const inherited = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY"];

/**
 * Plain git as a child process: nobody's own settings, hooks or questions, English messages. The token stands in the child's environment, not
 * among its arguments, which every process of the machine can read.
 */
export function openGit({ folder, env, token, server, signal }: GitSettings): Git {
  const login = Buffer.from(`x-access-token:${token}`).toString("base64");
  const settings = [
    ...own,
    ...(token === undefined || server === undefined
      ? []
      : [[`http.${server.replace(/\/+$/, "")}/.extraheader`, `Authorization: basic ${login}`] as const]),
  ];
  const childEnv = {
    ...Object.fromEntries(inherited.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: devNull,
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, key],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  };
  return (args, input = "") =>
    new Promise((resolve, reject) => {
      const child = spawn("git", args, { cwd: folder, env: childEnv, ...(signal && { signal }) });
      const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
      let left = mostAnswerBytes;
      const keep = (into: Buffer[]) => (chunk: Buffer) => {
        left -= chunk.byteLength;
        if (left >= 0) into.push(chunk);
        else if (child.kill("SIGKILL")) reject(tooLarge(`What git ${args[0] ?? ""} says`, mostAnswerBytes));
      };
      child.stdout.on("data", keep(stdout));
      child.stderr.on("data", keep(stderr));
      child.on("error", reject);
      // A child that ends early does not read on; how it ended is told by its code.
      child.stdin.on("error", () => {});
      child.stdin.end(input);
      child.on("close", (code) =>
        resolve({
          code: code ?? 1,
          stdout: Buffer.concat(stdout).toString(),
          stderr: Buffer.concat(stderr).toString(),
        }),
      );
    });
}

/** Where the checkout that the job works in came from; undefined when it has no origin. */
async function originOf(env: Environment): Promise<string | undefined> {
  const folder = optional(env, "GITHUB_WORKSPACE");
  if (folder === undefined)
    throw new ConfigurationError(
      "no-workspace",
      "Only a job of a GitHub workflow commits to the branch reports: GITHUB_WORKSPACE is not set.",
      "Run it in a workflow; `lifeboat report` writes the same pages into a folder.",
    );
  const { code, stdout } = await openGit({ folder, env })(["-c", "safe.directory=*", "remote", "get-url", "origin"]);
  return code === 0 && stdout.trim() !== "" ? stdout.trim() : undefined;
}

/** The repository's branch for a job: where it is, and with what it may be pushed to. */
export async function jobsBranch(
  { env, log, signal }: Pick<BranchTarget, "env" | "log" | "signal">,
  token: string | undefined,
): Promise<Omit<BranchTarget, "message">> {
  const server = optional(env, "GITHUB_SERVER_URL") ?? "https://github.com";
  const remote = (await originOf(env)) ?? `${server}/${optional(env, "GITHUB_REPOSITORY")}`;
  return { env, log, signal, token, server, remote };
}
