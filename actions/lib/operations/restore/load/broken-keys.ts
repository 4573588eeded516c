import type { Client } from "pg";
import { z } from "zod";
import { countFrom } from "../../../postgres/inventory/foreign-keys.ts";
import { reasonOf } from "../../target/attempt.ts";
import { type Step, type StepFailures, statementOf } from "../plan/steps.ts";
import { place } from "./check-constraints.ts";

const name = String.raw`(?:"(?:[^"]|"")+"|[^\s".]+)`;
const onTable = new RegExp(String.raw`^(CREATE UNIQUE INDEX ${name} ON )(?:ONLY )?(${name}\.${name})(?= USING )`);

/**
 * Tells of keys and unique indexes that rows break how many values stand twice, and how to see them: a corrupted index or
 * another version of a collation lets them in at the source, and no server builds the key over them.
 * @param paths search paths for functions that find others by it
 */
export async function tellDuplicates(
  client: Client,
  failures: StepFailures,
  paths: readonly string[],
): Promise<StepFailures> {
  const told: StepFailures = new Map(failures);
  for (const [step, reason] of failures) {
    const unique = reason.startsWith("23505") ? await uniqueOf(client, step) : undefined;
    if (unique === undefined) continue;
    const { table, where, by } = unique;
    const grouped = `from ${table}${where} group by ${by} having count(*) > 1`;
    const found = await countFrom(client, `from (select 1 as one ${grouped}) d`, paths);
    if (found === undefined || found === "0") continue;
    told.set(
      step,
      `${reason}, ${found} values of this key stand in more than one row of ${table}. See them with: ` +
        `select ${by}, count(*) ${grouped}; (at the source after: set enable_indexscan = off; ` +
        "set enable_indexonlyscan = off; set enable_bitmapscan = off; since its index does not know of them); " +
        `when they are mended: ${statementOf(step).replaceAll(/\s+/g, " ").trim()}`,
    );
  }
  return told;
}

interface Unique {
  readonly table: string;
  /** What belongs to a key and which rows it is about. */
  readonly by: string;
  readonly where: string;
}

const partsSchema = z.strictObject({
  columns: z.array(z.string()),
  predicate: z.string().nullable(),
  nulls: z.boolean(),
});

/** The server takes the key apart, as it has made it for an empty table with the same columns. */
async function uniqueOf(client: Client, step: Step): Promise<Unique | undefined> {
  const { object } = step;
  const index = onTable.exec(object?.definition ?? "");
  const table = index?.[2] ?? (object && place(object)?.on.replace(/^table /, ""));
  if (object === undefined || table === undefined) return undefined;
  const copy = "pg_temp.lifeboat_keys";
  await client.query("begin");
  try {
    await client.query(`create temporary table lifeboat_keys (like ${table}) on commit drop`);
    await client.query(
      index === null
        ? `alter table ${copy} add ${keyOnly(object.definition)}`
        : statementOnly(object.definition, index, copy),
    );
    const answer = await client.query(
      `select (select json_agg(pg_get_indexdef(i.indexrelid, k, false) order by k) from generate_series(1, i.indnkeyatts) k)
                as columns,
              pg_get_expr(i.indpred, i.indrelid) as predicate, i.indnullsnotdistinct as nulls
         from pg_index i where i.indrelid = '${copy}'::regclass`,
    );
    const { columns, predicate, nulls } = partsSchema.parse(answer.rows[0]);
    const conditions = [
      ...(predicate === null ? [] : [`(${predicate})`]),
      ...(nulls ? [] : columns.map((column) => `(${column}) is not null`)),
    ];
    return {
      table,
      by: columns.join(", "),
      where: conditions.length === 0 ? "" : ` where ${conditions.join(" and ")}`,
    };
  } catch (error) {
    reasonOf(error); // a lost session
    return undefined;
  } finally {
    await client.query("rollback").catch(() => undefined);
  }
}

/** Without what the inventory adds. */
const keyOnly = (definition: string): string => definition.replace(/( inherited)? using index [\s\S]*$/, "");

const added = /( clustered)?( replica identity)?( statistics [\d=,]+)?( partition of .*)?( tablespace .*)?$/;

function statementOnly(definition: string, index: RegExpExecArray, copy: string): string {
  return `${index[1]}${copy}${definition.slice(index[0].length).replace(added, "")}`;
}
