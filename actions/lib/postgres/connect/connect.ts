import { setTimeout as delay } from "node:timers/promises";
import tls from "node:tls";
import pg from "pg";
import { sqlState } from "../../base/errors.ts";
import { type Log, silentLog } from "../../base/log.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import { describeConnectFailure, mayPass } from "./connect-failure.ts";
import { pinStatement, wishStatement } from "./session.ts";

export interface ConnectOptions {
  /** Shown in pg_stat_activity; the DDL watch knows our sessions by the prefix `lifeboat/`. */
  readonly applicationName: string;
  /** What a query waits for a lock at most. */
  readonly lockWaitSeconds?: number;
  /** Which setting the connection comes from, for messages. */
  readonly setting?: string;
  readonly log?: Log;
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
}

/** How long one attempt may take and how often it is repeated. */
export interface Patience {
  readonly attempts: number;
  readonly attemptSeconds: number;
  /** Pause before the second attempt; it doubles each time. */
  readonly pauseSeconds: number;
}

/** Connects through Supabase's pooler were reported to take 12 to 93 seconds: one attempt may take two minutes. */
const patient: Patience = { attempts: 4, attemptSeconds: 120, pauseSeconds: 1 };

/**
 * Opens a session with every setting pinned (see `sessionPins`). Network trouble is retried, a refusal is not.
 *
 * @throws ConfigurationError when the server or the settings refuse (password, TLS, database, address)
 * @throws OperationError `source-unreachable` when the network didn't get better in time
 */
export async function connect(settings: ConnectionSettings, options: ConnectOptions): Promise<pg.Client> {
  const patience = options.patience ?? patient;
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return await connectOnce(settings, options, patience.attemptSeconds);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!mayPass(error) || attempt >= patience.attempts) {
        throw await describeConnectFailure(error, settings, options.setting ?? "DATABASE_URL");
      }
      const pause = patience.pauseSeconds * 2 ** (attempt - 1);
      (options.log ?? silentLog).debug(`The database did not answer; attempt ${attempt + 1} in ${pause} s.`);
      await delay(pause * 1000, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }
}

async function connectOnce(
  settings: ConnectionSettings,
  options: ConnectOptions,
  attemptSeconds: number,
): Promise<pg.Client> {
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    user: settings.user,
    password: settings.password?.reveal() ?? "",
    database: settings.database,
    application_name: options.applicationName,
    connectionTimeoutMillis: attemptSeconds * 1000,
    keepAlive: true,
    ssl: tlsOptions(settings),
  });
  // A cut connection is told by the query that it hits; without a listener it would end the process instead.
  client.on("error", () => {});
  try {
    await client.connect();
    const pins = pinStatement(options.lockWaitSeconds ?? 30);
    await client.query(pins.text, [...pins.values]);
    await client.query(wishStatement.text, [...wishStatement.values]).catch(refusedOnly);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

/** A server that refuses a wish is fine; a connection that broke is not. */
function refusedOnly(error: unknown): void {
  if (sqlState(error) === "none") throw error;
}

/** The roots that verify the server: the given one, else the system's. */
export function trustedRoots(settings: ConnectionSettings): readonly string[] {
  if (settings.tls.mode === "off") return [];
  return settings.tls.ca === undefined ? tls.getCACertificates("default").concat(systemRoots()) : [settings.tls.ca];
}

function systemRoots(): string[] {
  return tls.getCACertificates("system");
}

function tlsOptions(settings: ConnectionSettings): false | tls.ConnectionOptions {
  if (settings.tls.mode === "off") return false;
  return {
    ca: [...trustedRoots(settings)],
    rejectUnauthorized: true,
    // Node would compare an address with "localhost" here; the name that was asked for is the one that counts.
    checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(settings.host, certificate),
  };
}
