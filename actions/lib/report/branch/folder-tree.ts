import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
 * @throws ConfigurationError `report-folder-link`, `report-folder-taken` when something else is where a file or a folder of ours
 * has to be; nothing has been written then
 */
export function applyChanges(folder: string, changes: Changes): void {
  for (const path of changes.keys()) {
    const place = inTheWay(folder, path);
    if (place !== undefined) throw refusal(place);
  }
  for (const [path, text] of changes) {
    const file = join(folder, path);
    if (text === null) {
      rmSync(file, { force: true });
      continue;
    }
    mkdirSync(dirname(file), { recursive: true });
    // Under another name first: what is there may be one file with another outside of the folder.
    const partial = `${file}.partial`;
    rmSync(partial, { force: true });
    writeFileSync(partial, text, { flag: "wx" });
    renameSync(partial, file);
  }
}

/** The first place on the way to a file where something is that is no folder, or no plain file where the file has to be. */
export function inTheWay(folder: string, path: string): string | undefined {
  const parts = path.split(sep);
  for (let depth = 1; depth <= parts.length; depth++) {
    const place = join(folder, ...parts.slice(0, depth));
    const found = lstatSync(place, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    if (depth < parts.length ? !found.isDirectory() : !found.isFile()) return place;
  }
  return undefined;
}

/** A link could lead anywhere: whoever put it there would choose what is overwritten. */
function refusal(place: string): ConfigurationError {
  const link = lstatSync(place).isSymbolicLink();
  return new ConfigurationError(
    link ? "report-folder-link" : "report-folder-taken",
    `${place} is ${link ? "a symbolic link" : "not what it has to be"}, and reports are plain files in folders.`,
    "Remove it, or choose another folder.",
  );
}
