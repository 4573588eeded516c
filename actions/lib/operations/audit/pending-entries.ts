import { type Environment, optional } from "../../config/environment.ts";
import type { TrailWriter } from "../../vault/audit/append.ts";
import { readPending, removePending } from "../../vault/audit/pending.ts";

/** Where entries wait that the trail could not take. */
export function pendingFolder(env: Environment): string {
  return optional(env, "LIFEBOAT_AUDIT_FOLDER") ?? process.cwd();
}

/** Adds what earlier runs have kept in files, and removes the files. @returns how many entries, and files that hold something else */
export async function filePending(
  writer: TrailWriter,
  folder: string,
  by: string,
): Promise<{ readonly filed: number; readonly refused: readonly string[] }> {
  const { pending, refused } = await readPending(folder);
  let filed = 0;
  for (const one of pending) {
    for (const draft of one.drafts) {
      await writer.append((at) => ({ ...draft, filed: { at: at.toISOString(), by } }));
      filed += 1;
    }
    await removePending(one);
  }
  return { filed, refused };
}
