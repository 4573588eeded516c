import type { Client } from "pg";
import { z } from "zod";
import { sqlState } from "../../../base/errors.ts";
import { quoteLiteral } from "../../../postgres/identifier.ts";
import type { LiveTable } from "./live-table.ts";
import { staged } from "./staged.ts";

/** Sequences that belong to a column, or that its default draws from. */
const sequencesQuery = `
  select distinct format('%I.%I', n.nspname, s.relname) as sequence, a.attname as column, q.seqincrement::text as increment
    from pg_attribute a
    join pg_type y on y.oid = a.atttypid and y.typname in ('int2', 'int4', 'int8', 'numeric')
    left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
    join pg_depend d on (d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid
                         and d.refobjsubid = a.attnum and d.deptype in ('a', 'i'))
                     or (d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass)
    join pg_class s on s.relkind = 'S' and s.oid = case d.classid when 'pg_class'::regclass then d.objid else d.refobjid end
    join pg_namespace n on n.oid = s.relnamespace
    join pg_sequence q on q.seqrelid = s.oid
   where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped`;

const sequenceSchema = z.array(z.strictObject({ sequence: z.string(), column: z.string(), increment: z.string() }));

/** Numbers that others may draw in the moment between looking and setting: these are drawn instead. */
const near = 1000;

/**
 * Sequences never give out the number of a row that came: they are raised to it where they stand below, and never lowered. That
 * cannot be rolled back, and harms nobody then.
 * @returns names of those that the role may not set
 */
export async function raiseSequences(client: Client, table: LiveTable): Promise<string[]> {
  const found = sequenceSchema.parse((await client.query(sequencesQuery, [table.oid])).rows);
  const denied: string[] = [];
  for (const { sequence, column, increment } of found) {
    const place = table.listed.columns.indexOf(column);
    if (place < 0) continue;
    const end = increment.startsWith("-") ? "min" : "max";
    const { rows } = await client.query<{ most: string | null }>(
      `select trunc(${end}(${staged.cell("a", place)}))::text as most from ${staged.change(table.t)} w
         join ${staged.after(table.t)} a using (n) where w.op = 'insert' and w.state = 'ready'`,
    );
    const most = rows[0]?.most;
    if (most == null) continue;
    const name = quoteLiteral(sequence);
    const needed = `ceil((${most} - q.last_value::numeric) / ${increment}) + (not q.is_called)::int`;
    await client.query("savepoint lifeboat_sequence");
    try {
      await client.query(
        `select setval(${name}::regclass, ${most}) from ${sequence} q where ${needed} > ${near};
         select nextval(${name}::regclass)
           from generate_series(1, (select ${needed} from ${sequence} q where ${needed} between 1 and ${near})::int)`,
      );
      await client.query("release lifeboat_sequence");
    } catch (error) {
      if (!["42501", "22003", "2200H", "55000"].includes(sqlState(error))) throw error;
      await client.query("rollback to savepoint lifeboat_sequence; release lifeboat_sequence");
      denied.push(sequence);
    }
  }
  return denied;
}
