import type { Client } from "pg";
import { z } from "zod";
import type { LiveTable } from "./live-table.ts";
import { staged } from "./staged.ts";

/**
 * What became of changes. `ready` is written, `already` was as it shall be; all others are not written: `edited`, `gone`, `taken`,
 * `parent-gone`, `child-refers`, `unique`, `exclusion`, `check`, `not-null`, `value`, `refused`; `later` is another batch's.
 */
const outcomeSchema = z.strictObject({
  op: z.enum(["insert", "update", "delete"]),
  state: z.string(),
  /** The constraint, the column, or the SQLSTATE behind it. */
  detail: z.string().nullable(),
  rows: z.number(),
});
export type Outcome = z.infer<typeof outcomeSchema> & { readonly table: string };

export async function readOutcomes(client: Client, tables: readonly LiveTable[]): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for (const { t, name: table } of tables) {
    const { rows } = await client.query(
      `select op, state, detail, count(*)::int as rows
         from ${staged.change(t)} where state <> 'written' group by 1, 2, 3 order by 1, 2, 3`,
    );
    found.push(
      ...z
        .array(outcomeSchema)
        .parse(rows)
        .map((one) => ({ ...one, table })),
    );
  }
  return found;
}
