import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tree } from "../../report/branch/fold-runs.ts";
import { folderTree } from "../../report/branch/folder-tree.ts";
import type { Context } from "../context.ts";
import { openGit, reportsBranch } from "./reports-branch.ts";

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
      ["fetch", "--quiet", "--depth=1", process.cwd(), `refs/remotes/origin/${reportsBranch}`],
      ["checkout", "--quiet", "FETCH_HEAD"],
    ];
    for (const step of steps) if ((await git(step)).code !== 0) return await work({ paths: [], read: () => "" });
    return await work(folderTree(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
