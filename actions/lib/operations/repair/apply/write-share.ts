import type { Client } from "pg";
import { describeCode, LifeboatError, OperationError, sqlState } from "../../../base/errors.ts";
import { withRetries } from "../../../base/flow/retry.ts";
import type { Log } from "../../../base/log.ts";
import type { SessionKey } from "../../../seal/keys/session-key.ts";
import type { RepairPlace, RepairRecord } from "../../../vault/repairs/records.ts";
import { type RepairVault, storeBegun, storeDone } from "../../../vault/repairs/store.ts";
import { type ListHeader, listFormat } from "../change-list.ts";
import { listSource } from "../stored-list.ts";
import type { LiveTable } from "./live-table.ts";
import { type Share, type TransactionRules, type Written, writeOnce } from "./transaction.ts";
import { undoChanges, undoTables } from "./undo-list.ts";

/** A transaction of a plan that is loaded. */
export interface Work {
  readonly tables: readonly LiveTable[];
  readonly share: Share;
  readonly header: ListHeader;
  readonly record: RepairRecord;
  readonly session: SessionKey;
  readonly here: RepairPlace;
}

/** What passes by itself: a deadlock, a conflict with another transaction, a lock that did not come in time. */
const passing = new Set(["40P01", "40001", "55P03"]);
const patience = { attempts: 4, baseMillis: 300, capMillis: 3000 };

export interface ShareRequest {
  readonly store: RepairVault;
  readonly by: string;
  readonly rules: TransactionRules;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a share of the plan in one transaction, and again a few times where others are in its way.
 * @throws as `writeOnce`; OperationError `repair-failed` with the SQLSTATE
 */
export async function writeShare(client: Client, other: Client, work: Work, request: ShareRequest): Promise<Written> {
  const { store, by, rules, log, signal } = request;
  const { id } = work.record;
  const at = () => new Date().toISOString();
  const keep = async (transaction: string): Promise<void> => {
    const { madeAt: _, ...header } = { ...work.header, madeAt: undefined };
    const undo: ListHeader = {
      ...{ ...header, format: listFormat, kind: "undo", of: id, madeAt: at() },
      tables: undoTables(work.tables),
    };
    const source = listSource(undo, undoChanges(client, work.tables));
    const begun = {
      id,
      transaction,
      at: at(),
      by,
      planHash: work.record.plan.body.hash,
      place: work.here,
      ...work.share,
    };
    await storeBegun(store, work.session, begun, source);
  };
  const written = await withRetries(
    patience,
    () => writeOnce(client, other, work.tables, work.share, rules, keep),
    (error) => {
      const again = passing.has(sqlState(error));
      if (again) log.warn(`The repair gave way (${describeCode(error)}) and begins again.`);
      return again;
    },
    ({ error }) => told(error),
    signal,
  );
  if (written.transaction !== undefined)
    await storeDone(store, { id, transaction: written.transaction, at: at(), by, outcome: "committed" });
  return written;
}

/** What ended it, without what the server said: that may quote rows. */
export function told(error: unknown): unknown {
  if (error instanceof LifeboatError || sqlState(error) === "none") return error;
  const state = sqlState(error);
  const next =
    state === "55P03"
      ? "Somebody holds locks on these rows or tables for longer: see pg_stat_activity, and try again."
      : state === "53100"
        ? "Enlarge the target's disk, and try again."
        : "See what it means in PostgreSQL's manual (Appendix A), and try again.";
  return new OperationError(
    "repair-failed",
    `The target refused the repair (${describeCode(error)}).`,
    `Nothing was changed. ${next}`,
    error,
  );
}
