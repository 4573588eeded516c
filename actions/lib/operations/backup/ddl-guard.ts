import type { Stop } from "../../base/flow/bounded.ts";
import { watchForDdl } from "../../postgres/snapshot/snapshot.ts";
import type { SourceAccess } from "./source-access.ts";

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
