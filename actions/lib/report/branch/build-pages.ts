import { pageHtml } from "../page-html.ts";
import { indexPath } from "./branch-layout.ts";
import type { Tree } from "./fold-runs.ts";
import { applyChanges, folderTree } from "./folder-tree.ts";
import { type BranchNews, planBranch } from "./plan-branch.ts";

interface BuiltPages {
  /** Files that were written or removed, or would be. */
  readonly changed: readonly string[];
  readonly foreign: readonly string[];
}

/**
 * Builds the branch's pages in a folder, and the first of them as HTML for a browser, from the runs that lie there (or in `base`, whose runs are taken over) and the news.
 * @param folder made when it is not there; what else is in it stays
 */
export function buildPages(
  folder: string,
  news: BranchNews,
  options: { base?: string; dryRun?: boolean } = {},
): BuiltPages {
  const there = folderTree(folder);
  const taken = options.base === undefined ? [] : runsOf(folderTree(options.base));
  const tree = joined(there, new Map(taken));
  const { changes, foreign } = planBranch(tree, news);
  const all = new Map<string, string | null>([...taken, ...changes]);
  const text = (path: string): string => all.get(path) ?? tree.read(path);
  const charts = [...new Set([...tree.paths, ...all.keys()])].filter((path) => /^charts\/.*\.svg$/.test(path));
  all.set("index.html", pageHtml(text(indexPath), new Map(charts.map((path) => [path, text(path)]))));
  const changed = [...all].filter(([path, text]) =>
    text === null ? there.paths.includes(path) : !there.paths.includes(path) || there.read(path) !== text,
  );
  if (options.dryRun !== true) applyChanges(folder, new Map(changed));
  return { changed: changed.map(([path]) => path), foreign };
}

function runsOf(tree: Tree): [path: string, text: string][] {
  return tree.paths.filter((path) => path.startsWith("runs/")).map((path) => [path, tree.read(path)]);
}

function joined(there: Tree, more: ReadonlyMap<string, string>): Tree {
  return {
    paths: [...new Set([...there.paths, ...more.keys()])],
    read: (path) => more.get(path) ?? there.read(path),
  };
}
