import { parseQualified, tableName } from "../postgres/identifier.ts";
import type {
  Fingerprint,
  Generated,
  Inventory,
  MaterializedView,
  SequenceValue,
  TableContent,
} from "../postgres/inventory/model.ts";
import { planGenerated } from "../postgres/rows/export-rows.ts";
import type { Difference } from "./difference.ts";
import { overRoots, type RowFacts } from "./measure-tables.ts";

/** What was found in the target, and what is known of what was not restored on purpose. */
export interface ContentFacts extends RowFacts {
  readonly views: ReadonlyMap<string, MaterializedView>;
  /** The materialised views that each one reads, by `schema.view`. */
  readonly viewsRead: ReadonlyMap<string, readonly string[]>;
  readonly viewFailures: ReadonlyMap<string, string>;
  readonly sequences: readonly SequenceValue[];
  readonly sequenceFailures: ReadonlyMap<string, string>;
  /** Tables whose rows no restore brings, also where they are compared: what counts for them goes on as it does here. */
  readonly neverBrought: ReadonlySet<string>;
  readonly largeObjects: ReadonlyMap<string, { readonly bytes: string; readonly hash: string }>;
  /** Tables out of which rows were taken, or changed, because people were erased: `instead` says what is expected of them. */
  readonly erased?: ReadonlySet<string>;
  /** Whether the platform or an extension keeps a sequence. */
  readonly isPlatforms: (sequence: SequenceValue) => boolean;
  /** Whether a schema came with an extension that the target server does not have. */
  readonly isUnavailable: (schema: string) => boolean;
}

/** Compares all rows, sequence values, materialised views and large objects with what the set recorded. Pure. */
export function compareContents(source: Inventory, facts: ContentFacts): Difference[] {
  const down = countingDown(source);
  return [
    ...compareTables(overRoots(source.tables, facts)),
    ...source.sequences.flatMap((sequence) => compareSequence(sequence, down, facts)),
    ...source.materializedViews.flatMap((view) => compareView(view, source, facts)),
    ...compareLargeObjects(source, facts),
  ];
}

function compareTables({ tables, facts }: ReturnType<typeof overRoots<ContentFacts>>): Difference[] {
  const differences: Difference[] = [];
  const kept = new Map(planGenerated(tables).map(({ table, artifact }) => [table.oid, artifact]));
  for (const table of tables) {
    const name = tableName(table);
    const base = { kind: "table", identity: name, aspect: "rows" as const };
    if (table.fingerprint === null) continue;
    const left = facts.left.get(name);
    const wanted = facts.instead.get(name) ?? table.fingerprint;
    const found = facts.measured.get(name);
    if (left !== undefined) {
      if (table.fingerprint.rows === "0") continue;
      differences.push({
        ...base,
        detail: `${table.fingerprint.rows} rows stay in the set`,
        verdict: left.expected ? "expected" : "failed",
        why: left.why,
      });
    } else if (found === undefined || "unreadable" in found) {
      differences.push({
        ...base,
        detail: "its rows could not be read back",
        verdict: "failed",
        why: found?.unreadable ?? "the table is not there",
      });
    } else if (found.rows !== wanted.rows) {
      differences.push({
        ...base,
        detail: `${wanted.rows} rows in the set, ${found.rows} here`,
        verdict: "failed",
        why: "the counts differ",
      });
    } else if (found.hash !== wanted.hash) {
      differences.push({
        ...base,
        detail: `${found.rows} rows, but other contents`,
        verdict: "failed",
        why: "the content hashes differ",
      });
    } else {
      // Their hashes are of all rows.
      if (facts.erased?.has(name)) continue;
      differences.push(...compareGenerated(table, found.generated, kept.get(table.oid)));
    }
  }
  return differences;
}

/**
 * What the restore computed anew, from rows that are equal. With an equal expression and equal functions, which the
 * comparison of objects sees to, other values can only come from what the functions gave before.
 */
function compareGenerated(
  table: TableContent,
  found: Generated | undefined,
  artifact: string | undefined,
): Difference[] {
  const wanted = table.generated?.columns ?? [];
  return wanted.flatMap(({ name, hash, changeable }, place) => {
    const here = found?.columns[place]?.hash ?? null;
    if (hash === null || here === null || hash === here) return [];
    const cause = changeable ? "a function behind it was replaced" : "PostgreSQL's own functions gave other values";
    const where = changeable ? `; weekly and monthly sets keep the old ones in ${artifact}` : "";
    return [
      {
        ...{ kind: "table", identity: tableName(table), aspect: "rows" as const },
        detail: `generated column ${name} holds other values than at the source, in some of ${table.fingerprint?.rows} rows`,
        verdict: "expected" as const,
        why: `the restore computed it anew: ${cause} after values had been stored${where}`,
      },
    ];
  });
}

function compareSequence(wanted: SequenceValue, down: ReadonlySet<string>, facts: ContentFacts): Difference[] {
  const name = tableName(wanted);
  const found = facts.sequences.find((one) => one.schema === wanted.schema && one.name === wanted.name);
  if (found !== undefined && isAtLeast(found, wanted, down.has(name))) return [];
  const { countsFor } = wanted;
  // Where the rows that it counts for stay in the set, that is said of them.
  const counted = countsFor && tableName(countsFor);
  if (counted !== undefined && (facts.left.has(counted) || facts.neverBrought.has(counted))) return [];
  const platform = countsFor === undefined && (facts.isPlatforms(wanted) || facts.isUnavailable(wanted.schema));
  return [
    {
      kind: "sequence",
      identity: name,
      aspect: "value",
      detail: found === undefined ? "has no value here" : `${wanted.lastValue} in the set, ${found.lastValue} here`,
      verdict: platform ? "expected" : "failed",
      why:
        facts.sequenceFailures.get(name) ??
        (platform ? "the platform or an extension keeps it" : "nothing was reported"),
    },
  ];
}

