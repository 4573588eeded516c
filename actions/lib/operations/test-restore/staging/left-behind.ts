import type { Client } from "pg";
import { z } from "zod";
import { sqlState } from "../../../base/errors.ts";
import { quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { bookkeepingReason } from "../../../postgres/platform-owned.ts";
import { atOwnPace } from "../../restore/gate/resume-gate.ts";
import { stateOf, targetStateSchema } from "../../restore/target/journal.ts";
import type { TargetFacts } from "../../target/target.ts";
import { staysWithPlatform } from "./reset-plan.ts";

/** What staging was when Lifeboat last had it in hand. Whatever is otherwise by now, somebody else has done. */
export const leftBehindSchema = z.strictObject({
  /** Objects that a reset would take, by digest, and sequences by value. */
  state: targetStateSchema,
  /** Rows of each table, where there were any. */
  rows: z.record(z.string(), z.string()),
  /** Number of the transaction that noted it: rows of later ones are somebody else's. */
  transaction: z.string().regex(/^\d+$/),
});
export type LeftBehind = z.infer<typeof leftBehindSchema>;

export type Facts = Pick<TargetFacts, "inventory" | "supabase">;

/** Reads what is in the database now. */
export async function readLeftBehind(client: Client, facts: Facts): Promise<LeftBehind> {
  const number = await client.query("select pg_current_xact_id()::text as transaction");
  const transaction = z.string().parse(number.rows[0]?.transaction);
  const counted = await countRows(client, facts.inventory, transaction);
  const rows = [...counted].filter(([, { all }]) => all !== "0").map(([name, { all }]) => [name, all] as const);
  return { state: stateOf(takeable(facts)), rows: Object.fromEntries(rows), transaction };
}

/** What the platform makes and changes by itself, with its upgrades, is nobody's doing. */
export function takeable({ inventory, supabase }: Facts): Inventory {
  return {
    ...inventory,
    objects: inventory.objects.filter((object) => !staysWithPlatform(object, supabase)),
    sequences: inventory.sequences.filter(({ schema }) => !atOwnPace.has(schema)),
  };
}

/** Every row, and those that a later transaction wrote; tables whose rows are the platform's own books are left out. */
export async function countRows(client: Client, inventory: Inventory, since: string) {
  const counts = new Map<string, { readonly all: string; readonly newer: string }>();
  for (const { schema, name } of inventory.tables) {
    if (bookkeepingReason(schema, name) !== undefined || schema === "lifeboat_staging") continue;
    try {
      // A row keeps the number of the transaction that wrote it, frozen or not (PostgreSQL 9.4 and newer).
      const answer = await client.query(
        `select count(*)::text as all, count(*) filter (where age(xmin) < age($1::text::xid8::xid))::text as newer
           from only ${quoteQualified(schema, name)}`,
        [since],
      );
      const row = z.strictObject({ all: z.string(), newer: z.string() }).parse(answer.rows[0]);
      counts.set(tableName({ schema, name }), row);
    } catch (error) {
      // What this role may not read it has never filled, and a reset would not empty it.
      if (sqlState(error) === "none") throw error;
    }
  }
  return counts;
}
