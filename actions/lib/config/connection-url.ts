import { readFileSync } from "node:fs";
import { isIP, isIPv4 } from "node:net";
import { domainToASCII } from "node:url";
import { ConfigurationError } from "../base/errors.ts";
import { Secret } from "./problems.ts";

/** How to reach one Postgres database. `host` may be a folder: then it is a Unix socket. */
export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly database: string;
  /** `ca` undefined: the system's roots. */
  readonly tls: { readonly mode: "verify-full"; readonly ca: string | undefined } | { readonly mode: "off" };
}

const shape =
  /^postgres(?:ql)?:\/\/(?:(?<credentials>[^/]*)@)?(?<host>[^/?#]*)(?:\/(?<database>[^?#]*))?(?:\?(?<query>[^#]*))?$/;
const verifying = ["require", "verify-ca", "verify-full"];

/**
 * Reads a connection string. Supabase's transaction pooler is refused: it keeps no session state and pg_dump breaks on it
 * (supabase.com/docs/guides/database/connecting-to-postgres).
 * TLS is always verified against the host name, except on loopback and Unix sockets, where it is used when asked for.
 *
 * @param ca TLS root, as PEM or as a path to it
 * @throws ConfigurationError `connection-url`, `transaction-pooler`, `tls-off`, `tls-root`; never echoes the string
 */
export function parseConnectionUrl(text: string, ca?: string): ConnectionSettings {
  const found = shape.exec(text.trim())?.groups;
  if (found === undefined) {
    throw new ConfigurationError(
      "connection-url",
      "is not a connection string.",
      "It looks like postgresql://user:password@host:5432/postgres, with special characters in the password percent-encoded.",
    );
  }
  // An @ or a / that stands in the password as it is moves its end into the host's place, and hosts are named in logs.
  if (`${found["database"] ?? ""}${found["query"] ?? ""}`.includes("@")) throw unencoded();
  const query = new URLSearchParams(found["query"] ?? "");
  const { host: urlHost, port: urlPort } = splitHost(found["host"] ?? "");
  // As in libpq, what the query says counts more.
  const host = normalHost(query.get("host") || urlHost || "localhost");
  if (!isHost(host)) throw unencoded();
  const port = Number(query.get("port") || urlPort || 5432);
  const [user, password] = splitCredentials(found["credentials"] ?? "");
  if (user === "" && !query.has("user")) {
    throw new ConfigurationError(
      "connection-url",
      "names no user.",
      "It looks like postgresql://user:password@host:5432/postgres.",
    );
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ConfigurationError("connection-url", "has a port that is not a number from 1 to 65535.");
  }
  if (port === 6543 || query.get("pgbouncer") === "true") throw transactionPooler(host);
  const secret = password || query.get("password") || "";
  return Object.freeze({
    host,
    port,
    user: user || (query.get("user") ?? ""),
    password: secret === "" ? undefined : new Secret(secret),
    database: decode(found["database"] ?? "") || query.get("dbname") || "postgres",
    tls: tlsFor(host, query.get("sslmode") ?? undefined, ca),
  });
}

function unencoded(): ConfigurationError {
  return new ConfigurationError(
    "connection-url",
    "has special characters where its host ends: the password is not percent-encoded.",
    "Write @ as %40, / as %2F, ? as %3F, # as %23, % as %25 and : as %3A in the password.",
  );
}

/** A name, an address or the folder of a socket. */
function isHost(host: string): boolean {
  return host.startsWith("/") || isIP(host.replace(/%\w+$/, "")) !== 0 || /^[\p{L}\p{N}._-]+$/u.test(host);
}

/** Whether the host never leaves this machine. */
export function isLocal(host: string): boolean {
  return (
    host.startsWith("/") || host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))
  );
}

/** What to use instead of a direct or transaction-pooler address. */
export function sessionPoolerAdvice(ref: string | undefined): string {
  return `Use the session pooler: user postgres.${ref ?? "<ref>"} (or your backup role, <role>.${ref ?? "<ref>"}), host aws-<n>-<region>.pooler.supabase.com, port 5432 (dashboard, Connect, Session pooler).`;
}

function transactionPooler(host: string): ConfigurationError {
  return new ConfigurationError(
    "transaction-pooler",
    "is the transaction pooler (port 6543 or pgbouncer=true), which keeps no session: a dump cannot run on it.",
    sessionPoolerAdvice(refOfDirectHost(host)),
  );
}

