import tls from "node:tls";
import type { Client } from "pg";
import pg from "pg";
import { sqlState } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { type Patience, withRetries } from "../../base/flow/retry.ts";
import { type Log, silentLog } from "../../base/log.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import { describeConnectFailure, mayPass } from "./connect-failure.ts";
import { refuseTransactionPooler } from "./keeps-session.ts";

/**
 * What every session of ours says at its start, so that text comes out the same whatever the server, the database or the
 * role is set to. The zeros switch off the two-minute `statement_timeout` that Supabase's `postgres` has.
 * `search_path` is `pg_catalog` alone: nobody's function can stand in for one of the catalogue's.
 */
export const sessionPins: Readonly<Record<string, string>> = {
  statement_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  DateStyle: "ISO, YMD",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  extra_float_digits: "3",
  bytea_output: "hex",
  xmloption: "content",
  lc_monetary: "C",
  // A database or role may be set otherwise: then the catalogue's functions would quote differently from one session to
  // the next, literals would mean something else, and sessions that work side by side would fail each other.
  quote_all_identifiers: "off",
  standard_conforming_strings: "on",
  backslash_quote: "safe_encoding",
  array_nulls: "on",
  transform_null_equals: "off",
  xmlbinary: "base64",
  default_transaction_isolation: "read committed",
  default_transaction_deferrable: "off",
  search_path: "pg_catalog",
};

/**
 * Settings that not every server has: `transaction_timeout` is new in 17. `client_connection_check_interval` lets the
 * server notice within a second that we are gone, also when we were killed in the middle of a long query: otherwise it would
 * go on holding snapshot and locks. Not every platform can do that, so it is asked for and not demanded.
 */
const wishes: Readonly<Record<string, string>> = {
  transaction_timeout: "0",
  idle_session_timeout: "0",
  client_connection_check_interval: "1s",
};

/** The wishes that the server knows, as one statement. */
export const wishStatement = {
  text: `SELECT pg_catalog.set_config(w.key, w.value, false)
           FROM pg_catalog.json_each_text($1::json) w JOIN pg_catalog.pg_settings s ON s.name OPERATOR(pg_catalog.=) w.key`,
  values: [JSON.stringify(wishes)],
};

/** The pins as one statement; `set_config` takes names and values as data, so nothing needs quoting rules. */
export function pinStatement(lockWaitSeconds: number): { readonly text: string; readonly values: readonly string[] } {
  const entries = Object.entries({ ...sessionPins, lock_timeout: String(Math.ceil(lockWaitSeconds * 1000)) });
  const calls = entries.map((_, index) => `pg_catalog.set_config($${index * 2 + 1}, $${index * 2 + 2}, false)`);
  return { text: `SELECT ${calls.join(", ")}, pg_catalog.pg_backend_pid() AS pid`, values: entries.flat() };
}

/**
 * The pins in the form of libpq's PGOPTIONS, for pg_dump. pg_dump sets its own time-outs and search path; what matters here
 * is what it leaves alone, such as lc_monetary. A pooler may drop options: then pg_dump's own settings hold.
 */
