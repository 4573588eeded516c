import type { Client } from "pg";
import { z } from "zod";
import { textOf } from "../../compare/groups.ts";
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

/** A row that was left as it is, for the eyes of who holds the key. */
export interface LeftRow {
  readonly table: string;
  readonly code: string;
  /** Of its key, or of some columns where it has none. */
  readonly key: readonly { readonly column: string; readonly value: string | null }[];
}

/** So many of them are listed. */
export const mostLeft = 20;

/** The first of those that were not written and are not as they shall be. */
export async function readLeft(client: Client, tables: readonly LiveTable[]): Promise<LeftRow[]> {
  const found: LeftRow[] = [];
  for (const { t, name: table, key, listedColumns } of tables) {
    const cells =
      key?.map(({ column, place }) => ({ column: column.name, place })) ??
      listedColumns.map(({ name: column }, place) => ({ column, place })).slice(0, 5);
    const text = (alias: string, place: number) => textOf(alias, `c${place}`);
    const values = cells.map(
      ({ place }) => `case when w.op = 'insert' then ${text("a", place)} else ${text("b", place)} end`,
    );
    const { rows } = await client.query<{ code: string; values: (string | null)[] }>(
      `select w.state as code, array[${values.join(", ")}]::text[] as values
         from ${staged.change(t)} w left join ${staged.before(t)} b using (n) left join ${staged.after(t)} a using (n)
        where w.state not in ('ready', 'already', 'later', 'written') order by n limit ${mostLeft - found.length}`,
    );
    for (const { code, values: some } of rows)
      found.push({ table, code, key: cells.map(({ column }, at) => ({ column, value: some[at] ?? null })) });
  }
  return found;
}

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
