import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Environment, optional } from "./environment.ts";

/** Public keys as armored text: of those who can open the sets, and of those who sign them. */
export interface PublicKeys {
  /** Every armored block that was found; which is whose is told by the policy's pins. */
  readonly armored: string;
  /** For messages: `BACKUP_PUBLIC_KEYS` or the folder. */
  readonly origin: string;
}

const folder = join(".github", "keys");

/** BACKUP_PUBLIC_KEYS (armored text, or a path to it), else every `.asc` file below `.github/keys`. Empty text: none. */
export function readPublicKeyTexts(env: Environment, cwd: string): PublicKeys {
  const given = optional(env, "BACKUP_PUBLIC_KEYS");
  if (given !== undefined) {
    const armored = given.includes("-----BEGIN PGP")
      ? given.replaceAll("\\n", "\n")
      : textOf(join(cwd, given.trim()), given.trim());
    return { armored, origin: "BACKUP_PUBLIC_KEYS" };
  }
  const names = filesOf(join(cwd, folder)).filter((name) => name.endsWith(".asc"));
  return { armored: names.map((name) => readFileSync(join(cwd, folder, name), "utf8")).join("\n"), origin: folder };
}

function filesOf(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

function textOf(...candidates: readonly string[]): string {
  for (const path of candidates) {
    try {
      return readFileSync(path, "utf8");
    } catch {
      // the next candidate; none readable is the same as no keys, which the preflight reports
    }
  }
  return "";
}
