import { ConfigurationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import { targetConnector } from "../target/sessions.ts";
import { admitTarget } from "../target/whose.ts";
import { cronItem } from "./load/cron-jobs.ts";
import { loadedTable } from "./load/load-table.ts";
import { finishRestore } from "./settle/event-triggers.ts";
import { Journal, stateOf } from "./target/journal.ts";

export interface AbandonRequest {
  readonly config: Config<"target">;
  /** The set whose restore is meant; undefined: whichever there is. */
  readonly set: string | undefined;
  readonly dryRun: boolean;
  readonly production: string | undefined;
  /** Asked before the target is changed. */
  readonly gate?: IncidentGate;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/** What a restore that is given up leaves behind: names and counts only. */
export interface Abandoned {
  readonly outcome: "abandoned" | "dry-run";
  readonly set: string;
  readonly target: string;
  /** Objects that were not there when it began. */
  readonly objects: number;
  /** Tables whose rows it brought. */
  readonly tables: readonly string[];
  /** Cron jobs that it switched off as they came. */
  readonly switchedOff: number;
}

/**
 * Gives an unfinished restore up: takes its notes out of the target, wakes the event triggers that wait for its end, lets
 * requests of pg_net go, and touches nothing else.
 * @throws ConfigurationError `nothing-to-abandon`, `target-half-restored` (another set's), `target-is-production`
 */
export async function abandonRestore(request: AbandonRequest): Promise<Abandoned> {
  const { config, set, dryRun, log, signal } = request;
  await admitTarget({
    ...{ config, fromSet: null, typed: request.production, log, signal },
    what: "the project that the backups come from",
  });
  const client = await targetConnector(config, "restore", { log, signal })();
  try {
    const journal = await Journal.find(client);
    if (journal === undefined) {
      throw new ConfigurationError(
        "nothing-to-abandon",
        `Target ${config.target.name} holds no unfinished restore.`,
        "Choose the target that is meant with --target.",
      );
    }
    if (set !== undefined) journal.refuseOther(set);
    const before = journal.before?.objects ?? {};
    const made = Object.keys(stateOf(await readInventory(client)).objects).filter((key) => !(key in before));
    if (!dryRun) await request.gate?.(`the notes of the restore of set ${journal.set}`);
    if (!dryRun) await finishRestore(client, { holdsRequests: false });
    return {
      ...{ outcome: dryRun ? "dry-run" : "abandoned", set: journal.set, target: config.target.name },
      ...{
        objects: made.length,
        tables: [...new Set(journal.items().flatMap((item) => loadedTable(journal, item) ?? []))],
      },
      switchedOff: journal.quieted(cronItem).length + journal.quieted("rows cron.job").length,
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}
