import { type Environment, optional, required } from "./environment.ts";
import type { Problems } from "./problems.ts";
import { Secret } from "./secret.ts";

/** A Supabase project's S3 endpoint: the way to the bytes of its files. */
export interface ProjectStorage {
  /** `https://<ref>.storage.supabase.co/storage/v1/s3`, or another project's or test's. */
  readonly endpoint: string;
  /** The project's region: with another one, signatures do not match. */
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
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
  const local = url.hostname === "localhost" || url.hostname.startsWith("127.") || url.hostname === "[::1]";
  if (url.protocol === "http:" && !local)
    return problems.add(name, "is not encrypted (http): files would pass in the clear. Use https.");
  return text.replace(/\/+$/, "");
}

/** True when all four are unset: the command may then do without. */
export function lacksProjectStorage(env: Environment, prefix: string): boolean {
  return ["ENDPOINT", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"].every(
    (name) => optional(env, `${prefix}_STORAGE_${name}`) === undefined,
  );
}
