// Where the lab's tools are kept, and where each of them is.
import { homedir } from "node:os";
import { join } from "node:path";

/** `$LIFEBOAT_CACHE`, else `lifeboat` in the user's cache folder. */
export function cacheFolder() {
  const own = process.env["LIFEBOAT_CACHE"];
  if (own) return own;
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "lifeboat");
}

/** @param {{ readonly folder: string }} tool */
export function toolFolder(tool) {
  return join(cacheFolder(), tool.folder);
}

/** @param {{ readonly folder: string, readonly program: string }} tool */
export function toolProgram(tool) {
  return join(toolFolder(tool), tool.program);
}
