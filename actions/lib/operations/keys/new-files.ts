import { existsSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";

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
