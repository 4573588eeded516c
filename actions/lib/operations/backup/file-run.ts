import type { Stop } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import type { SyncConfig, SyncRequest, SyncResult } from "../sync/request.ts";
import { runSync } from "../sync/run-sync.ts";

/** A copy of the files that runs beside a backup, under the backup's own snapshot. */
export interface FileRun {
  /** The list is open under the snapshot, and no longer needs whoever exported it. Rejects when it never will be. */
  readonly opened: Promise<void>;
  /** The files' snapshot is published. */
  readonly done: Promise<SyncResult>;
}

export type FileRequest = Omit<SyncRequest, "tier" | "within" | "signal" | "onListOpened"> & {
  readonly config: SyncConfig;
};

/** When it fails, the whole backup stops: a set that says it has files must have them. */
export function startFiles(request: FileRequest, within: NonNullable<SyncRequest["within"]>, stop: Stop): FileRun {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  const { tier } = within.databaseSet;
  const done = runSync({ ...request, tier, within, signal: stop.signal, onListOpened: resolve });
  done.catch((error: unknown) => {
    stop.now(error);
    reject(error);
  });
  opened.catch(() => {}); // whoever waits for `done` hears of it too
  return { opened, done };
}

/**
 * When the backup has failed: waits for the copy to end, and tells of files that were published by then. Their snapshot
 * names a set that there is not.
 */
export async function tellOfFilesAlone(run: FileRun | undefined, set: string, log: Log): Promise<void> {
  if (run === undefined) return;
  const [ended] = await Promise.allSettled([run.done]);
  if (ended.status === "rejected") return;
  log.warn(
    `The files are in the vault all the same: their snapshot ${ended.value.set} is whole, and names the database set ${set}, which this run did not make. Restore them with \`lifeboat restore-files ${ended.value.set}\`; an earlier set has files of its own.`,
  );
}
