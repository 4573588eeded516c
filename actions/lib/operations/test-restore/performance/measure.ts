import { createHash } from "node:crypto";
import type { Client } from "pg";
import { z } from "zod";
import { describeCode, sqlState } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import type { RestoreTestPolicy } from "../../../config/policy/restore-test.ts";
import { quoteIdentifier, quoteQualified } from "../../../postgres/identifier.ts";
import type { MeasuredQuery } from "../../../vault/format/proof.ts";

/** What a query took, before it is compared with earlier tests. */
export type Measurement = Omit<MeasuredQuery, "verdict"> & { readonly problem: string | undefined };

const warmUps = 3;
const fewestRuns = 3;
/** Rows among which the keys of look-ups are chosen. */
const keyPool = 1000;
const explain = "explain (analyze, timing off, summary on, format json)";

/**
 * Measures the policy's queries and look-ups one after the other, on one session, warmed. Read-only: EXPLAIN ANALYZE
 * executes what it explains.
 */
export async function measureQueries(
  client: Client,
  policy: RestoreTestPolicy["performance"],
  log: Log,
): Promise<Measurement[]> {
  const { queries, lookups, timeoutSeconds } = policy;
  const runs = { most: policy.runs, seconds: timeoutSeconds };
  const measured: Measurement[] = [];
  const track = log.track("performance", { bytes: 0, items: queries.length + lookups.length });
  for (const { name, query } of queries) {
    track.note(name);
    const base = { name, kind: "query" as const, sha256: hashOf(query) };
    const once = () => explained(client, query, []);
    measured.push(await measureOne(client, base, timeoutSeconds, async () => repeat(once, runs)));
    track.advance({ items: 1 });
  }
  for (const { name, schema, table, column } of lookups) {
    track.note(name);
    const from = quoteQualified(schema, table);
    const key = quoteIdentifier(column);
    const base = { name, kind: "lookup" as const, sha256: hashOf(`lookup ${schema}.${table}.${column}`) };
    measured.push(
      await measureOne(client, base, timeoutSeconds, async () => {
        const keys = await chooseKeys(client, from, key, runs.most + warmUps);
        if (keys.length === 0) return [];
        let at = 0;
        const once = () => explained(client, `select * from ${from} where ${key} = $1`, [keys[at++ % keys.length]]);
        return repeat(once, runs);
      }),
    );
    track.advance({ items: 1 });
  }
  track.end("done");
  return measured;
}

type Named = Pick<Measurement, "name" | "kind" | "sha256">;

async function measureOne(
  client: Client,
  base: Named,
  timeoutSeconds: number,
  work: () => Promise<Explained[]>,
): Promise<Measurement> {
  const nothing = { ...base, runs: 0, p50Ms: 0, p95Ms: 0, indexes: [] };
  await client.query("begin transaction read only");
  try {
    await client.query(
      "select set_config('statement_timeout', $1, true), set_config('search_path', 'public, extensions', true)",
      [String(Math.ceil(timeoutSeconds * 1000))],
    );
    const all = await work();
    if (all.length === 0) return { ...nothing, problem: "the table has no row to look up" };
    const times = all.map(({ milliseconds }) => milliseconds);
    const indexes = [...new Set(all.flatMap((one) => one.indexes))].sort();
    return {
      ...{ ...base, runs: times.length, indexes, problem: undefined },
      ...{ p50Ms: percentile(times, 50), p95Ms: percentile(times, 95) },
    };
  } catch (error) {
    if (sqlState(error) === "none") throw error;
    return { ...nothing, problem: `SQLSTATE ${describeCode(error)}` };
  } finally {
    await client.query("rollback");
  }
}

/** Slow ones are repeated less often: no query takes much longer than its time-out in all. */
async function repeat(
  once: () => Promise<Explained>,
  { most, seconds }: { readonly most: number; readonly seconds: number },
): Promise<Explained[]> {
  const until = performance.now() + seconds * 1000;
  for (let run = 0; run < warmUps; run += 1) await once();
  const all: Explained[] = [];
  while (all.length < most && (all.length < fewestRuns || performance.now() < until)) all.push(await once());
  return all;
}

async function explained(client: Client, query: string, values: readonly unknown[]): Promise<Explained> {
  const { rows } = await client.query<{ "QUERY PLAN": unknown }>(`${explain} ${query}`, [...values]);
  return readExplained(rows[0]?.["QUERY PLAN"]);
}

/** Keys that are there, spread over the first rows; they stay in memory. */
async function chooseKeys(client: Client, from: string, key: string, count: number): Promise<string[]> {
  const answer = await client.query(
    `select ${key}::text as key from ${from} where ${key} is not null limit ${keyPool}`,
  );
  const keys = z.array(z.strictObject({ key: z.string() })).parse(answer.rows);
  const step = Math.max(1, Math.floor(keys.length / count));
  return keys.filter((_, at) => at % step === 0).map((row) => row.key);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The nearest-rank percentile, in microseconds' precision; 0 of nothing. Pure. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return Math.round((sorted[rank - 1] ?? 0) * 1000) / 1000;
}

/** One node of EXPLAIN's JSON, with what we look at. Conditions, which hold values, are dropped here. */
interface PlanNode {
  readonly "Index Name"?: string | undefined;
  readonly Plans?: readonly PlanNode[] | undefined;
}

const nodeSchema: z.ZodType<PlanNode> = z.object({
  "Index Name": z.string().optional(),
  get Plans() {
    return z.array(nodeSchema).optional();
  },
});

const explainedSchema = z
  .array(z.object({ Plan: nodeSchema, "Planning Time": z.number(), "Execution Time": z.number() }))
  .length(1);

/** What one EXPLAIN ANALYZE says: the server's own time, so that the way to it does not count, and the indexes used. */
export interface Explained {
  readonly milliseconds: number;
  readonly indexes: readonly string[];
}

/** @param json the value of EXPLAIN's one column, parsed */
export function readExplained(json: unknown): Explained {
  const [one] = explainedSchema.parse(json);
  if (one === undefined) return { milliseconds: 0, indexes: [] };
  const names = new Set<string>();
  const walk = (node: PlanNode): void => {
    if (node["Index Name"] !== undefined) names.add(node["Index Name"]);
    for (const inner of node.Plans ?? []) walk(inner);
  };
  walk(one.Plan);
  return { milliseconds: one["Planning Time"] + one["Execution Time"], indexes: [...names].sort() };
}
