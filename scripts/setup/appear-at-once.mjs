// Folders of the cache are whole or absent, also when two set-ups run at the same time or one is interrupted.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.mjs";

/**
 * Makes a folder elsewhere and moves it into the cache by one rename.
 *
 * @param {string} folder the folder
 * @param {string} whole a file below it that is there when it is whole
 * @param {(work: string) => string | undefined} make is given an empty folder to work in, and tells which folder is to be
 * moved; undefined when there is none after all
 */
export function appearAtOnce(folder, whole, make) {
  mkdirSync(cacheFolder(), { recursive: true });
  const work = mkdtempSync(join(cacheFolder(), ".unpack-"));
  try {
    const made = make(work);
    if (made !== undefined) moveIntoPlace(made, folder, whole);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} made @param {string} folder @param {string} whole */
function moveIntoPlace(made, folder, whole) {
  try {
    renameSync(made, folder);
  } catch (error) {
    // Another set-up at the same time was first: what it put there is the same.
    if (!existsSync(whole)) throw error;
  }
}
