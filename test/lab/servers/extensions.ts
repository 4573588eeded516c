import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = new URL("../extensions/", import.meta.url).pathname;

/** Puts the lab's own extensions among those that an installation of PostgreSQL offers. */
export function offerExtensions(tree: string): void {
  for (const file of readdirSync(folder)) {
    const wanted = readFileSync(join(folder, file), "utf8");
    const path = join(tree, "share/extension", file);
    if (existsSync(path) && readFileSync(path, "utf8") === wanted) continue;
    // Other runs read the same folder: a file is there whole or not at all.
    writeFileSync(`${path}.${process.pid}`, wanted);
    renameSync(`${path}.${process.pid}`, path);
  }
}