/** Sequences that draw smaller and smaller numbers, as `tableName` writes them. */
export function countingDown(source: Inventory): Set<string> {
  const names = source.objects
    .filter(({ kind, definition }) => kind === "sequence" && / increment -/.test(definition))
    .map(({ identity }) => parseQualified(identity));
  return new Set(names.flatMap((name) => (name === undefined ? [] : tableName(name))));
}

/** Equal, or called and further on: numbers that were drawn must not come again. */
function isAtLeast(found: SequenceValue, wanted: SequenceValue, down: boolean): boolean {
  if (found.lastValue === wanted.lastValue) return found.isCalled || !wanted.isCalled;
  return BigInt(found.lastValue) > BigInt(wanted.lastValue) !== down;
}

/** What gives something else each time it is asked, as pg_get_viewdef writes it. */
const momentary =
  /\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|random_normal|gen_random_uuid|uuid_generate_v\d\w*)\(|\b(CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP)\b/;

function asksForTheMoment(source: Inventory, view: MaterializedView): boolean {
  return source.objects.some(
    (object) =>
      object.kind === "materialized view" &&
      tableName(parseQualified(object.identity) ?? { schema: null, name: object.identity }) === tableName(view) &&
      momentary.test(object.definition),
  );
}

/** A view that was stale at the source is current after the refresh: that is said, and not held against the restore. */
function compareView(view: MaterializedView, source: Inventory, facts: ContentFacts): Difference[] {
  if (!view.populated) return [];
  const name = tableName(view);
  const base = { kind: "materialized view", identity: name, aspect: "rows" as const };
  const found = facts.views.get(name)?.stored ?? null;
  if (found === null) {
    return [
      {
        ...base,
        detail: "is not filled",
        verdict: "failed",
        why: facts.viewFailures.get(name) ?? "nothing was reported",
      },
    ];
  }
  if (same(found, view.stored)) return [];
  if (same(found, view.fresh)) {
    const rows = `${view.stored?.rows ?? "?"} rows then, ${found.rows} now`;
    return [
      {
        ...base,
        detail: `was stale at the source (${rows})`,
        verdict: "expected",
        why: "refreshed: it now holds what its query gives for the restored rows",
      },
    ];
  }
  if ((facts.erased?.size ?? 0) > 0 && same(found, facts.views.get(name)?.fresh ?? null)) {
    return [
      {
        ...base,
        detail: "holds other rows than at the source",
        verdict: "expected",
        why: "people were erased since: it holds what its query gives for the rows that are left",
      },
    ];
  }
  if (asksForTheMoment(source, view)) {
    return [
      {
        ...base,
        detail: "holds other rows than at the source",
        verdict: "expected",
        why: "its query asks for the time or for chance: it holds what it gives now for the restored rows",
      },
    ];
  }
  const stale = changedOnes(source, facts, facts.viewsRead.get(name) ?? []);
  if (stale.length > 0 && same(found, facts.views.get(name)?.fresh ?? null)) {
    return [
      {
        ...base,
        detail: "holds other rows than at the source",
        verdict: "expected",
        why: `it reads ${stale.join(", ")}, stale at the source: it now holds what its query gives for the restored rows`,
      },
    ];
  }
  const unverified = (detail: string, why: string): Difference[] => [{ ...base, detail, verdict: "unverified", why }];
  if (view.stored === null)
    return unverified(
      "what it held at the source is not known",
      "the backup role could not read it, or would have run code of somebody who may less",
    );
  if (view.fresh === null)
    return unverified(
      "holds other rows than at the source",
      "the backup role could not run its query, or would have run it with more rights than its owner has: nobody can tell whether it was stale",
    );
  return unverified(
    "holds neither what it held nor what its query gave at the source",
    "its query may depend on the time, on chance or on who asks",
  );
}

/** Those that the refresh has changed. */
function changedOnes(source: Inventory, facts: ContentFacts, names: readonly string[]): string[] {
  return source.materializedViews
    .filter((view) => names.includes(tableName(view)))
    .filter((view) => {
      const found = facts.views.get(tableName(view))?.stored ?? null;
      return view.stored === null || found === null || !same(found, view.stored);
    })
    .map(tableName);
}

function same(a: Fingerprint, b: Fingerprint | null): boolean {
  return b !== null && a.rows === b.rows && a.hash === b.hash;
}

function compareLargeObjects(source: Inventory, facts: ContentFacts): Difference[] {
  return source.largeObjects
    .filter(({ oid, bytes, hash }) => {
      const found = facts.largeObjects.get(oid);
      return found === undefined || found.bytes !== bytes || found.hash !== hash;
    })
    .map(({ oid, bytes }) => ({
      kind: "large object",
      identity: oid,
      aspect: "rows" as const,
      detail: facts.largeObjects.has(oid) ? `${bytes} bytes in the set, other contents here` : "not in the target",
      verdict: "failed" as const,
      why: "contents differ",
    }));
}
