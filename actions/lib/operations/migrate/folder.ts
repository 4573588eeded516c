import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { devNull } from "node:os";
import { join } from "node:path";
import { ConfigurationError, errorCode } from "../../base/errors.ts";
import { formatBytes } from "../../base/measures.ts";
import { type MigrationFile, migrationName } from "../../policy/migrations.ts";

/** Where the migrations are read from. */
export interface MigrationSource {
  /** The folder, absolute or below the current one. */
  readonly folder: string;
  /** A commit, branch or tag of the repository that the current folder belongs to: the folder as it was there. */
  readonly ref?: string | undefined;
}

const mostFiles = 10_000;
const mostFileBytes = 16 * 1024 * 1024;
const mostBytes = 128 * 1024 * 1024;

/**
 * The files of a folder of migrations. What is no ordinary file by its own name is refused: a link would bring in text that
 * nobody has reviewed with the folder.
 *
 * @throws ConfigurationError `migrations-folder`, `migrations-ref`
 */
export async function readMigrationFolder(source: MigrationSource): Promise<MigrationFile[]> {
  return source.ref === undefined ? readFolder(source.folder) : readRef(source.folder, source.ref);
}

async function readFolder(folder: string): Promise<MigrationFile[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw refused(`${folder} cannot be read (${errorCode(error) ?? "no code"})`);
  });
  const named = entries.filter((entry) => !entry.isDirectory() && isNamed(entry.name));
  assertFew(folder, named.length);
  const files: MigrationFile[] = [];
  let left = mostBytes;
  for (const entry of named) {
    if (!entry.isFile()) throw refused(`${entry.name} in ${folder} is a link or no ordinary file`);
    // Once more when it is opened: it may have become a link meanwhile.
    const file = await open(join(folder, entry.name), constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => {
      throw refused(`${entry.name} in ${folder} cannot be read`);
    });
    try {
      left = room(entry.name, (await file.stat()).size, left);
      files.push({ file: entry.name, sql: textOf(entry.name, await file.readFile()) });
    } finally {
      await file.close();
    }
  }
  return files;
}

/** The mode of an ordinary file in a tree of git; 120000 is a link, 160000 another repository. */
const ordinary = /^100(644|755)$/;

async function readRef(folder: string, ref: string): Promise<MigrationFile[]> {
  const found = await git(["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`]);
  const commit = found?.toString("utf8").trim() ?? "";
  if (!/^[0-9a-f]{40,64}$/.test(commit)) {
    throw new ConfigurationError(
      "migrations-ref",
      "The repository has no such commit, branch or tag as --migrations-ref names.",
      "Name one that `git rev-parse` knows here; a shallow clone knows few: `git fetch --unshallow`.",
    );
  }
  const tree = await git(["ls-tree", "-z", "-l", commit, "--", `./${folder}/`.replaceAll(/\/+/g, "/")]);
  const entries = (tree?.toString("utf8") ?? "").split("\0").filter((line) => line !== "");
  if (entries.length === 0) throw refused(`${folder} is not in the repository at ${commit.slice(0, 12)}`);
  const blobs = entries.flatMap((line) => {
    const [, mode = "", type, hash = "", size, path = ""] =
      /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (type === "tree" || !isNamed(name)) return [];
    if (!ordinary.test(mode)) throw refused(`${name} in ${folder} is a link or no ordinary file`);
    return [{ name, hash, bytes: Number(size) }];
  });
  assertFew(folder, blobs.length);
  blobs.reduce((left, { name, bytes }) => room(name, bytes, left), mostBytes);
  const answer = await git(["cat-file", "--batch"], blobs.map(({ hash }) => `${hash}\n`).join(""));
  let at = 0;
  return blobs.map(({ name, bytes }) => {
    // `<hash> blob <bytes>`, the bytes, and an end of line for each.
    const begin = (answer?.indexOf("\n", at) ?? -1) + 1;
    const body = answer?.subarray(begin, begin + bytes);
    if (begin === 0 || body?.length !== bytes) throw refused(`${name} cannot be read from the repository`);
    at = begin + bytes + 1;
    return { file: name, sql: textOf(name, body) };
  });
}

/** What git says, with nobody's own settings, hooks or questions; undefined when it says no. */
async function git(args: readonly string[], input = ""): Promise<Buffer | undefined> {
  const { PATH, HOME, LD_LIBRARY_PATH } = process.env;
  const own = { LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: devNull, GIT_LITERAL_PATHSPECS: "1" };
  return new Promise((resolve) => {
    const child = execFile(
      "git",
      ["-c", "safe.directory=*", ...args],
      { encoding: "buffer", maxBuffer: 2 * mostBytes, env: { PATH, HOME, LD_LIBRARY_PATH, ...own } },
      (error, stdout) => resolve(error === null ? stdout : undefined),
    );
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** Other files may lie there: notes, tests. The plan names what looks like SQL. */
const isNamed = (name: string): boolean => migrationName(name) !== undefined || name.endsWith(".sql");

function assertFew(folder: string, count: number): void {
  if (count > mostFiles) throw refused(`${folder} has ${count} files, and may have ${mostFiles}`);
}

function room(name: string, bytes: number, left: number): number {
  const most = Math.min(mostFileBytes, left);
  if (bytes <= most) return left - bytes;
  throw refused(
    `${name} has ${formatBytes(bytes)}: a file may have ${formatBytes(mostFileBytes)}, all ${formatBytes(mostBytes)}`,
  );
}

function textOf(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refused(`${name} is not in UTF-8`);
  }
}

function refused(what: string): ConfigurationError {
  return new ConfigurationError(
    "migrations-folder",
    `The migrations cannot be used: ${what}.`,
    "Correct the folder, name another one with --migrations, or leave migrations out with --migrations none.",
  );
}
