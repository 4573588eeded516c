import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MonitorState, parseState, statePath } from "../../policy/monitor/state.ts";
import type { Tree } from "../../report/branch/fold-runs.ts";
import { folderTree } from "../../report/branch/folder-tree.ts";
import type { Context } from "../context.ts";
import { openGit, reportsBranch } from "../publish/reports-branch.ts";

interface ReadState {
  /** Undefined: there is none that counts. */
  readonly state: MonitorState | undefined;
  /** What is wrong with it, for people. */
  readonly problem?: string;
}

/** What the monitor kept on the branch. */
export function stateOf(tree: Tree): ReadState {
  if (!tree.paths.includes(statePath)) return { state: undefined };
  return read(tree.read(statePath));
}

/**
 * The branch as this checkout has fetched it, for a person who looks; without files where it was never fetched. It goes into a folder of its
 * own, as plain files, and the folder goes when the work has ended.
 */
export async function withFetchedBranch<Made>(
  { env, signal }: Pick<Context, "env" | "signal">,
  work: (tree: Tree) => Promise<Made>,
): Promise<Made> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-fetched-"));
  try {
    const git = openGit({ folder, env, signal });
    const steps = [
      ["init", "--quiet"],
      ["config", "core.symlinks", "false"],
      ["fetch", "--quiet", "--depth=1", process.cwd(), `refs/remotes/origin/${reportsBranch}`],
      ["checkout", "--quiet", "FETCH_HEAD"],
    ];
    for (const step of steps) if ((await git(step)).code !== 0) return await work({ paths: [], read: () => "" });
    return await work(folderTree(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function read(text: string): ReadState {
  const state = parseState(text);
  return state === undefined
    ? {
        state,
        problem: `${statePath} is damaged or of another version: nothing counts as told, and its history is gone.`,
      }
    : { state };
}