export function pinOptions(): string {
  const { search_path: _own, ...rest } = sessionPins;
  return Object.entries(rest)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`)
    .join(" ");
}

interface ConnectOptions {
  /** Shown in pg_stat_activity; the DDL watch knows our sessions by the prefix `lifeboat/`. */
  readonly applicationName: string;
  /** What a query waits for a lock at most. */
  readonly lockWaitSeconds?: number;
  /** Which setting the connection comes from, for messages. */
  readonly setting?: string;
  readonly log?: Log;
  readonly signal?: AbortSignal;
  readonly patience?: ConnectPatience;
}

/** How long one attempt may take and how often it is repeated. */
interface ConnectPatience extends Patience {
  readonly attemptSeconds: number;
}

/** Connects through Supabase's pooler were reported to take 12 to 93 seconds: one attempt may take two minutes. */
const patient: ConnectPatience = { attempts: 4, attemptSeconds: 120, baseMillis: 1000, capMillis: 8000 };

/**
 * Opens a session with every setting pinned (see `sessionPins`). Network trouble is retried, a refusal is not.
 *
 * @throws ConfigurationError when the server or the settings refuse (password, TLS, database, address)
 * @throws OperationError `source-unreachable` when the network didn't get better in time
 */
export async function connect(settings: ConnectionSettings, options: ConnectOptions): Promise<pg.Client> {
  const patience = options.patience ?? patient;
  return withRetries(
    patience,
    (count) => {
      if (count > 1) (options.log ?? silentLog).debug(`The database did not answer; attempt ${count}.`);
      return connectOnce(settings, options, patience.attemptSeconds);
    },
    mayPass,
    ({ error }) => describeConnectFailure(error, settings, options.setting ?? "DATABASE_URL"),
    options.signal,
  );
}

async function connectOnce(
  settings: ConnectionSettings,
  options: ConnectOptions,
  attemptSeconds: number,
): Promise<pg.Client> {
  const client = newClient(settings, options, attemptSeconds);
  // A pooler signs in by itself, and may have no server for what is asked then: without this it would be waited for without an end.
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    hangUp(client);
  }, attemptSeconds * 1000);
  try {
    await client.connect();
    const pid = await pinned(client, settings, options, attemptSeconds);
    if (pid !== undefined) backends.set(client, pid);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw late ? new Error("timeout expired") : error;
  } finally {
    clearTimeout(limit);
  }
}

function newClient(settings: ConnectionSettings, options: ConnectOptions, attemptSeconds: number): pg.Client {
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
  return client;
}

/** Addresses whose pooler has been found to keep sessions. */
const keeping = new WeakSet<ConnectionSettings>();

/**
 * Pins a session that is ours alone. The number that a server greets with is its process's, a pooler's is its own: only
 * then is it asked what it keeps, and before anything is set that could be another client's a moment later.
 * @returns the server's process
 */
async function pinned(
  client: pg.Client,
  settings: ConnectionSettings,
  options: ConnectOptions,
  attemptSeconds: number,
): Promise<number | undefined> {
  const wait = options.lockWaitSeconds ?? 30;
  if (keeping.has(settings)) return pinAll(client, wait);
  const direct = await pinAll(client, wait, Number(Reflect.get(client, "processID") ?? 0));
  if (direct !== undefined) return direct;
  const seconds = Math.min(10, attemptSeconds / 2);
  const open = () => newClient(settings, options, seconds);
  await refuseTransactionPooler(client, open, { seconds, setting: options.setting ?? "DATABASE_URL" });
  keeping.add(settings);
  return pinAll(client, wait);
}

/** @param only the server's process for which anything is set; in another one nothing is */
async function pinAll(client: pg.Client, lockWaitSeconds: number, only?: number): Promise<number | undefined> {
  const ask = ({ text, values }: { readonly text: string; readonly values: readonly unknown[] }) => {
    if (only === undefined) return client.query<{ pid: number }>(text, [...values]);
    const own = `pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $${values.length + 1}::pg_catalog.int4`;
    return client.query<{ pid: number }>(`${text} WHERE ${own}`, [...values, only]);
  };
  const pin = () => ask(pinStatement(lockWaitSeconds));
  const wish = () => ask(wishStatement).catch(refusedOnly);
  const [pins] = await askEach(client, [pin, wish], (one) => one());
  return pins?.rows[0]?.pid;
}

const backends = new WeakMap<Client, number>();

/** The server's process for a session that `connect` has opened: others wait for it when they wait for us. A pooler's own number is another. */
export function backendOf(client: Client): number | undefined {
  return backends.get(client);
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

/** How many questions may be under way at once: so many that a far server has the next one before it is done with the last. */
const underWay = 128;

/** A client's pipeline mode, which its types only let a constructor choose: COPY, which most sessions do too, works without it alone. */
const pipelining = (client: Client, pipeline: boolean) => Object.assign(client, { pipeline });

/**
 * Asks a session many things without waiting for one answer before the next is asked. Each is answered, and fails, by itself, in
 * the order of the items; what `ask` asks in one go stays together. Not for COPY.
 *
 * @returns the answers in the items' order
 * @throws the first error, when all have been answered
 */
export async function askEach<Item, Answer>(
  client: Client,
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  pipelining(client, true);
  try {
    const answers = await mapBounded(items, underWay, async (item) => (await Promise.allSettled([ask(item)]))[0]);
    return answers.map((answer) => {
      if (answer.status === "rejected") throw answer.reason;
      return answer.value;
    });
  } finally {
    pipelining(client, false);
  }
}

/** Ends a session at once, whatever it has been asked. */
export function hangUp(client: Client): void {
  pipelining(client, false)
    .end()
    .catch(() => undefined);
}

/** All sessions of one run: hung up together when it ends or is called off, so that none keeps a lock. */
export class Sessions<For extends readonly unknown[] = []> implements AsyncDisposable {
  readonly #connect: (...what: For) => Promise<Client>;
  readonly #signal: AbortSignal | undefined;
  readonly #open = new Set<Client>();
  // Ends a query that is under way, too: a run that stops must not wait for the longest one.
  readonly #hangUp = (): void => {
    for (const client of this.#open) hangUp(client);
  };

  constructor(connect: (...what: For) => Promise<Client>, signal: AbortSignal | undefined) {
    this.#connect = connect;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#hangUp);
  }

  /** The server's processes for those that are open now. */
  backends(): number[] {
    return [...this.#open].flatMap((client) => backendOf(client) ?? []);
  }

  async open(...what: For): Promise<Client> {
    this.#signal?.throwIfAborted();
    const client = await this.#connect(...what);
    this.#open.add(client);
    client.once("end", () => this.#open.delete(client));
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#hangUp);
    await Promise.allSettled([...this.#open].map((client) => client.end()));
  }
}
