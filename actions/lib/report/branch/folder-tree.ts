import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import type { Changes, Tree } from "./fold-runs.ts";

/** The files of a folder, git's own apart. One that does not exist has none. */
export function folderTree(folder: string): Tree {
  return { paths: filesOf(folder), read: (path) => readFileSync(join(folder, path), "utf8") };
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .filter((path) => !path.startsWith(".git/"))
      .sort();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/**
 * Writes and removes files of a folder.
 * @throws ConfigurationError `report-folder-link` when a path leads through a link; nothing has been written then
 */
export function applyChanges(folder: string, changes: Changes): void {
  for (const path of changes.keys()) refuseLinks(folder, path);
  for (const [path, text] of changes) {
    const file = join(folder, path);
    if (text === null) {
      rmSync(file, { force: true });
      continue;
    }
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

/** A link could lead anywhere: whoever put it there would choose what is overwritten. */
function refuseLinks(folder: string, path: string): void {
  const parts = path.split(sep);
  for (let depth = 1; depth <= parts.length; depth++) {
    const place = join(folder, ...parts.slice(0, depth));
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    throw new ConfigurationError(
      "report-folder-link",
      `${place} is a symbolic link, and reports are written to plain files only.`,
      "Remove the link, or choose another folder.",
    );
  }
}
