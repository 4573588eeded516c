import type { Client } from "pg";
import { OperationError } from "../../base/errors.ts";
import { countOf } from "../../base/measures.ts";
import type { ErasedEntry } from "../../vault/erasures/entries.ts";
import type { HashKey } from "../../vault/erasures/hash-key.ts";
import { filesTable } from "../erasures/erased-files.ts";
import { replayChecked } from "../erasures/replay-checked.ts";
import { silence } from "../repair/apply/transaction.ts";

/** Begins the transaction of an erasure, or of its plan: triggers and event triggers are off, so that nobody copies what goes. */
export async function beginErasing(client: Client, lockSeconds: number): Promise<void> {
  await client.query(
    `begin isolation level read committed read write;
     set local search_path = pg_catalog;
     set local lock_timeout = '${Math.ceil(lockSeconds * 1000)}ms'`,
  );
  await silence(client);
}

/**
 * Erases in a database in use, in one transaction. Can be repeated: what is gone is not found again. Rows of files are left to the
 * endpoint, which removes the bytes with them.
 * @returns rows that this run has taken or changed
 * @throws OperationError `erasure-dangling`, `erasure-too-much`, `erasure-untold`: nothing was changed
 */
export async function eraseLive(
  client: Client,
  entry: ErasedEntry,
  key: HashKey,
  lockSeconds: number,
): Promise<number> {
  const rules = entry.rules.filter(({ table }) => table !== filesTable);
  if (rules.length === 0) return 0;
  await beginErasing(client, lockSeconds);
  try {
    const { done, dangling } = await replayChecked(client, { entries: [{ ...entry, rules }], key }, "epoch");
    if (dangling.length > 0)
      throw new OperationError(
        "erasure-dangling",
        `Rows that came meanwhile refer to what goes: ${dangling.map((one) => `${countOf(one.rows, "row")} by ${one.key}`).join("; ")}.`,
        "Nothing was changed in the database. Run it again; add a rule for their table where it stays so.",
      );
    await client.query("commit");
    return done.reduce((sum, { rows }) => sum + rows, 0);
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}
