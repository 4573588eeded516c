import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { toolProgram } from "../../scripts/setup/cache.mjs";
import { act } from "../../scripts/setup/pins.mjs";
import { compileCache } from "../runner/compile-cache.ts";

const root = new URL("../..", import.meta.url).pathname;

/** How a workflow ended under act. */
export interface ActRun {
  readonly code: number | null;
  /** Everything that act and the job wrote, secrets not masked: what a job would tell is to be seen. */
  readonly output: string;
}

export interface Event {
  readonly name: "schedule" | "workflow_dispatch" | "pull_request";
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, string>>;
  /** What the runner has in its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A copy of this working tree that act may run workflows in, as somebody else's repository: own policy, own keys. */
export interface Checkout extends Disposable {
  run(workflow: string, event: Event): Promise<ActRun>;
  /** Another commit, with these files by their paths. */
  commit(files: Readonly<Record<string, string>>): void;
  /** The bare repository that it came from, and pushes to. */
  readonly origin: string;
}

/** @param policy as `lifeboat.config.ts` would export it @param publicKeys armored */
export function checkOut(policy: unknown, publicKeys: string, branch = "main"): Checkout {
  const home = mkdtempSync(join(tmpdir(), "lifeboat-act-"));
  const folder = join(home, "checkout");
  // act copies the tree for each job. What Node has compiled of a module it finds again by the module's path.
  exportTree(folder, ["actions/lib", "test"]);
  writeFileSync(join(folder, "lifeboat.config.ts"), `export default ${JSON.stringify(policy)};\n`);
  writeFileSync(join(folder, ".github/keys/all.asc"), publicKeys);
  const origin = join(home, "origin.git");
  begin(folder, branch, origin);
  const standIns = layStandIns(home, folder, origin);
  let runs = 0;
  return {
    origin,
    commit: (files) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      commit(folder);
    },
    run: (workflow, event) => {
      const own = join(home, `run-${++runs}`);
      mkdirSync(own);
      return runAct(folder, own, [...standIns, "--workflows", `.github/workflows/${workflow}.yml`], event);
    },
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  };
}

/**
 * A copy of this working tree as git sees it, changes and all. The packages are links: whatever a job removes, ours stay.
 *
 * @param linked folders that are links, too
 */
export function exportTree(folder: string, linked: readonly string[] = []): void {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  for (const path of listed.toString().split("\0")) {
    // A file that was deleted and not committed is still listed.
    if (path === "" || !existsSync(join(root, path)) || linked.some((one) => path.startsWith(`${one}/`))) continue;
    cpSync(join(root, path), join(folder, path), { recursive: true, force: true, errorOnExist: false });
  }
  for (const path of linked) symlinkSync(join(root, path), join(folder, path));
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(join(root, "node_modules"))) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
}

function begin(folder: string, branch: string, origin: string): void {
  git(folder, "init", "--quiet", `--initial-branch=${branch}`);
  commit(folder);
  git(folder, "init", "--quiet", "--bare", origin);
  git(folder, "remote", "add", "origin", origin);
}

function commit(folder: string): void {
  git(folder, "add", "--all");
  const who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
  git(folder, ...who, "commit", "--quiet", "--no-verify", "--message=A copy");
}

function git(folder: string, ...args: string[]): void {
  execFileSync("git", args, { cwd: folder, stdio: "ignore" });
}

/**
 * Actions of others are not fetched: here the machine has Node already, and no role is assumed. act lays the checkout into the job by itself;
 * a branch that a check-out names comes from `origin`.
 */
function layStandIns(home: string, folder: string, origin: string): string[] {
  const standIn = join(home, "stand-in");
  mkdirSync(standIn);
  writeFileSync(
    join(standIn, "action.yml"),
    [
      "name: stand-in",
      'inputs: { ref: { default: "" } }',
      "runs:",
      "  using: composite",
      "  steps:",
      "    - shell: sh",
      `      env: { REF: '$\{{ inputs.ref }}' }`,
      `      run: if [ -n "$REF" ]; then git clone --quiet --branch "$REF" "${origin}" .; fi`,
      "",
    ].join("\n"),
  );
  const files = readdirSync(join(folder, ".github"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".yml"),
  );
  const used = files.flatMap((name) =>
    [...readFileSync(join(folder, ".github", name), "utf8").matchAll(/uses: ([\w-]+\/[\w-]+@[0-9a-f]{40})/g)].map(
      ([, action]) => action ?? "",
    ),
  );
  return [...new Set(used)].flatMap((action) => ["--local-repository", `${action}=${standIn}`]);
}

function runAct(folder: string, own: string, args: readonly string[], event: Event): Promise<ActRun> {
  const file = (name: string, values: Readonly<Record<string, string>>): string => {
    const path = join(own, name);
    const lines = Object.entries(values).map(([key, value]) => `${key}=${JSON.stringify(value)}\n`);
    writeFileSync(path, lines.join(""), { mode: 0o600 });
    return path;
  };
  const settings = [
    ...["--secret-file", file("secrets", event.secrets), "--var-file", file("vars", event.vars ?? {})],
    ...[
      "--env-file",
      file("env", { ...compileCache, ...event.env }),
      // A file of them takes no name with a hyphen.
      ...Object.entries(event.inputs ?? {}).flatMap(([name, value]) => ["--input", `${name}=${value}`]),
    ],
  ];
  const quiet = ["--insecure-secrets", "--no-cache-server", "--pull=false", "--container-daemon-socket", "-"];
  const here = [
    "--use-gitignore=false",
    "--platform",
    "ubuntu-latest=-self-hosted",
    "--action-cache-path",
    join(own, "cache"),
  ];
  const child = spawn(toolProgram(act), [event.name, ...args, ...settings, ...quiet, ...here], {
    cwd: folder,
    // A group of its own, so that whatever it has started ends with it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      // An action that asks for Node 24 gets from act whatever `node` is first here.
      PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
      HOME: own,
      XDG_CACHE_HOME: join(own, "cache"),
      TMPDIR: own,
      LIFEBOAT_BASELINES: process.env["LIFEBOAT_BASELINES"] ?? "",
    },
  });
  const end = (): void => {
    try {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    } catch {
      // All of them have ended.
    }
  };
  const limit = setTimeout(end, 240_000);
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(limit);
      end();
      resolve({ code, output });
    });
  });
}
