import type { Client } from "pg";
import { describeCode, LifeboatError, OperationError, sqlState } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { askEach, connect, hangUp } from "../../postgres/connect/connect.ts";
import { pathStatement } from "../../postgres/inventory/name-lookup.ts";

/**
 * Opens sessions of the configured target, one a call.
 *
 * @param purpose what the sessions are called at the server: `lifeboat/<purpose>`
 * @throws ConfigurationError, OperationError as `connect`
 */
export function targetConnector(
  { target, policy }: Pick<Config<"target">, "target" | "policy">,
  purpose: string,
  { log, signal }: { readonly log: Log; readonly signal?: AbortSignal | undefined },
): () => Promise<Client> {
  return () =>
    connect(target.database, {
      applicationName: `lifeboat/${purpose}`,
      setting: `${policy.targets[target.name]?.env ?? "TARGET"}_DATABASE_URL`,
      lockWaitSeconds: policy.source.lockWaitSeconds,
      log,
      ...(signal && { signal }),
    });
}

/** A cut session as one of our errors: a driver's error may quote what the server said, and that may quote rows. */
export function brokenOff(error: unknown): unknown {
  if (error instanceof LifeboatError || (error instanceof Error && error.name === "AbortError")) return error;
  const lost =
    error instanceof Error && /^(Connection terminated|Client was closed|Client has encountered)/.test(error.message);
  if (!lost && !(typeof error === "object" && error !== null && "code" in error)) return error;
  return new OperationError(
    "restore-interrupted",
    `The restore broke off (${describeCode(error)}).`,
    "Run the same command again: it takes up what is done already.",
  );
}

/** What a step found in place already: an interrupted run, or the platform, was there first. */
const alreadyThere = new Set(["42710", "42P07", "42P06", "42723", "42701"]);

/**
 * Runs one statement or several that belong together; undefined when it worked or was not needed.
 * @param needless SQLSTATEs that say that it was not
 */
export async function attempt(
  client: Client,
  sql: string,
  needless: ReadonlySet<string> = alreadyThere,
): Promise<string | undefined> {
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    const reason = reasonOf(error);
    return needless.has(sqlState(error)) ? undefined : reason;
  }
}

/** Where the server writes files. Anybody's function may raise the same SQLSTATE, and must not end a restore by it. */
const writers = /^(?:buffile|copydir|fd|logtape|md|slru|xlog\w*)\.c$/;

function isServers(error: unknown): boolean {
  return error instanceof Error && "file" in error && typeof error.file === "string" && writers.test(error.file);
}

function diskFull(what: string): OperationError {
  return new OperationError(
    "target-disk-full",
    what,
    "Enlarge the disk (Supabase: Database, Settings, Disk size), wait until the database can be written again, and run the same command again: it takes up what is done already.",
  );
}

/**
 * Ends a restore whose target has become read-only: at 95 % of its disk Supabase makes a project so (supabase.com/docs, Database size).
 * @param reasons of `reasonOf`
 * @throws OperationError `target-disk-full`
 */
export async function refuseReadOnly(client: Client, reasons: Iterable<string>): Promise<void> {
  if (![...reasons].some((reason) => reason.startsWith("25006"))) return;
  const answer = await client.query<{ only: boolean }>(
    "select current_setting('default_transaction_read_only')::bool as only",
  );
  if (answer.rows[0]?.only !== true) return;
  throw diskFull("The target has become read-only (25006), as Supabase makes a project whose disk is nearly full.");
}

/**
 * Why a statement did not work. What no other statement could do either ends the restore: a lost session, a disk that is full, and
 * a lock that somebody holds, for which each further attempt would wait as long again.
 * @throws OperationError `target-locked`, `target-disk-full`; `error` itself when the session was lost
 */
export function reasonOf(error: unknown): string {
  const state = sqlState(error);
  if (state === "none") throw error;
  if (state === "53100" && isServers(error)) throw diskFull("The target's disk is full (53100).");
  if (state !== "55P03") return describeCode(error);
  throw new OperationError(
    "target-locked",
    "Somebody holds a lock in the target for longer than the restore may wait (55P03).",
    "Keep everything else off the target and run the same command again: it takes up what is done already.",
  );
}

/** The same, and under other search paths as long as it does not work. */
export async function attemptUnder(client: Client, paths: readonly string[], sql: string): Promise<string | undefined> {
  let reason = await attempt(client, sql);
  for (const path of paths) {
    // Denied, or waiting for something else: no other path changes that.
    if (reason === undefined || /^(42501|55000)/.test(reason)) return reason;
    reason = await attempt(client, pathStatement(path) + sql);
  }
  return reason;
}

/**
 * Attempts each of many things in its own transaction, without waiting for one before the next is sent. What no other statement
 * could do either hangs the session up.
 *
 * @param text one statement, or several that belong together
 * @param needless as of `attempt`
 * @returns what did not work, with the reasons
 * @throws as `reasonOf`
 */
export async function attemptEach<Item>(
  client: Client,
  items: readonly Item[],
  text: (item: Item) => string,
  needless?: ReadonlySet<string>,
): Promise<Map<Item, string>> {
  const failures = new Map<Item, string>();
  const ended: unknown[] = [];
  await askEach(client, items, async (item) => {
    if (ended.length > 0) return;
    try {
      const reason = await attempt(client, text(item), needless);
      if (reason !== undefined) failures.set(item, reason);
    } catch (error) {
      if (ended.push(error) === 1) hangUp(client);
    }
  });
  if (ended.length > 0) throw ended[0];
  return failures;
}

/**
 * The same, and again what failed as long as that gets further, so that a dependency that the order did not show is no failure.
 */
export async function attemptAgain<Item>(
  client: Client,
  items: readonly Item[],
  text: (item: Item) => string,
  needless?: ReadonlySet<string>,
): Promise<Map<Item, string>> {
  for (let left = items; ; ) {
    const failures = await attemptEach(client, left, text, needless);
    if (failures.size === 0 || failures.size === left.length) return failures;
    left = [...failures.keys()];
  }
}

/** A statement and what it is told by when it does not work. */
export type Keyed = readonly [key: string, statement: string];

/** `attemptEach`, with the last reason by key. */
export async function attemptKeyed(client: Client, statements: readonly Keyed[]): Promise<Map<string, string>> {
  const failures = await attemptEach(client, statements, ([, statement]) => statement);
  return new Map([...failures].map(([[key], reason]) => [key, reason]));
}
