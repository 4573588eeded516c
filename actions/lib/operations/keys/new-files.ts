import { randomBytes } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import type { KeyRole } from "../../seal/keys/keyring.ts";

export interface NewFile {
  readonly path: string;
  readonly content: string;
  /** 0600 for what is secret. */
  readonly secret: boolean;
}

/** @throws ConfigurationError `key-file-exists` that names every file that is there already */
export function refuseExisting(paths: readonly string[]): void {
  const there = paths.filter((path) => existsSync(path));
  if (there.length > 0) throw exists(there);
}

/**
 * Writes all of the files or none: they must not exist, and are durable when this returns.
 *
 * @throws ConfigurationError `key-file-exists`; what the file system says
 */
export async function writeNewFiles(files: readonly NewFile[]): Promise<void> {
  const written: string[] = [];
  try {
    for (const { path, content, secret } of files) {
      await mkdir(dirname(path), { recursive: true, mode: secret ? 0o700 : 0o755 });
      const file = await open(path, "wx", secret ? 0o600 : 0o644);
      written.push(path);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
    }
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw exists("path" in error ? [String(error.path)] : []);
    }
    throw error;
  }
}

function exists(paths: readonly string[]): ConfigurationError {
  return new ConfigurationError(
    "key-file-exists",
    `Keys are never overwritten, and there is already: ${paths.join(", ")}.`,
    "To rotate a key, move the old files away first (see .github/keys/README.md).",
  );
}

/** Without letters that look like digits or like each other when written down. */
const alphabet = "abcdefghjkmnpqrstuvwxyz023456789";
const groups = 7;
const groupLength = 5;
const shortest = 16;

/** A passphrase of 175 random bits, in groups that can be copied from paper. */
export function newPassphrase(): string {
  const letters = [...randomBytes(groups * groupLength)].map((byte) => alphabet[byte % alphabet.length]).join("");
  return (letters.match(new RegExp(`.{${groupLength}}`, "g")) ?? []).join("-");
}

/** `OPERATIONS_KEY_PASSPHRASE` and so on: where a passphrase of one's own is taken from. */
export function passphraseVariable(role: KeyRole): string {
  return `${role.toUpperCase()}_KEY_PASSPHRASE`;
}

/**
 * The passphrase that the environment gives for a role; undefined when it gives none.
 *
 * @throws ConfigurationError `passphrase-too-short`
 */
export function givenPassphrase(env: Readonly<Record<string, string | undefined>>, role: KeyRole): string | undefined {
  const given = env[passphraseVariable(role)];
  if (given === undefined || given === "") return undefined;
  if (given.length >= shortest) return given;
  throw new ConfigurationError(
    "passphrase-too-short",
    `${passphraseVariable(role)} has fewer than ${shortest} characters.`,
    "Take a longer one, or unset it to have a strong one made.",
  );
}

/**
 * The folder's real path, when it lies outside the repository. It need not exist; links on the way are followed, so
 * that none leads back in.
 *
 * @throws ConfigurationError `private-keys-inside-repository`
 */
export function outsideRepository(folder: string, repository: string): string {
  const real = realPath(resolve(folder));
  const path = relative(realPath(resolve(repository)), real);
  if (path === ".." || path.startsWith(`..${sep}`) || resolve(path) === path) return real;
  throw new ConfigurationError(
    "private-keys-inside-repository",
    `Private keys would be written to ${folder}, inside the repository: one careless commit would publish them.`,
    "Give --out a folder outside of it, best on a medium that can be taken away.",
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
