import { type ConnectionSettings, parseConnectionUrl } from "./connection-url.ts";
import type { Problems } from "./problems.ts";
import { Secret } from "./secret.ts";

/** The process's environment, or a test's. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the vault is. Credentials are found by the AWS SDK itself, in the environment or by an OIDC role. */
export interface VaultLocation {
  readonly bucket: string;
  readonly region: string;
  /** Set for S3-compatible stores; AWS itself needs none. */
  readonly endpoint: string | undefined;
}

/** An armored private key and what unlocks it. */
export interface KeyMaterial {
  readonly armored: Secret;
  readonly passphrase: Secret | undefined;
}

/** The value of a variable; unset and empty (an unset GitHub secret) are the same. */
export function optional(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === "" ? undefined : value;
}

export function required(env: Environment, name: string, what: string, problems: Problems): string | undefined {
  return optional(env, name) ?? problems.add(name, `is not set; it is ${what}.`);
}

/** A ref as somebody has set it, without the blanks and capital letters that came with it. */
export function readRef(env: Environment, name: string): string | null {
  return optional(env, name)?.trim().toLowerCase() ?? null;
}

/** `<prefix>_URL` and `<prefix>_CA`, e.g. `DATABASE` or `TARGET_DATABASE`. */
export function readConnection(env: Environment, prefix: string, problems: Problems): ConnectionSettings | undefined {
  const url = required(env, `${prefix}_URL`, "the connection string of the database", problems);
  if (url === undefined) return undefined;
  return problems.attempt(`${prefix}_URL`, () => parseConnectionUrl(url, optional(env, `${prefix}_CA`)));
}

export function readVault(env: Environment, variable: string, problems: Problems): VaultLocation | undefined {
  const bucket = required(env, variable, "the bucket of the vault", problems);
  const region =
    optional(env, "AWS_REGION") ??
    optional(env, "AWS_DEFAULT_REGION") ??
    problems.add("AWS_REGION", "is not set; it is the region of the vault's bucket.");
  const endpoint = optional(env, "AWS_ENDPOINT_URL_S3") ?? optional(env, "AWS_ENDPOINT_URL");
  if (endpoint !== undefined && !URL.canParse(endpoint)) problems.add("AWS_ENDPOINT_URL", "is not a URL.");
  const halves = [optional(env, "AWS_ACCESS_KEY_ID"), optional(env, "AWS_SECRET_ACCESS_KEY")];
  if (halves.filter((half) => half !== undefined).length === 1) {
    problems.add("AWS_ACCESS_KEY_ID", "and AWS_SECRET_ACCESS_KEY must be set together, or neither (for a role).");
  }
  return bucket === undefined || region === undefined ? undefined : { bucket, region, endpoint };
}

/** `<name>_KEY` and `<name>_PASSPHRASE`, e.g. `BACKUP_SIGNING` or `RESTORE_PRIVATE`/`RESTORE`. */
export function readKey(
  env: Environment,
  names: { readonly key: string; readonly passphrase: string; readonly what: string },
  problems: Problems,
): KeyMaterial | undefined {
  const armored = required(env, names.key, names.what, problems);
  if (armored === undefined) return undefined;
  if (!armored.includes("-----BEGIN PGP PRIVATE KEY BLOCK-----")) {
    return problems.add(names.key, "is not an armored OpenPGP private key.");
  }
  const passphrase = optional(env, names.passphrase);
  return { armored: new Secret(armored), passphrase: passphrase === undefined ? undefined : new Secret(passphrase) };
}
