import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, OperationError, sqlState } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { ListedTable } from "../change-list.ts";
import { countDoubled, lockAndJudge } from "./judge.ts";
import { brokenKeys, doubledRows, lockParents, touchedKeys } from "./keys.ts";
import { type LiveTable, readLiveTables } from "./live-table.ts";
import { type LeftRow, type Outcome, readLeft, readOutcomes } from "./outcomes.ts";
import { beginBeside, prove, type TableProof } from "./proof.ts";
import { raiseSequences } from "./sequences.ts";
import { setStates, staged } from "./staged.ts";
import { writeTable } from "./write.ts";

export interface TransactionRules {
  /** What it waits for a lock at most. */
  readonly lockSeconds: number;
  /** So many changes have to be written, or none is. */
  readonly expectRows?: number | undefined;
  /** Any change that cannot be written ends it. */
  readonly wholeOnly: boolean;
}

/** Which changes of the list, by number. */
export interface Share {
  readonly from: number;
  readonly to: number;
}

export interface Written {
  /** Undefined: nothing was to be written, and the transaction was rolled back. */
  readonly transaction: string | undefined;
  readonly outcomes: readonly Outcome[];
  /** Some of the rows that were left. */
  readonly leftRows: readonly LeftRow[];
  readonly proofs: readonly TableProof[];
  /** Sequences below a row that came, which the role may not set. */
  readonly sequencesBehind: readonly string[];
}

/** Nobody keeps locks who has fallen silent: an upload of the undo may take so long. */
const idleMinutes = 15;
const mostRounds = 20;

/**
 * One attempt: locks the rows, judges them, writes what may be written, checks keys, proves, has the undo kept, and commits.
 *
 * @param keep seals the undo and notes the transaction, as the last thing before the commit
 * @throws ConfigurationError `target-role-replica`, `table-altered`, `rows-unexpected`; OperationError `rows-refused`, `proof-failed`,
 * `commit-unknown` (with the transaction's number as its cause) when nobody answered to the commit; what the server throws. Nothing is kept but after the last
 */
export async function writeOnce(
  client: Client,
  other: Client,
  tables: readonly LiveTable[],
  share: Share,
  rules: TransactionRules,
  keep: (transaction: string) => Promise<void>,
): Promise<Written> {
  await begin(client, rules);
  try {
    // Ahead of anybody's DDL that queues for the tables: it would wait for us, and we for the other session.
    await beginBeside(other, tables);
    await lockTables(client, tables);
    await assertUnaltered(client, tables);
    await chooseShare(client, tables, share);
    await lockAndJudge(client, tables);
    await assertExpected(client, tables, rules.expectRows);
    await writeWithKeys(client, tables, rules);
    const [outcomes, leftRows] = [await readOutcomes(client, tables), await readLeft(client, tables)];
    if (!outcomes.some(({ state }) => state === "ready")) {
      await client.query("rollback");
      return { transaction: undefined, outcomes, leftRows, proofs: [], sequencesBehind: [] };
    }
    const behind: string[] = [];
    for (const table of tables) behind.push(...(await raiseSequences(client, table)));
    const proofs = await prove(client, other, tables);
    const { rows } = await client.query("select pg_current_xact_id()::text as number");
    const transaction = z.string().parse(rows[0]?.number);
    await keep(transaction);
    await markWritten(client, tables);
    await commit(client, transaction);
    return { transaction, outcomes, leftRows, proofs, sequencesBehind: behind };
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  } finally {
    await other.query("rollback").catch(() => undefined);
  }
}

async function begin(client: Client, { lockSeconds }: TransactionRules): Promise<void> {
  await client.query(`begin isolation level read committed read write;
    set local lock_timeout = '${Math.ceil(lockSeconds * 1000)}ms';
    set local idle_in_transaction_session_timeout = '${idleMinutes}min';
    set local row_security = off`);
  await silence(client);
}

/**
 * Switches triggers and event triggers off, for the transaction.
 * @throws ConfigurationError `target-role-replica`
 */
export async function silence(client: Client): Promise<void> {
  try {
    await client.query("set local session_replication_role = replica");
  } catch (error) {
    if (sqlState(error) !== "42501") throw error;
    throw new ConfigurationError(
      "target-role-replica",
      "The target's role may not set session_replication_role: triggers and webhooks would fire for every row that is put back.",
      "Nothing was changed. Use a superuser, or let one say: GRANT SET ON PARAMETER session_replication_role TO <role>. On Supabase: the role postgres.",
    );
  }
}

/**
 * What a check or a generated column calls may name others without their schema. The catalogue comes first: nobody stands in for it. For
 * writing alone: names of tables and types come out as text by the path, and are compared under the one that sets are made under.
 */
async function underOwnPath(client: Client, work: () => Promise<void>): Promise<void> {
  await client.query(
    "select set_config('search_path', 'pg_catalog, ' || reset_val, true) from pg_settings where name = 'search_path'",
  );
  await work();
  await client.query("set local search_path = pg_catalog");
}

/** Against DDL; and against all writers where a constraint may be put off, which nothing but triggers keeps. */
async function lockTables(client: Client, tables: readonly LiveTable[]): Promise<void> {
  const inOrder = tables.toSorted((a, b) => (BigInt(a.oid) < BigInt(b.oid) ? -1 : 1));
  for (const { quoted, kind, deferrable } of inOrder) {
    const only = kind === "p" ? "" : "only ";
    const mode = deferrable.length > 0 ? "share row exclusive" : "row exclusive";
    await client.query(`lock table ${only}${quoted} in ${mode} mode`);
  }
}