function tlsFor(host: string, mode: string | undefined, ca: string | undefined): ConnectionSettings["tls"] {
  const root = ca === undefined || ca.trim() === "" ? undefined : readRoot(ca);
  if (mode === "disable" || mode === "no-verify") {
    if (isLocal(host)) return { mode: "off" };
    throw new ConfigurationError(
      "tls-off",
      `asks for sslmode=${mode}, but data leaves this machine only over verified TLS.`,
      "Remove sslmode from the connection string and set the TLS root (for Supabase: prod-ca-2021.crt from the dashboard).",
    );
  }
  if (host.startsWith("/")) return { mode: "off" };
  const asked = root !== undefined || (mode !== undefined && verifying.includes(mode));
  return isLocal(host) && !asked ? { mode: "off" } : { mode: "verify-full", ca: root };
}

function readRoot(ca: string): string {
  if (ca.includes("-----BEGIN CERTIFICATE-----")) return ca.replaceAll("\\n", "\n");
  let text: string;
  try {
    text = readFileSync(ca.trim(), "utf8");
  } catch {
    throw new ConfigurationError("tls-root", "its TLS root is neither a PEM certificate nor a file that can be read.");
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new ConfigurationError("tls-root", "the file of its TLS root holds no PEM certificate.");
  }
  return text;
}

function splitHost(text: string): { host: string; port: string } {
  if (text.includes(",")) throw new ConfigurationError("connection-url", "names several hosts; name one.");
  const six = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (six !== null) return { host: six[1] ?? "", port: six[2] ?? "" };
  const colon = text.lastIndexOf(":");
  return colon < 0
    ? { host: decode(text), port: "" }
    : { host: decode(text.slice(0, colon)), port: text.slice(colon + 1) };
}

function splitCredentials(text: string): [string, string] {
  const colon = text.indexOf(":");
  return colon < 0 ? [decode(text), ""] : [decode(text.slice(0, colon)), decode(text.slice(colon + 1))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(
      "connection-url",
      "has a % that is not followed by two hexadecimal digits.",
      "Percent-encode it as %25.",
    );
  }
}

/**
 * What the names of hosts and roles tell of a Supabase project. The same host is written in many ways: capital letters, a dot
 * at the end, letters of another width, `localhost` or `::1`. Here each has one form.
 */

/** One form for every way to write a host; a folder (a Unix socket) stays as it is. */
export function normalHost(text: string): string {
  if (text.startsWith("/")) return text;
  const bare = text.trim().replace(/^\[(.*)\]$/, "$1");
  return (bare.includes(":") ? bare.toLowerCase() : domainToASCII(bare) || bare.toLowerCase()).replace(/\.+$/, "");
}

/** Whether a host, in its one form, is this machine. */
export function isLoopback(host: string): boolean {
  const mapped = host.replace(/^::ffff:/, "");
  return (
    host.startsWith("/") ||
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "::1" ||
    host === "0:0:0:0:0:0:0:1" ||
    host === "0.0.0.0" ||
    (isIPv4(mapped) && mapped.startsWith("127."))
  );
}

const domains = "supabase\\.(?:co|in|net|red)";
const direct = new RegExp(`^db\\.([a-z0-9]+)\\.${domains}$`);
const api = new RegExp(`^([a-z0-9]{20})\\.(?:storage\\.)?${domains}$`);

/** `ref` of `db.<ref>.supabase.co`. */
export function refOfDirectHost(host: string): string | undefined {
  return direct.exec(normalHost(host))?.[1];
}

/** The ref that a database's address carries: its direct host, or at the pooler (and wherever else) `<role>.<ref>`. */
export function refOfAddress(host: string, user: string): string | undefined {
  const ofHost = refOfDirectHost(host);
  if (ofHost !== undefined) return ofHost;
  const anyLength = /\.pooler\.supabase\.com$/.test(normalHost(host));
  return (anyLength ? /^[^.]+\.([a-z0-9]+)$/ : /^[^.]+\.([a-z0-9]{20})$/).exec(user.toLowerCase())?.[1];
}

/** The ref in the name of a Storage endpoint, `<ref>.storage.supabase.co` or `<ref>.supabase.co`. */
export function refOfUrl(url: string): string | undefined {
  return URL.canParse(url) ? api.exec(normalHost(new URL(url).hostname))?.[1] : undefined;
}

/** One form for every way to write an endpoint. */
export function normalUrl(url: string): string {
  if (!URL.canParse(url)) return url.trim();
  const { protocol, hostname, port, pathname } = new URL(url.trim());
  const host = normalHost(hostname);
  const number = port || (protocol === "https:" ? "443" : "80");
  return `${isLoopback(host) ? "localhost" : host}:${number}${pathname.replace(/\/+$/, "")}`;
}

/** The region of a project of Supabase's, where its pooler's address tells it: `aws-0-eu-central-1.pooler.supabase.com`. */
export function regionOfPooler({ host }: Pick<ConnectionSettings, "host">): string | undefined {
  return /^aws-\d+-([a-z]+(?:-[a-z]+)+-\d+)\.pooler\.supabase\.[a-z]+$/.exec(host)?.[1];
}
