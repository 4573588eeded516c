import type { Client } from "pg";
import { z } from "zod";
import type { RestoreTestPolicy } from "../../../config/policy/restore-test.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import type { MeasuredQuery, Proof } from "../../../vault/format/proof.ts";
import { type Measurement, percentile } from "./measure.ts";

/** A measurement held against those of earlier tests. */
export interface Compared extends MeasuredQuery {
  /** How many times as long as the earlier tests' median; null when there is none. */
  readonly ratioP50: number | null;
  readonly ratioP95: number | null;
  /** Indexes that every earlier plan used and this one does not. */
  readonly unusedIndexes: readonly string[];
  readonly problem: string | undefined;
}

/** Earlier tests that count: older ones ran on other data. */
const remembered = 5;

/**
 * Compares with the newest proven tests on the same project and major version, query by query. A 95th percentile is made
 * by one or two runs, so it has twice the tolerance. Pure.
 * @param earlier oldest first
 */
export function comparePerformance(
  measured: readonly Measurement[],
  earlier: readonly Proof[],
  here: { readonly projectRef: string; readonly serverVersion: string },
  policy: Pick<RestoreTestPolicy["performance"], "tolerance" | "minimumMs">,
): Compared[] {
  const major = (version: string) => version.split(".", 1)[0];
  const alike = earlier.filter(
    ({ outcome, target }) =>
      outcome === "proven" &&
      target.projectRef === here.projectRef &&
      major(target.serverVersion) === major(here.serverVersion),
  );
  return measured.map((one) => {
    const before = alike
      .flatMap(({ performance }) => performance.filter((other) => isSame(one, other)))
      .slice(-remembered);
    return compareOne(one, before, policy);
  });
}

function isSame(one: Measurement, other: MeasuredQuery): boolean {
  return other.name === one.name && other.sha256 === one.sha256 && other.verdict !== "failed";
}

function compareOne(
  { problem, ...one }: Measurement,
  before: readonly MeasuredQuery[],
  { tolerance, minimumMs }: Pick<RestoreTestPolicy["performance"], "tolerance" | "minimumMs">,
): Compared {
  const nothing = { ratioP50: null, ratioP95: null, unusedIndexes: [], problem };
  if (problem !== undefined) return { ...one, ...nothing, verdict: "failed" };
  if (before.length === 0) return { ...one, ...nothing, verdict: "first" };
  const p50 = percentile(
    before.map(({ p50Ms }) => p50Ms),
    50,
  );
  const p95 = percentile(
    before.map(({ p95Ms }) => p95Ms),
    50,
  );
  const isSlower = (now: number, then: number, times: number) =>
    now > then * tolerance * times && now - then > minimumMs * times;
  const always = (before[0]?.indexes ?? []).filter((name) => before.every(({ indexes }) => indexes.includes(name)));
  return {
    ...one,
    verdict: isSlower(one.p50Ms, p50, 1) || isSlower(one.p95Ms, p95, 2) ? "slower" : "as-before",
    ratioP50: ratio(one.p50Ms, p50),
    ratioP95: ratio(one.p95Ms, p95),
    unusedIndexes: always.filter((name) => !one.indexes.includes(name)),
    problem,
  };
}

function ratio(now: number, then: number): number | null {
  return then === 0 ? null : Math.round((now / then) * 100) / 100;
}

/** How much room the same rows take at the source and in the fresh copy. */
export interface SizeReport {
  /** `pg_database_size` here and, as the manifest says, at the source; decimal digits. */
  readonly databaseBytes: string;
  readonly sourceBytes: string;
  /** Tables that take much more room at the source than their rows need: what VACUUM FULL or pg_repack would win. */
  readonly bloated: readonly { readonly table: string; readonly sourceBytes: number; readonly bytes: number }[];
}

const bloatFactor = 2;
const bloatFloor = 10 * 1024 * 1024;
const shown = 10;

/**
 * A restored table has no dead rows and no free space, so the source's size against its own is the source's bloat, measured
 * rather than estimated.
 */
export async function measureSize(client: Client, source: Inventory, sourceBytes: string): Promise<SizeReport> {
  const answer = await client.query("select pg_database_size(current_database())::text as bytes");
  const { bytes: databaseBytes } = z.strictObject({ bytes: z.string() }).parse(answer.rows[0]);
  const sizes = await client.query(
    `select n.nspname as schema, c.relname as name, pg_table_size(c.oid)::float8 as bytes
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'`,
  );
  const rows = z.array(z.strictObject({ schema: z.string(), name: z.string(), bytes: z.number() })).parse(sizes.rows);
  return {
    databaseBytes,
    sourceBytes,
    bloated: findBloat(source, new Map(rows.map((row) => [tableName(row), row.bytes]))),
  };
}

/** Pure. @param here bytes of the copy's tables by `schema.table` */
export function findBloat(source: Pick<Inventory, "tables">, here: ReadonlyMap<string, number>): SizeReport["bloated"] {
  return source.tables
    .flatMap((table) => {
      const name = tableName(table);
      const bytes = here.get(name);
      return bytes === undefined || !table.carried ? [] : [{ table: name, sourceBytes: table.bytes, bytes }];
    })
    .filter(({ sourceBytes, bytes }) => sourceBytes > bytes * bloatFactor && sourceBytes - bytes > bloatFloor)
    .sort((a, b) => b.sourceBytes - b.bytes - (a.sourceBytes - a.bytes))
    .slice(0, shown);
}
