import type { Client } from "pg";
import { z } from "zod";
import { quoteIdentifier } from "../../../postgres/identifier.ts";
import type { Difference } from "../../compare/difference.ts";
import { chosenColumns, decisions } from "./judge.ts";
import type { Selection } from "./selection.ts";

const counts = z.record(z.string(), z.number());

const tallySchema = z.strictObject({
  updates: z.number(),
  inserts: z.number(),
  deletes: z.number(),
  /** Rows by the code of why nothing is done with them. */
  left: counts,
  /** Transactions that last wrote the rows that are changed or taken away, those with most rows first. */
  writers: z.array(z.strictObject({ transaction: z.string(), rows: z.number() })),
  writersInAll: z.number(),
});

/** What was decided of one table, in numbers. */
export type Tally = z.infer<typeof tallySchema> & {
  /** Rows by column that is put back. */
  readonly columns: Readonly<Record<string, number>>;
  /** The columns that change together in most rows: most likely what the accident did. */
  readonly together: readonly string[];
};

const mostWriters = 20;

export async function tally(
  client: Client,
  { difference, selection }: { readonly difference: Difference; readonly selection: Selection },
): Promise<Tally> {
  const answer = await client.query(`
    with writers as (
      select writer::text as transaction, count(*)::float8 as rows from ${decisions}
       where op in ('update', 'delete') group by 1)
    select count(*) filter (where op = 'update')::float8 as updates, count(*) filter (where op = 'insert')::float8 as inserts,
           count(*) filter (where op = 'delete')::float8 as deletes,
           coalesce((select json_object_agg(code, rows) from
              (select code, count(*) as rows from ${decisions} where op is null group by code) c), '{}') as left,
           coalesce((select json_agg(w) from (select * from writers order by rows desc, transaction limit ${mostWriters}) w), '[]')
             as writers,
           (select count(*)::float8 from writers) as "writersInAll"
      from ${decisions}`);
  const tallied = tallySchema.parse(answer.rows[0]);
  const chosen = chosenColumns(difference, selection);
  const sums = chosen.map(
    (_, at) => `count(*) filter (where substr(cells, ${at + 1}, 1) = '1')::float8 as ${quoteIdentifier(String(at))}`,
  );
  if (sums.length === 0 || tallied.updates === 0) return { ...tallied, columns: {}, together: [] };
  const found = await client.query(`select ${sums.join(", ")} from ${decisions} where op = 'update'`);
  const byPlace = counts.parse(found.rows[0]);
  const columns = Object.fromEntries(
    chosen.flatMap((column, at) => ((byPlace[at] ?? 0) > 0 ? [[column, byPlace[at] ?? 0]] : [])),
  );
  const most = await client.query<{ cells: string }>(
    `select cells from ${decisions} where op = 'update' group by cells order by count(*) desc, cells limit 1`,
  );
  const letters = most.rows[0]?.cells ?? "";
  return { ...tallied, columns, together: chosen.filter((_, at) => letters[at] === "1") };
}
