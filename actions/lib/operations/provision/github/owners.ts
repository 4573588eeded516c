import { existsSync, readFileSync } from "node:fs";

/** Who has to agree to a change of the keys, and so who is asked before a restore. */
export interface Owners {
  /** As CODEOWNERS names them: `@ada`, `@qimma/platform`. */
  readonly names: readonly string[];
  /** More than one person can agree: GitHub lets nobody approve a change of their own. */
  readonly canReview: boolean;
}

const keysLine = /^\/\.github\/keys\/\s+(.+?)\s*(?:#.*)?$/m;

/** @param path of CODEOWNERS; without the file nobody is named */
export function readOwners(path = ".github/CODEOWNERS"): Owners {
  const names = existsSync(path) ? (keysLine.exec(readFileSync(path, "utf8"))?.[1]?.split(/\s+/) ?? []) : [];
  return { names, canReview: names.length > 1 || names.some((name) => name.includes("/")) };
}
