import { ConfigurationError } from "../base/errors.ts";
import type { ConnectionSettings } from "./connection-url.ts";
import { type Environment, optional, readConnection } from "./environment.ts";
import { Problems } from "./problems.ts";
import { Secret } from "./secret.ts";

const managementApiUrl = "https://api.supabase.com";

/** What a restore test takes from the environment where it is there, beside the target's own variables. */
export interface RestoreTestEnvironment {
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
  const token = optional(env, "SUPABASE_ACCESS_TOKEN");
  const url = (optional(env, "SUPABASE_API_URL") ?? managementApiUrl).trim().replace(/\/+$/, "");
  if (!URL.canParse(url)) problems.add("SUPABASE_API_URL", "is not a URL.");
  problems.throwIfAny();
  if (token !== undefined) assertPrivate(url);
  return { production, api: token === undefined ? undefined : { url, token: new Secret(token.trim()) } };
}

/** The token goes only over TLS, or to this machine. */
function assertPrivate(text: string): void {
  const { protocol, hostname } = new URL(text);
  if (protocol === "https:" || ["127.0.0.1", "localhost", "[::1]"].includes(hostname)) return;
  throw new ConfigurationError(
    "api-url",
    "SUPABASE_API_URL is not https: the access token would travel in plain text.",
    "Give an https address, or unset it for Supabase's own.",
  );
}
