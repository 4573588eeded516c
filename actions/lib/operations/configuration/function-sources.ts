import { lstat, readdir, readFile } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { errorCode, OperationError } from "../../base/errors.ts";
import type { CapturedFunction } from "../../supabase/configuration/document.ts";

/** More than any function has; node_modules that somebody has left there is not sent. */
const most = { files: 2000, bytes: 50 * 1024 * 1024 } as const;
const passedOver = new Set(["node_modules", ".git"]);
/** Where Deno looks for a function's import map, the nearest first. */
const importMaps = ["deno.json", "deno.jsonc", "import_map.json"];

/**
 * A function's sources as the API's deployment takes them: its own folder, and `_shared` beside it, which others import. Links are not
 * followed.
 *
 * @param folder `supabase/functions` of the repository
 * @returns undefined where the folder has no such function
 * @throws OperationError `function-sources` where there is too much, or it cannot be read
 */
export async function readSources(
  folder: string | undefined,
  { slug, name, verifyJwt, entrypointPath }: CapturedFunction,
): Promise<FormData | undefined> {
  if (folder === undefined) return undefined;
  const own = await filesBelow(folder, slug);
  if (own.length === 0) return undefined;
  const all = [...own, ...(await filesBelow(folder, "_shared")), ...(await filesOf(folder, importMaps))];
  const entrypoint = [basename(entrypointPath ?? "index.ts"), "index.ts"]
    .map((file) => posix.join(slug, file))
    .find((path) => own.includes(path));
  if (entrypoint === undefined) throw unusable(slug, "it has no index.ts");
  const importMap = [...importMaps.map((file) => posix.join(slug, file)), ...importMaps].find((path) =>
    all.includes(path),
  );
  const form = new FormData();
  const metadata = { name, verify_jwt: verifyJwt, entrypoint_path: entrypoint };
  form.set("metadata", JSON.stringify({ ...metadata, ...(importMap !== undefined && { import_map_path: importMap }) }));
  let bytes = 0;
  for (const path of all) {
    bytes += (await lstat(join(folder, path))).size;
    if (bytes > most.bytes) throw unusable(slug, `it has more than ${most.bytes} bytes`);
    const content = await readFile(join(folder, path));
    form.append("file", new File([content], path), path);
  }
  return form;
}

/** Paths from `folder`, with `/`, in byte order. Empty: there is no such folder. */
async function filesBelow(folder: string, path: string): Promise<string[]> {
  const found: string[] = [];
  const own = await lstat(join(folder, path)).catch(() => undefined);
  // Whoever may write the repository could have a folder of the machine sent away.
  if (own !== undefined && !own.isDirectory()) throw unusable(path, "it is a link or no folder");
  const waiting = [path];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const entries = await readdir(join(folder, next), { withFileTypes: true }).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT" && next === path) return [];
      throw unusable(path, errorCode(error) ?? "it cannot be read");
    });
    for (const entry of entries) {
      if (entry.isDirectory() && !passedOver.has(entry.name)) waiting.push(posix.join(next, entry.name));
      else if (entry.isFile()) found.push(posix.join(next, entry.name));
    }
    if (found.length > most.files) throw unusable(path, `it has more than ${most.files} files`);
  }
  return found.sort();
}

async function filesOf(folder: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    names.map(async (name) => ((await lstat(join(folder, name)).catch(() => undefined))?.isFile() ? [name] : [])),
  );
  return found.flat();
}

function unusable(slug: string, why: string): OperationError {
  return new OperationError(
    "function-sources",
    `The sources of ${slug} cannot be deployed: ${why}.`,
    "Put them right, or take the folder out of the policy (recovery.configuration.functionsFolder).",
  );
}
