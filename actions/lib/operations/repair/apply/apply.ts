import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { countOf } from "../../../base/measures.ts";
import type { VerifySignature } from "../../../vault/published/signed-manifest.ts";
import { readRepairs } from "../../../vault/repairs/records.ts";
import type { RepairVault } from "../../../vault/repairs/store.ts";
import { shortHash } from "../list-text.ts";
import { admitPlan, stepsAt } from "../repair-state.ts";
import { openPlan } from "../stored-list.ts";
import { assertWritable, readLiveTables } from "./live-table.ts";
import { type LeftRow, mostLeft, type Outcome } from "./outcomes.ts";
import type { TableProof } from "./proof.ts";
import { placeOf, type Settled, settle } from "./settle.ts";
import { loadStaged, makeStaged, usesOf } from "./staged.ts";
import { refuseUnexpected, type Share, silence, type TransactionRules, type Written } from "./transaction.ts";
import { told, writeShare } from "./write-share.ts";

export interface ApplyRequest {
  /** Opens a session of the target; two are open at a time. */
  readonly connect: () => Promise<Client>;
  readonly store: RepairVault;
  /** Of people's keys alone (`releaseVerifier`): nobody else's plan is applied. */
  readonly verify: VerifySignature;
  /** Whose plan lies in the vault. */
  readonly id: string;
  /** What was signed off, where somebody says so: the plan's hash, or its first 16 digits at least. */
  readonly planHash?: string | undefined;
  readonly rules: TransactionRules;
  /** So many changes a transaction, where the plan is not to be one. */
  readonly batchRows?: number | undefined;
  /** `schema.table trigger name`: what may fire in spite of all. */
  readonly mayFire: readonly string[];
  /** The target's project. */
  readonly ref: string | null;
  readonly by: string;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

export interface Applied {
  readonly id: string;
  readonly planHash: string;
  /** One, or one a batch; none where nothing was to be written. */
  readonly transactions: readonly string[];
  readonly outcomes: readonly Outcome[];
  /** Some of the rows that were left as they are, by their keys. */
  readonly leftRows: readonly LeftRow[];
  readonly proofs: readonly TableProof[];
  readonly sequencesBehind: readonly string[];
  /** Triggers and rules that did not run, by table. */
  readonly quiet: readonly { readonly table: string; readonly what: readonly string[] }[];
  /** What became of earlier runs that were broken off. */
  readonly settled: readonly Settled[];
}

/**
 * Applies a plan: in one transaction, or in batches where that is asked for. Its undo lies sealed in the vault before anything is kept.
 *
 * @throws ConfigurationError `plan-unknown`, `plan-other`, `plan-applied`, `plan-undone`, `repair-busy`, and what reading the tables refuses: nothing was changed
 * @throws OperationError what `writeOnce` throws; `repair-broken-off` after some batches
 */
export async function applyRepair(request: ApplyRequest): Promise<Applied> {
  const client = await request.connect();
  try {
    const other = await request.connect();
    try {
      return await applyIn(client, other, request);
    } finally {
      await other.end().catch(() => undefined);
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** By chance, and one for all versions: two repairs of a database never run at a time. */
const lockNumber = "7160428313370215";

async function applyIn(client: Client, other: Client, request: ApplyRequest): Promise<Applied> {
  const { store, verify, id, log } = request;
  await takeTurn(client);
  const here = await placeOf(client, request.ref);
  const before = await readRepairs(store.vault, verify, id);
  const settled = await settle(client, store, before.repairs, here, request.by);
  const { repairs } = settled.length === 0 ? before : await readRepairs(store.vault, verify, id);
  for (const one of settled)
    log.info(`Transaction ${one.transaction} of repair ${one.id}, which was broken off: ${one.fate}.`);
  const record = admitPlan(repairs, here, request);
  const { reader, session } = await openPlan(store, record);
  const tables = await readLiveTables(client, reader.header.tables);
  const counts = record.plan.body.tables;
  const uses = usesOf(reader.header, { counts: counts.map((one) => ({ ...one, conflicts: {} })) });
  for (const [t, table] of tables.entries()) assertWritable(table, uses[t] ?? nothing, new Set(request.mayFire));
  const total = counts.reduce((sum, { inserts, updates, deletes }) => sum + inserts + updates + deletes, 0);
  log.info(`Loading ${countOf(total, "change")} of plan ${shortHash(record.plan.body.hash)}.`);
  await client.query("begin");
  await silence(client);
  const loading = makeStaged(client, tables).then(() => loadStaged(client, tables, reader));
  const summary = await loading.catch((error: unknown) => {
    throw told(error);
  });
  if (summary.hash !== record.plan.body.hash)
    throw new ConfigurationError(
      "plan-other",
      `The plan of repair ${id} is another than the one that was signed.`,
      "Nothing was changed. Make the plan again.",
    );
  await client.query("commit");
  const written: Written[] = [];
  const done = stepsAt(record, here).filter(({ end }) => end === "committed");
  const shares = sharesOf(total, request.batchRows).filter(
    ({ from }) => !done.some(({ begun }) => begun.from <= from && from <= begun.to),
  );
  const { expectRows } = request.rules;
  // Of batches nobody knows the rest when the first is written: the list's own number is what can be expected.
  const inBatches = request.batchRows !== undefined && request.batchRows < total;
  if (inBatches && expectRows !== undefined) refuseUnexpected(total, expectRows);
  const rules = inBatches ? { ...request.rules, expectRows: undefined } : request.rules;
  for (const share of shares) {
    if (shares.length > 1) log.info(`Writing changes ${share.from} to ${share.to} of ${total}.`);
    written.push(
      await writeShare(
        client,
        other,
        { tables, share, header: reader.header, record, session, here },
        { ...request, rules },
      ),
    );
  }
  return {
    ...{ id, planHash: record.plan.body.hash, settled },
    transactions: written.flatMap(({ transaction }) => transaction ?? []),
    outcomes: written.flatMap(({ outcomes }) => outcomes).filter(({ state }) => state !== "later"),
    leftRows: written.flatMap(({ leftRows }) => leftRows).slice(0, mostLeft),
    proofs: written.flatMap(({ proofs }) => proofs),
    sequencesBehind: [...new Set(written.flatMap(({ sequencesBehind }) => sequencesBehind))],
    quiet: tables.flatMap(({ name, quiet }) => (quiet.length === 0 ? [] : [{ table: name, what: quiet }])),
  };
}

const nothing = { inserts: false, updates: false, deletes: false };

async function takeTurn(client: Client): Promise<void> {
  const { rows } = await client.query("select pg_try_advisory_lock($1::int8) as taken", [lockNumber]);
  if (rows[0]?.taken === true) return;
  throw new ConfigurationError(
    "repair-busy",
    "Another repair of this database is under way.",
    "Nothing was changed. Wait for it, and compare again before you go on: rows may have changed.",
  );
}

function sharesOf(total: number, batchRows: number | undefined): Share[] {
  if (batchRows === undefined || batchRows >= total) return [{ from: 1, to: total }];
  const count = Math.ceil(total / batchRows);
  return Array.from({ length: count }, (_, at) => ({
    from: at * batchRows + 1,
    to: Math.min(total, (at + 1) * batchRows),
  }));
}
