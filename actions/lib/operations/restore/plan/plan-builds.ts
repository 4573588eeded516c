import type { TocEntry } from "../../../postgres/dump/archive/toc.ts";
import { tableName } from "../../../postgres/identifier.ts";
import { dependenciesOf, type Entries, type Step, tableKinds, tableOf } from "./steps.ts";

/** Keys and indexes that one session builds in one go. */
export interface Build {
  readonly steps: readonly Step[];
  /** `schema.table` of those that it reads and locks. */
  readonly tables: readonly string[];
  /** Whether others that are shared may work at the same table meanwhile: true of a plain CREATE INDEX. */
  readonly shared: boolean;
  /** Whether the rows of its own tables are enough to begin. Otherwise all rows have to be there. */
  readonly early: boolean;
  /** Whether it is so quick that a far server's answer takes longer: many of these go together. */
  readonly small: boolean;
  /** What has to be built before. */
  readonly needs: readonly Build[];
}

export interface BuildSource {
  readonly entries: Entries;
  readonly step: (entry: TocEntry) => Step;
  /** Bytes of a table with rows of its own, by OID; a partitioned table and a view are not among them. */
  readonly bytes: ReadonlyMap<string, number>;
}

/** From this size on a table's indexes are built apart: then several sessions have something to do at it. */
const largeBytes = 64 * 1024 * 1024;

const smallBytes = 1024 * 1024;

/** An index that hangs on nothing else reads nothing but its table. A function of the user's could read other tables. */
const readsOnlyItsTable = new Set(["COLLATION", "CONSTRAINT", "INDEX", "SCHEMA", "TABLE"]);

/**
 * Divides keys and indexes into builds, those of the largest tables first, foreign keys after all others. But before indexes that
 * call functions: a foreign key is checked by a query, which is planned as the role that restores, and planning runs what is
 * immutable in the indexes that are there. Where there are some, foreign keys go one by one (see `withNothingFolded`). Pure.
 * @param indexes entries of indexes, primary keys, unique, exclusion and check constraints
 */
export function planBuilds(
  indexes: readonly TocEntry[],
  foreignKeys: readonly TocEntry[],
  source: BuildSource,
): readonly Build[] {
  const referred = new Set(foreignKeys.flatMap(({ dependencies }) => dependencies));
  const calls = (entry: TocEntry) => !referred.has(entry.dumpId) && !readsOnly(entry, source.entries);
  const builds = indexBuilds(
    indexes.filter((entry) => !calls(entry)),
    source,
  );
  const keys = foreignKeyBuilds(foreignKeys, builds, source);
  const calling = indexBuilds(indexes.filter(calls), source).map((build) => ({ ...build, needs: keys }));
  return [...builds, ...keys, ...calling];
}

function indexBuilds(indexes: readonly TocEntry[], source: BuildSource): Build[] {
  return byTable(indexes, source).flatMap(({ table, group }) => {
    const build = (some: readonly TocEntry[], shared: boolean): Build => ({
      steps: some.map(source.step),
      tables: table === undefined ? [] : [nameOf(table)],
      ...{ shared, small: bytesOf(table, source) <= smallBytes, needs: [] },
      early: hasRows(table, source) && some.every((entry) => readsOnly(entry, source.entries)),
    });
    const apart = bytesOf(table, source) < largeBytes ? [] : group.filter(isPlainIndex);
    const inTurn = group.filter((entry) => !apart.includes(entry));
    const keys = inTurn.length === 0 ? [] : [build(inTurn, false)];
    return [...keys, ...apart.map((entry) => build([entry], true))];
  });
}

/** Several of one table in one build: validation takes them one after another anyhow. A large table's go one by one. */
function foreignKeyBuilds(keys: readonly TocEntry[], indexes: readonly Build[], source: BuildSource): Build[] {
  return byTable(keys, source).flatMap(({ table, group }) => {
    const large = bytesOf(table, source) >= largeBytes;
    return (large ? group.map((entry) => [entry]) : [group]).map((some) => {
      const ends = some.map((entry) => endsOf(entry, source.entries));
      const known = ends.every((one) => one !== undefined);
      const tables = [...new Set(ends.flatMap((one) => one ?? []))];
      const names = tables.map(nameOf);
      return {
        steps: some.map(source.step),
        tables: names,
        ...{ shared: false, small: tables.every((table) => bytesOf(table, source) <= smallBytes) },
        early: known && tables.every((table) => hasRows(table, source)),
        needs: known ? indexes.filter((build) => build.tables.some((name) => names.includes(name))) : indexes,
      };
    });
  });
}

/**
 * Both tables of a foreign key. It depends on the key or index that it refers to, and that on its table. Undefined where
 * that is not told, as in a dump of plain SQL.
 */
function endsOf(entry: TocEntry, entries: Entries): readonly TocEntry[] | undefined {
  const direct = dependenciesOf(entry, entries);
  const referred = direct.filter(({ desc }) => desc === "CONSTRAINT" || desc === "INDEX");
  const theirs = referred.map((one) => tableOf(one, entries)).filter((one) => one !== undefined);
  if (theirs.length === 0 || theirs.length < referred.length) return undefined;
  return [...new Set([...direct.filter(({ desc }) => tableKinds.has(desc)), ...theirs])];
}

/** One statement. What follows a CREATE INDEX (CLUSTER ON, REPLICA IDENTITY) locks the table against everybody. */
function isPlainIndex({ desc, defn }: TocEntry): boolean {
  return desc === "INDEX" && !/^ALTER /m.test(defn);
}

function readsOnly(entry: TocEntry, entries: Entries): boolean {
  return dependenciesOf(entry, entries).every(({ desc }) => readsOnlyItsTable.has(desc));
}

function hasRows(table: TocEntry | undefined, { bytes }: BuildSource): boolean {
  return table?.desc === "TABLE" && bytes.has(table.oid);
}

function bytesOf(table: TocEntry | undefined, { bytes }: BuildSource): number {
  return bytes.get(table?.oid ?? "") ?? 0;
}

function nameOf({ namespace, tag }: TocEntry): string {
  return tableName({ schema: namespace, name: tag });
}

interface OfTable {
  readonly table: TocEntry | undefined;
  readonly group: readonly TocEntry[];
}

/** Entries table by table, the largest first; one that tells of no table is a group by itself. */
function byTable(some: readonly TocEntry[], source: BuildSource): OfTable[] {
  const { entries } = source;
  const groups = Map.groupBy(some, (entry) => tableOf(entry, entries)?.dumpId ?? -entry.dumpId);
  return [...groups]
    .map(([dumpId, group]) => ({ table: entries.get(dumpId), group }))
    .sort((a, b) => bytesOf(b.table, source) - bytesOf(a.table, source));
}
