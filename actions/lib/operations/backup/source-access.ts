import type { Client } from "pg";
import type { Stop } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { type ChildEnvironment, type ClientTools, childEnvironment } from "../../postgres/connect/client-tools.ts";
import { connect, Sessions } from "../../postgres/connect/connect.ts";
import type { PgDump } from "../../postgres/dump/pg-dump.ts";
import { watchForDdl } from "../../postgres/snapshot/snapshot.ts";

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
  readonly #options: SourceAccessOptions;
  readonly #child: ChildEnvironment;
  readonly #sessions: Sessions<[purpose: string]>;
  readonly #children = new Set<Promise<unknown>>();

  private constructor(options: SourceAccessOptions, child: ChildEnvironment) {
    this.policy = options.policy;
    this.log = options.log;
    this.#options = options;
    this.#child = child;
    const { settings, policy, stop, log } = options;
    const also = { lockWaitSeconds: policy.lockWaitSeconds, signal: stop.signal, log };
    this.#sessions = new Sessions(
      (purpose) => connect(settings, { applicationName: `lifeboat/${purpose}`, ...also }),
      stop.signal,
    );
  }

  static async open(options: SourceAccessOptions): Promise<SourceAccess> {
    return new SourceAccess(options, await childEnvironment(options.settings, { applicationName: "lifeboat/dump" }));
  }

  /** A session of its own, with everything pinned. */
  session(purpose: string): Promise<Client> {
    return this.#sessions.open(purpose);
  }

  async hangUp(client: Client): Promise<void> {
    await client.end().catch(() => {});
  }

  /** What pg_dump needs to read the snapshot. */
  dump(snapshot: string): PgDump {
    const { tools, policy, stop } = this.#options;
    return {
      program: tools.pgDump,
      env: this.#child.env,
      snapshot,
      lockWaitSeconds: policy.lockWaitSeconds,
      signal: stop.signal,
      onStart: (ended) => this.#children.add(ended),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions[Symbol.asyncDispose]();
    await Promise.allSettled(this.#children);
    await this.#child[Symbol.asyncDispose]();
  }
}

export interface DdlGuard extends AsyncDisposable {
  /** From now on, whoever waits for this backend waits for the backup. */
  holds(pid: number): void;
  /** The backend is given up on purpose. */
  releases(pid: number): void;
}

/** Looks all through the run whether the backup is in anybody's way, and stops the run when it is. */
export async function startDdlGuard(source: SourceAccess, stop: Stop): Promise<DdlGuard> {
  const pids = new Set<number>();
  const done = new AbortController();
  const watcher = await source.session("watch");
  const signal = AbortSignal.any([done.signal, stop.signal]);
  const watching = watchForDdl(watcher, {
    pids: () => [...pids],
    yieldSeconds: source.policy.yieldToDdlSeconds,
    signal,
  }).catch((error: unknown) => stop.now(error));
  return {
    holds: (pid) => void pids.add(pid),
    releases: (pid) => void pids.delete(pid),
    async [Symbol.asyncDispose]() {
      done.abort();
      await watching;
      await source.hangUp(watcher);
    },
  };
}
