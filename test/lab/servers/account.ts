import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, chownSync, constants, cpSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Who runs the servers: ourselves, or `nobody` when we are root, as PostgreSQL refuses root. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** Makes `path` the account's own; a folder is one that everybody may pass through unless `mode` says otherwise. */
export function handOver(path: string, account: Account, mode = 0o755): void {
  if (account.uid === undefined || account.gid === undefined) return;
  chmodSync(path, mode);
  chownSync(path, account.uid, account.gid);
}

/**
 * `tree` if the account can read it; else a copy of its programs below `folder` (a cache folder in root's home is closed
 * to `nobody`, and its modes are not ours to change).
 */
export function readableTree(tree: string, folder: string, account: Account): string {
  if (account.uid === undefined || openToAll(tree)) {
    accessSync(tree, constants.R_OK);
    return tree;
  }
  const copy = join(folder, "programs");
  for (const part of ["bin", "lib", "share"]) cpSync(join(tree, part), join(copy, part), { recursive: true });
  return copy;
}

/** Whether everybody may pass through this folder and all above it. */
export function openToAll(path: string): boolean {
  const open = (statSync(path).mode & 0o001) !== 0;
  return open && (dirname(path) === path || openToAll(dirname(path)));
}
