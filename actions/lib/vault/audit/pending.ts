import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalText, type Draft, parseDraft } from "./entry.ts";

/** Entries of one run that the trail could not take. */
export interface Pending {
  readonly path: string;
  readonly drafts: readonly Draft[];
}

const nameOf = (id: string): string => `lifeboat-audit-${id}.ndjson`;
const named = /^lifeboat-audit-[0-9a-f]{16}\.ndjson$/;

/** Keeps them in a file of their own, one a line. @returns its path */
export async function keepPending(folder: string, id: string, drafts: readonly Draft[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, nameOf(id));
  await writeFile(path, drafts.map((draft) => `${canonicalText(draft)}\n`).join(""), { mode: 0o600 });
  return path;
}

/** What lies there to be filed. @returns `refused`: files of that name that hold something else */
export async function readPending(folder: string): Promise<{ pending: Pending[]; refused: string[] }> {
  const names = await readdir(folder).catch(() => []);
  const found: { pending: Pending[]; refused: string[] } = { pending: [], refused: [] };
  for (const path of names.filter((name) => named.test(name)).map((name) => join(folder, name))) {
    const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
    const drafts = lines.flatMap((line) => draftOf(line) ?? []);
    if (drafts.length === lines.length && drafts.length > 0) found.pending.push({ path, drafts });
    else found.refused.push(path);
  }
  return found;
}

function draftOf(line: string): Draft | undefined {
  try {
    return parseDraft(JSON.parse(line));
  } catch {
    return undefined;
  }
}

export async function removePending({ path }: Pending): Promise<void> {
  await rm(path, { force: true });
}
