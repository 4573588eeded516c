import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigurationError } from "../base/errors.ts";
import { type ConnectionSettings, isLocal, parseConnectionUrl, refOfAddress } from "./connection-url.ts";
import type { Policy } from "./policy/policy.ts";
import { Problems, Secret } from "./problems.ts";

/** The process's environment, or a test's. */
export type Environment = Readonly<Record<string, string | undefined>>;

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

function required(env: Environment, name: string, what: string, problems: Problems): string | undefined {
  return optional(env, name) ?? problems.add(name, `is not set; it is ${what}.`);
}

/** Whether what is sent there travels over TLS. To this machine itself nothing needs to be encrypted. */
export function isEncrypted(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && isLocal(hostname.replace(/^\[(.*)\]$/, "$1")));
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

/** A Supabase project's S3 endpoint: the way to the bytes of its files. */
export interface ProjectStorage {
  /** `https://<ref>.storage.supabase.co/storage/v1/s3`, or another project's or test's. */
  readonly endpoint: string;
  /** The project's region: with another one, signatures do not match. */
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of a session in the place of a key of its own: a token of the project's API (supabase.com/docs, S3 authentication). */
  readonly sessionToken?: Secret;
  /** Which variables it was read from, for messages: `SUPABASE` or a target's prefix. */
  readonly prefix: string;
}

/** `<prefix>_STORAGE_ENDPOINT`, `_REGION`, `_ACCESS_KEY_ID`, `_SECRET_ACCESS_KEY`; the prefix is `SUPABASE` or a target's. */
export function readProjectStorage(env: Environment, prefix: string, problems: Problems): ProjectStorage | undefined {
  const read = (name: string, what: string) => required(env, `${prefix}_STORAGE_${name}`, what, problems);
  const endpoint = readEndpoint(env, `${prefix}_STORAGE_ENDPOINT`, problems);
  const region = read("REGION", "the project's region");
  const accessKeyId = read("ACCESS_KEY_ID", "an S3 access key of the project (dashboard, Storage, S3)");
  const secret = read("SECRET_ACCESS_KEY", "the secret of the S3 access key");
  if (endpoint === undefined || region === undefined || accessKeyId === undefined || secret === undefined)
    return undefined;
  return { endpoint, region, accessKeyId, secretAccessKey: new Secret(secret), prefix };
}

function readEndpoint(env: Environment, name: string, problems: Problems): string | undefined {
  const text = required(
    env,
    name,
    "the project's S3 endpoint, https://<ref>.storage.supabase.co/storage/v1/s3",
    problems,
  );
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return problems.add(name, "is not an http(s) URL.");
  if (url.username !== "" || url.search !== "") return problems.add(name, "holds more than an address.");
  if (!isEncrypted(text))
    return problems.add(name, "is not encrypted (http): files would pass in the clear. Use https.");
  return text.replace(/\/+$/, "");
}

/** True when all four are unset: the command may then do without. */
export function lacksProjectStorage(env: Environment, prefix: string): boolean {
  return ["ENDPOINT", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"].every(
    (name) => optional(env, `${prefix}_STORAGE_${name}`) === undefined,
  );
}

/** Keys that a sync takes when they are set: for lists that the present signing key does not open. */
export interface FormerKeys {
  readonly signing: KeyMaterial | undefined;
  readonly opening: KeyMaterial | undefined;
}

/**
 * BACKUP_SIGNING_KEY_PREVIOUS (and _PASSPHRASE) and RESTORE_PRIVATE_KEY, where they are set.
 * @throws ConfigurationError `configuration`
 */
export function readFormerKeys(env: Environment): FormerKeys {
  const problems = new Problems();
  const read = (key: string, passphrase: string, what: string): KeyMaterial | undefined =>
    optional(env, key) === undefined ? undefined : readKey(env, { key, passphrase, what }, problems);
  const signing = read(
    "BACKUP_SIGNING_KEY_PREVIOUS",
    "BACKUP_SIGNING_KEY_PREVIOUS_PASSPHRASE",
    "the former signing key",
  );
  const opening = read("RESTORE_PRIVATE_KEY", "RESTORE_PASSPHRASE", "the armored private key that opens snapshots");
  problems.throwIfAny();
  return { signing, opening };
}

/** Where a restore writes. */
export interface Target {
  readonly name: string;
  readonly database: ConnectionSettings;
  readonly projectRef: string | null;
}

/** The target that the policy knows by `name`; its environment variables begin with the policy's prefix. */
export function readTarget(env: Environment, policy: Policy, name: string, problems: Problems): Target | undefined {
  const known = policy.targets[name];
  if (known === undefined) {
    return problems.add(
      "target",
      `the policy knows no target of this name; it knows ${Object.keys(policy.targets).join(", ")}.`,
    );
  }
  const database = readConnection(env, `${known.env}_DATABASE`, problems);
  if (database === undefined) return undefined;
  return { name, database, projectRef: readRef(env, `${known.env}_PROJECT_REF`) };
}

/** Which project a target's database is: told in the settings, or written in the name of its host or its role. */
export function refsOfDatabase({ database, projectRef }: Pick<Target, "database" | "projectRef">): string[] {
  const known = [projectRef ?? undefined, refOfAddress(database.host, database.user)];
  return [...new Set(known.filter((ref) => ref !== undefined))];
}

const managementApiUrl = "https://api.supabase.com";

/** What a restore test takes from the environment where it is there, beside the target's own variables. */
interface RestoreTestEnvironment {
  /** DATABASE_URL: to see that staging is another database. The proving environment need not have it. */
  readonly production: ConnectionSettings | undefined;
  /** SUPABASE_ACCESS_TOKEN: to wake a paused project, see its room and switch off what its auth server sends. */
  readonly api: { readonly url: string; readonly token: Secret } | undefined;
}

/** @throws ConfigurationError `configuration` */
export function readRestoreTestEnvironment(env: Environment): RestoreTestEnvironment {
  const problems = new Problems();
  const production =
    optional(env, "DATABASE_URL") === undefined ? undefined : readConnection(env, "DATABASE", problems);
  problems.throwIfAny();
  return { production, api: readManagementApi(env) };
}

/**
 * SUPABASE_ACCESS_TOKEN, and SUPABASE_API_URL or Supabase's own address. Undefined: no token is set.
 * @throws ConfigurationError `configuration`, `api-url`
 */
export function readManagementApi(env: Environment): RestoreTestEnvironment["api"] {
  const problems = new Problems();
  const token = optional(env, "SUPABASE_ACCESS_TOKEN");
  const url = (optional(env, "SUPABASE_API_URL") ?? managementApiUrl).trim().replace(/\/+$/, "");
  if (!URL.canParse(url)) problems.add("SUPABASE_API_URL", "is not a URL.");
  problems.throwIfAny();
  if (token !== undefined && !isEncrypted(url)) {
    throw new ConfigurationError(
      "api-url",
      "SUPABASE_API_URL is not https: the access token would travel in plain text.",
      "Give an https address, or unset it for Supabase's own.",
    );
  }
  return token === undefined ? undefined : { url, token: new Secret(token.trim()) };
}

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