/** @throws ConfigurationError `table-altered` when a table is another than the one whose types the list was loaded under */
async function assertUnaltered(client: Client, tables: readonly LiveTable[]): Promise<void> {
  const listed: ListedTable[] = tables.map((table) => table.listed);
  const now = await readLiveTables(client, listed);
  const altered = tables.filter((table, at) => JSON.stringify(table) !== JSON.stringify(now[at]));
  if (altered.length === 0) return;
  throw new ConfigurationError(
    "table-altered",
    `${altered.map(({ name }) => name).join(", ")} was altered while the repair began.`,
    "Nothing was changed. Compare again, and make the plan again.",
  );
}

/** Changes of other batches stay out of it, those too that an earlier one has left and told. What the server does not take is told with its own. */
async function chooseShare(client: Client, tables: readonly LiveTable[], { from, to }: Share): Promise<void> {
  for (const { t } of tables)
    await client.query(
      `update ${staged.change(t)}
          set state = case when n not between ${from} and ${to} then 'later' when unfit is not null then 'value' end, detail = unfit
        where state is distinct from 'written'`,
    );
  const doubled = await countDoubled(client, tables);
  if (doubled === 0) return;
  throw new OperationError(
    "list-malformed",
    `The change list names ${countOf(doubled, "row")} twice.`,
    "Nothing was changed. Make the plan again.",
  );
}

async function assertExpected(
  client: Client,
  tables: readonly LiveTable[],
  expected: number | undefined,
): Promise<void> {
  if (expected === undefined) return;
  const ready = (await readOutcomes(client, tables)).filter(({ state }) => state === "ready");
  refuseUnexpected(
    ready.reduce((sum, { rows }) => sum + rows, 0),
    expected,
  );
}

/** @throws ConfigurationError `rows-unexpected` */
export function refuseUnexpected(found: number, expected: number): void {
  if (found === expected) return;
  throw new ConfigurationError(
    "rows-unexpected",
    `${countOf(found, "row")} would be written, and ${countOf(expected, "row was", "rows were")} expected.`,
    "Nothing was changed. Compare again, see why, and give the right number.",
  );
}

/** Writes, and again without the rows that leave a key broken, until none is. */
async function writeWithKeys(client: Client, tables: readonly LiveTable[], rules: TransactionRules): Promise<void> {
  const keys = await touchedKeys(client, tables);
  for (let round = 1; round <= mostRounds; round++) {
    await client.query("savepoint lifeboat_round");
    await underOwnPath(client, async () => {
      for (const table of tables) await writeTable(client, table);
    });
    if (rules.wholeOnly) await assertWhole(client, tables);
    await lockParents(client, keys);
    const broken = await brokenKeys(client, keys);
    for (const table of tables) {
      const doubled = await doubledRows(client, table);
      if (doubled.length > 0) broken.set(table.t, [...(broken.get(table.t) ?? []), ...doubled]);
    }
    if (broken.size === 0) {
      await client.query("release lifeboat_round");
      return;
    }
    // What the round has found about rows goes with it: it is found again, or is no longer so.
    await client.query("rollback to savepoint lifeboat_round; release lifeboat_round");
    for (const [t, refused] of broken) await setStates(client, t, refused);
    if (rules.wholeOnly) await assertWhole(client, tables);
  }
  throw new OperationError(
    "keys-unsettled",
    "Rows refer to each other in a way that no part of the list leaves whole.",
    "Nothing was changed. Let the plan bring parents and children too (--follow).",
  );
}

/** @throws OperationError `rows-refused` */
async function assertWhole(client: Client, tables: readonly LiveTable[]): Promise<void> {
  const refused = (await readOutcomes(client, tables)).filter(
    ({ state }) => !["ready", "already", "later"].includes(state),
  );
  if (refused.length === 0) return;
  const lines = refused.map(
    ({ table, rows, state, detail }) =>
      `${table}: ${countOf(rows, "row")} ${state}${detail === null ? "" : ` (${detail})`}`,
  );
  throw new OperationError(
    "rows-refused",
    `Not all rows can be written, and all or none was asked for: ${lines.join("; ")}.`,
    "Nothing was changed. Make the plan again, and leave these rows out of it.",
  );
}

async function markWritten(client: Client, tables: readonly LiveTable[]): Promise<void> {
  for (const { t } of tables)
    await client.query(`update ${staged.change(t)} set state = 'written' where state = 'ready'`);
}

async function commit(client: Client, transaction: string): Promise<void> {
  let answer: { command: string };
  try {
    answer = await client.query("commit");
  } catch (error) {
    if (sqlState(error) !== "none" && !sqlState(error).startsWith("57P")) throw error;
    throw new OperationError(
      "commit-unknown",
      `The connection broke while the repair was being kept (transaction ${transaction}).`,
      "Run the same command again: it asks the database which it is, and says so.",
      error,
    );
  }
  // A transaction that has failed answers a commit with ROLLBACK.
  if (answer.command !== "COMMIT")
    throw new OperationError(
      "commit-refused",
      "The target did not keep the repair.",
      "Nothing was changed. Try again.",
    );
}
