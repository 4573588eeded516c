import { lookup } from "node:dns/promises";
import { ConfigurationError, errorCode, type LifeboatError, OperationError } from "../../base/errors.ts";
import { type ConnectionSettings, refOfDirectHost, sessionPoolerAdvice } from "../../config/connection-url.ts";

/** Codes that may be gone in a moment: the network's, and a server's that starts, stops or is full. */
const passing = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "57P01",
  "57P02",
  "57P03",
  // A role's own time-out can end the very statement that switches it off, on a busy server.
  "57014",
  "53300",
  "08006",
  "08001",
  "08004",
]);

/** What poolers say when they have no connection left, under codes that mean other things too: Supavisor's XX000, PgBouncer's 08P01. */
const full = /max client|EMAXCONN|no more connections allowed/i;

function isFull(error: unknown): boolean {
  return errorCode(error) === "53300" || (error instanceof Error && full.test(error.message));
}

/** Whether trying again may help: never for a refusal. */
export function mayPass(error: unknown): boolean {
  if (isFull(error)) return true;
  const code = errorCode(error);
  if (code !== undefined) return passing.has(code);
  // The driver's own errors have no code: a time-out, or a connection that ended during the handshake.
  return error instanceof Error && /timeout|terminated|ended/i.test(error.message);
}

/** Turns a failed connect into what is wrong and what to do. Built from codes: a server's own text is never passed on. */
export async function describeConnectFailure(
  error: unknown,
  settings: ConnectionSettings,
  setting: string,
): Promise<LifeboatError> {
  if (error instanceof ConfigurationError) return error;
  const code = errorCode(error) ?? "";
  const where = `${settings.host}:${settings.port}`;
  if (isFull(error)) {
    return new OperationError(
      "source-unreachable",
      `${where} has no connection left (${code}).`,
      "Run at a quieter hour, raise the pooler's pool size or the role's limit, or lower source.jobs in the policy.",
    );
  }
  if (code === "28P01" || code === "28000") {
    return refusal(
      "source-authentication",
      `${where} refuses the user ${settings.user} (${code}): the password or the user is wrong, or this user may not connect.`,
      `Correct ${setting}; a password's special characters must be percent-encoded. On a Supabase pooler the user is <role>.<project ref>.`,
    );
  }
  if (code === "XX000") {
    return refusal(
      "source-authentication",
      `The pooler at ${where} does not know the project or the user ${settings.user} (XX000).`,
      `Check ${setting}: ${sessionPoolerAdvice(undefined)}`,
    );
  }
  if (code === "3D000")
    return refusal(
      "source-database",
      `${where} has no database named ${settings.database} (3D000).`,
      `Correct the name at the end of ${setting}; on Supabase it is postgres.`,
    );
  if (code === "42501")
    return refusal(
      "source-authentication",
      `${settings.user} may not connect to the database ${settings.database} (42501).`,
      "Grant CONNECT, or use the backup role of runbooks/sql/backup-role.sql.",
    );
  if (code === "ENOTFOUND" || (await lacksIpv4(settings.host, code))) return unknownHost(settings, setting);
  const tlsProblem = describeTls(error, code, where, setting);
  if (tlsProblem !== undefined) return tlsProblem;
  if (mayPass(error)) {
    return new OperationError(
      "source-unreachable",
      `${where} did not accept a connection (${code || "no answer in time"}).`,
      `Check that the database runs, that ${setting} names it, and that its network restrictions admit this machine.`,
    );
  }
  return new OperationError(
    "source-unreachable",
    `Connecting to ${where} failed (${code || "unknown error"}).`,
    `Check ${setting}.`,
  );
}

function describeTls(error: unknown, code: string, where: string, setting: string): LifeboatError | undefined {
  const root = setting.replace(/_URL$/, "_CA");
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return refusal(
      "source-tls-name",
      `The TLS certificate of ${where} is for another name.`,
      `Use in ${setting} the host name that the certificate carries.`,
    );
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return refusal(
      "source-tls-expired",
      `The TLS certificate of ${where} is not valid today (${code}).`,
      "Renew it, or correct this machine's clock.",
    );
  if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|INVALID_CA|ERR_OSSL|ERR_SSL)/.test(code)) {
    return refusal(
      "source-tls-root",
      `The TLS certificate of ${where} is not signed by a trusted root (${code}).`,
      `Set ${root} to the server's root certificate, as PEM or path; for Supabase it is prod-ca-2021.crt from the dashboard.`,
    );
  }
  if (error instanceof Error && /does not support SSL/i.test(error.message)) {
    return refusal(
      "source-tls-missing",
      `${where} offers no TLS.`,
      `Switch TLS on at the server; only on this machine itself may ${setting} say sslmode=disable.`,
    );
  }
  return undefined;
}

function unknownHost(settings: ConnectionSettings, setting: string): LifeboatError {
  const ref = refOfDirectHost(settings.host);
  if (ref === undefined)
    return refusal("source-host", `The host ${settings.host} is not known.`, `Correct the host in ${setting}.`);
  return refusal(
    "source-ipv6-only",
    `${settings.host} has no IPv4 address that this machine could reach: Supabase's direct host is IPv6 only without the IPv4 add-on.`,
    sessionPoolerAdvice(ref),
  );
}

/** Whether a direct host failed because this machine has no IPv6 and the host nothing else. */
async function lacksIpv4(host: string, code: string): Promise<boolean> {
  if (
    refOfDirectHost(host) === undefined ||
    !["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "ETIMEDOUT", ""].includes(code)
  )
    return false;
  return lookup(host, { family: 4 }).then(
    () => false,
    () => true,
  );
}

function refusal(code: string, message: string, next: string): ConfigurationError {
  return new ConfigurationError(code, message, next);
}
