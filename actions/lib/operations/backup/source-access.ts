import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Stop } from "../../base/flow/bounded.ts";
import { inGrowingLanes } from "../../base/flow/growing-lanes.ts";
import type { Log } from "../../base/log.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { type ChildEnvironment, type ClientTools, childEnvironment } from "../../postgres/connect/client-tools.ts";
import { connect, Sessions } from "../../postgres/connect/connect.ts";
import { Foresight } from "../../postgres/dump/conversation.ts";
import { type PgDump, SchemaSql } from "../../postgres/dump/pg-dump.ts";
import { type DumpRelay, openRelay } from "../../postgres/dump/relay.ts";
import type { Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { tooLongToDump } from "../../postgres/rows/data-file.ts";
import { isLost } from "../../postgres/rows/export-rows.ts";
import { isQuiet, watchForDdl } from "../../postgres/snapshot/ddl-watch.ts";
import { attachSnapshot, type LockedSnapshot } from "../../postgres/snapshot/snapshot.ts";

export interface SourceAccessOptions {
  readonly settings: ConnectionSettings;
  readonly policy: Policy["source"];
  readonly tools: ClientTools;
  readonly stop: Stop;
  readonly log: Log;
}

/** Everything that a run has open at the source. Disposing it hangs up every session and waits for every child. */
export class SourceAccess implements AsyncDisposable {
  readonly policy: Policy["source"];
  readonly log: Log;
  /** Milliseconds that the watcher's last look took. */
  lastLook: number | undefined;
  readonly #options: SourceAccessOptions;
  readonly #child: ChildEnvironment;
  /** Of our programs, which come to the server through us, or not at all: they need no password. */
  readonly #programs: Readonly<Record<string, string>>;
  readonly #connect: (purpose: string) => Promise<Client>;
  readonly #sessions: Sessions<[purpose: string]>;
  readonly #children = new Set<Promise<unknown>>();

  private constructor(options: SourceAccessOptions, child: ChildEnvironment) {
    this.policy = options.policy;
    this.log = options.log;
    this.#options = options;
    this.#child = child;
    const { PGPASSWORD: _unneeded, ...programs } = child.env;
    this.#programs = programs;
    const { settings, policy, stop, log } = options;
    const also = { lockWaitSeconds: policy.lockWaitSeconds, signal: stop.signal, log };
    this.#connect = (purpose) => connect(settings, { applicationName: `lifeboat/${purpose}`, ...also });
    this.#sessions = new Sessions(this.#connect, stop.signal);
  }

  static async open(options: SourceAccessOptions): Promise<SourceAccess> {
    return new SourceAccess(options, await childEnvironment(options.settings, { applicationName: "lifeboat/dump" }));
  }

  /** A session of its own, with everything pinned. */
  session(purpose: string): Promise<Client> {
    return this.#sessions.open(purpose);
  }

  /** A session that outlives the run's being called off by a moment, and is not one of `backends`. */
  watcher(): Promise<Client> {
    return this.#connect("watch");
  }

  /** The server's processes for our sessions. */
  backends(): number[] {
    return this.#sessions.backends();
  }

  async hangUp(client: Client): Promise<void> {
    await client.end().catch(() => {});
  }

  /** A way for one pg_dump through a session of its own. @throws ConfigurationError `tmpdir-too-long` */
  relay(session: Client, { objects }: Pick<Inventory, "objects">): Promise<DumpRelay> {
    return openRelay(session, this.#child.folder, new Foresight(objects));
  }

  /** What pg_dump needs to read the snapshot. */
  dump(snapshot: string, relay: DumpRelay): PgDump {
    const { tools, policy, stop } = this.#options;
    return {
      program: tools.pgDump,
      env: { ...this.#programs, ...relay.env },
      snapshot,
      lockWaitSeconds: policy.lockWaitSeconds,
      signal: stop.signal,
      onStart: (ended) => this.#children.add(ended),
    };
  }

  /** Makes SQL of the schema dump that passes by; to be disposed of. */
  schemaSql(): SchemaSql {
    const { tools, stop } = this.#options;
    const onStart = (ended: Promise<unknown>): void => void this.#children.add(ended);
    return new SchemaSql({ program: tools.pgRestore, env: this.#programs, signal: stop.signal, onStart });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions[Symbol.asyncDispose]();
    await Promise.allSettled(this.#children);
    await this.#child[Symbol.asyncDispose]();
  }
}

export interface DdlGuard extends AsyncDisposable {
  /** From now on, a set without this backend's locks would lie. */
  holds(pid: number): void;
  /** The backend is given up on purpose. */
  releases(pid: number): void;
}

/** For the last word at the server, when the run has stopped and its network may be gone. */
const lastWordMillis = 500;

/**
 * Looks all through the run whether the backup is in anybody's way, and stops the run when it is: the server ends our sessions
 * itself, which a pooler, or a query without output, would let go on for a while.
 */
export async function startDdlGuard(source: SourceAccess, stop: Stop): Promise<DdlGuard> {
  const held = new Set<number>();
  const done = new AbortController();
  const watcher = await source.watcher();
  const watching = watchForDdl(watcher, {
    ours: () => source.backends(),
    holders: () => [...held],
    yieldSeconds: source.policy.yieldToDdlSeconds,
    looked: (millis) => {
      source.lastLook = millis;
    },
    signal: AbortSignal.any([done.signal, stop.signal]),
  }).catch(async (error: unknown) => {
    const ours = source.backends();
    stop.now(error);
    await watcher.query("select pg_terminate_backend(pid) from unnest($1::int[]) pid", [ours]).catch(() => {});
  });
  return {
    holds: (pid) => void held.add(pid),
    releases: (pid) => void held.delete(pid),
    async [Symbol.asyncDispose]() {
      done.abort();
      await Promise.race([watching, delay(lastWordMillis)]);
      await source.hangUp(watcher);
    },
  };
}

/**
 * After a backup has given way: waits until nobody changes tables any more.
 *
 * @param until of `performance.now()` @returns whether it has come to that in time
 */
export async function waitForMigration(
  settings: ConnectionSettings,
  until: number,
  { stop, log }: Pick<SourceAccessOptions, "stop" | "log">,
): Promise<boolean> {
  await using sessions = new Sessions(
    () => connect(settings, { applicationName: "lifeboat/watch", signal: stop.signal, log }),
    stop.signal,
  );
  return await isQuiet(await sessions.open(), until, stop.signal);
}

/** Reads something through a session under the snapshot; `attempt` counts from 1. */
export type Reading = (client: Client, attempt: number) => Promise<void>;

/**
 * Reads one thing after the other under one snapshot, each lane through a session of its own, the next as soon as the one before has been
 * read. There are as many as bring more, are let in, and let the server answer others as before. A lost connection costs what
 * was read through it.
 *
 * @param bytes read so far
 * @throws what a reading throws; OperationError `connection-lost` when it was lost again and again, `snapshot-lost`
 */
export async function readInLanes(
  source: SourceAccess,
  stop: Stop,
  snapshotId: string,
  queue: readonly Reading[],
  bytes: () => number,
): Promise<void> {
  await inGrowingLanes<Reading, Client>(stop, queue, {
    most: source.policy.jobs,
    open: () => openReader(source, snapshotId),
    close: (client) => source.hangUp(client),
    async work(read, client, attempt) {
      if (attempt > 1)
        source.log.info("The connection to the database was lost while rows were read; reading these again.");
      await read(client, attempt);
    },
    isFull: (error) => error instanceof LifeboatError && error.code === "source-unreachable",
    isLost: (error) => (error instanceof LifeboatError ? error.code === "connection-lost" : isLost(error)),
    done: bytes,
    probe: () => source.lastLook,
  });
}

/** Rows come in the order in which they lie, read by this session alone: what a backup takes from the server is what it was given. */
const asTheyLie =
  "set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0; set local jit = off";

async function openReader(source: SourceAccess, snapshotId: string): Promise<Client> {
  const client = await source.session("rows");
  await attachSnapshot(client, snapshotId);
  await client.query(asTheyLie);
  return client;
}

/**
 * The reason of a dump's failure: names the values that no dump can hold, where they are it.
 * @param tables whose rows were being dumped
 */
export async function withReason(
  source: SourceAccess,
  snapshot: LockedSnapshot,
  tables: readonly Pick<TableContent, "schema" | "name" | "oid">[],
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof OperationError && error.code === "row-too-long")) return error;
  try {
    const client = await source.session("long values");
    try {
      await attachSnapshot(client, snapshot.id);
      return (await tooLongToDump(client, tables)) ?? error;
    } finally {
      await source.hangUp(client);
    }
  } catch {
    return error;
  }
}
