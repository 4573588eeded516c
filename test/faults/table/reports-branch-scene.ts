import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { pushReports } from "../../../actions/lib/operations/publish/reports-branch.ts";
import { applyChanges } from "../../../actions/lib/report/branch/folder-tree.ts";
import { recordingLog } from "../../integration/backup-lab.ts";
import { makeOrigin } from "../../integration/reports-lab.ts";
import { codeOf, endingOf, whatWasSaid } from "./ending.ts";
import type { FaultRow, Seen } from "./row.ts";

/** Somebody who can push to the branch `reports`, or lay something into the folder that `report --out` writes. */
export interface ReportsAttacker {
  /** What is committed and pushed to the branch, or lies in the folder. */
  readonly folder: string;
  /** A folder of somebody else's, with a `README.md`. */
  readonly outside: string;
  /** In `folder`. */
  git(...args: string[]): string;
}

export interface ReportsRow extends FaultRow<ReportsAttacker, void> {
  readonly stage: "branch" | "folder";
  /** Paths that must not be on the branch afterwards, or be named. */
  readonly removed?: readonly string[];
  /** Paths that must be there as they were. */
  readonly kept?: readonly string[];
}

export const pages = new Map([
  ["README.md", "ours\n"],
  ["charts/size.svg", "<svg/>\n"],
  ["runs/2026/11/1.json", "{}\n"],
]);

/** Success: our pages are published as plain files, and nothing was written outside. */
export class ReportsBranchScene implements AsyncDisposable {
  static async open(): Promise<ReportsBranchScene> {
    return new ReportsBranchScene();
  }

  async run(row: ReportsRow): Promise<Seen> {
    const home = mkdtempSync(join(tmpdir(), "reports-attack-"));
    try {
      const [folder, outside] = [join(home, "planted"), join(home, "outside")];
      for (const made of [folder, outside]) mkdirSync(made);
      writeFileSync(join(outside, "README.md"), "theirs\n");
      const git = (...args: string[]): string =>
        execFileSync("git", ["-c", "user.name=x", "-c", "user.email=x@y.z", ...args], {
          ...{ cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
        });
      const seen = await (row.stage === "folder" ? this.#folder : this.#branch)(row, { folder, outside, git });
      const found = readdirSync(outside, { recursive: true }).join();
      if (found !== "README.md" || readFileSync(join(outside, "README.md"), "utf8") !== "theirs\n")
        return { ...seen, broken: [...seen.broken, `outside there is now: ${found}`], falseSuccess: true };
      return seen;
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }

  async #branch(row: ReportsRow, attacker: ReportsAttacker): Promise<Seen> {
    using origin = makeOrigin();
    attacker.git("init", "--quiet", "--initial-branch=reports");
    await row.inject(attacker);
    attacker.git("commit", "--quiet", "--message=planted");
    attacker.git("push", "--quiet", origin.remote, "reports");
    const log = recordingLog();
    const plan = async () => ({ changes: pages, told: 1, foreign: [], lost: [] });
    const target = { remote: origin.remote, message: "Report", log, env: process.env };
    const ending = await endingOf(pushReports(plan, target));
    if (ending === "hangs" || "error" in ending) return failed(ending);
    const tree = origin.git("ls-tree", "-r", "-z", "reports").split("\0").filter(Boolean);
    const published = tree.map((line) => ({ mode: line.slice(0, 6), path: line.split("\t")[1] ?? "" }));
    const { removed = [], kept = [] } = row;
    const broken = [
      ...published.filter(({ mode }) => mode !== "100644").map(({ mode, path }) => `${path} has mode ${mode}`),
      ...[...pages.keys(), ...kept]
        .filter((path) => !published.some((one) => one.path === path))
        .map((path) => `${path} is gone`),
      ...removed
        .filter((path) => published.some((one) => one.path === path && !pages.has(path)))
        .map((path) => `${path} is still there`),
      ...removed
        .filter((path) => !whatWasSaid(log, ending).includes(`${path} of the branch reports is no plain file`))
        .map((path) => `nothing was said of ${path}`),
      ...[...pages]
        .filter(([path, text]) => origin.git("show", `reports:${path}`) !== text)
        .map(([path]) => `${path} has another content`),
    ];
    return { outcome: "success", code: undefined, broken, falseSuccess: broken.length > 0 };
  }

  async #folder(row: ReportsRow, attacker: ReportsAttacker): Promise<Seen> {
    const { folder } = attacker;
    await row.inject(attacker);
    const before = readdirSync(folder, { recursive: true }).sort().join();
    const ending = await endingOf(write(folder));
    if (ending === "hangs" || "error" in ending) {
      const changed = readdirSync(folder, { recursive: true }).sort().join() !== before;
      const seen = failed(ending);
      return { ...seen, broken: changed ? ["the folder was changed"] : [] };
    }
    const broken = [...pages.keys()]
      .filter((path) => !lstatSync(join(folder, path), { throwIfNoEntry: false })?.isFile())
      .map((path) => `${path} is no file`);
    return { outcome: "success", code: undefined, broken, falseSuccess: broken.length > 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function failed(ending: { readonly error: unknown } | "hangs"): Seen {
  const named = ending !== "hangs" && ending.error instanceof LifeboatError;
  const outcome = ending === "hangs" ? "hangs" : named ? "failed by name" : "ends without a name";
  return { outcome, code: codeOf(ending), broken: [], falseSuccess: false };
}

async function write(folder: string): Promise<{ done: true }> {
  applyChanges(folder, pages);
  return { done: true };
}
