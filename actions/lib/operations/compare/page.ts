import { countOf, few } from "../../base/measures.ts";
import type { Page, PageTable } from "../../report/page.ts";
import type { MissingGroup, Sample, Transactions } from "./groups.ts";
import type { CompareResult } from "./run-compare.ts";

/** What differs, in names and counts: no value of any row. */
export function comparePage(result: CompareResult): Page {
  const { table, set, against, counts, byColumn, transactions, missing = [] } = result;
  return {
    title: `${table}: ${against} compared with set ${set}`,
    sentence: sentenceOf(result),
    tables: [
      {
        title: "Rows",
        header: ["rows", "number"],
        rows:
          counts.missing + counts.added + counts.changed === 0
            ? []
            : Object.entries(counts).map(([kind, many]) => [kind, many.toLocaleString("en")]),
      },
      {
        title: "Changed rows by column",
        header: ["column", "rows"],
        rows: byColumn.map(({ column, rows }) => [column, rows.toLocaleString("en")]),
      },
      transactionTable(transactions),
      missingTable(missing),
    ],
    notes: notesOf(result),
  };
}

function sentenceOf({ table, set, snapshotAt, against, counts, byColumn, transactions }: CompareResult): string {
  const { equal, missing, changed, added } = counts;
  const whose = `set ${set} (as of ${snapshotAt})`;
  if (missing + changed + added === 0)
    return `${table} of ${against} holds the ${countOf(equal, "row")} of ${whose}, and no others.`;
  const parts = [
    ...(missing > 0 ? [`${countOf(missing, "row")} missing`] : []),
    ...(changed > 0 ? [`${countOf(changed, "row")} changed`] : []),
    ...(added > 0 ? [`${countOf(added, "row")} added`] : []),
  ];
  const [largest] = transactions?.groups ?? [];
  const by = largest === undefined ? "" : ` ${largestOf(largest, transactions)}`;
  const columns =
    byColumn.length === 0
      ? ""
      : ` (${few(
          byColumn.map(({ column }) => column),
          4,
        )})`;
  return `${table} of ${against} differs from ${whose}: ${parts.join(", ")}${columns}, ${equal.toLocaleString("en")} equal.${by}`;
}

/** `48,211 rows, column price, one transaction; 37 rows in 31 others.` */
function largestOf(largest: Transactions["groups"][number], transactions: Transactions | undefined): string {
  const rows = largest.changed + largest.added;
  const columns = largest.columns.length === 0 ? "" : `, column ${few(largest.columns, 3)}`;
  const { groups = [], others } = transactions ?? {};
  const rest = groups.slice(1).reduce((sum, one) => sum + one.changed + one.added, 0) + (others?.rows ?? 0);
  const many = groups.length - 1 + (others?.transactions ?? 0);
  const behind = many === 0 ? "" : `; ${countOf(rest, "row")} in ${countOf(many, "other")}`;
  return `Transaction ${largest.transaction} wrote ${countOf(rows, "row")}${columns}${behind}.`;
}

function transactionTable(transactions: Transactions | undefined): PageTable {
  const { groups = [], others = { transactions: 0, rows: 0 } } = transactions ?? {};
  const timed = groups.some(({ at }) => at !== null);
  const rest =
    others.transactions === 0
      ? []
      : [[`${others.transactions} others`, ...(timed ? [""] : []), `${others.rows} in all`, "", ""]];
  return {
    title: "Changed and added rows by the transaction that wrote them last",
    header: ["transaction", ...(timed ? ["committed"] : []), "changed", "added", "columns"],
    rows: [
      ...groups.map(({ transaction, numbers, at, changed, added, columns }) => [
        numbers === 1 ? transaction : `${transaction} and ${numbers - 1} savepoints`,
        ...(timed ? [at ?? "not kept"] : []),
        ...[changed.toLocaleString("en"), added.toLocaleString("en"), few(columns, 6)],
      ]),
      ...rest,
    ],
  };
}

function missingTable(missing: readonly MissingGroup[]): PageTable {
  return {
    title: "Missing rows by what they refer to",
    header: ["rows", "what is missing with them"],
    rows: missing.map(({ parent, constraint, cascades, rows }) => [
      rows.toLocaleString("en"),
      parent === null
        ? "nothing that they refer to"
        : `their rows of ${parent} (${constraint}${cascades ? ", which takes rows along: ON DELETE CASCADE" : ""})`,
    ]),
  };
}

function notesOf(result: CompareResult): string[] {
  const { columns, key, keyless, chosen, looked, counts, byColumn } = result;
  const retyped = columns.retyped.map(
    ({ name, was, is, compared }) =>
      `${name} (${was}, now ${is}${compared ? "" : ": not compared, a value does not fit"})`,
  );
  return [
    ...(keyless === undefined
      ? []
      : [`Compared by whole rows, because ${keyless}: a changed row shows as one missing and one added.`]),
    ...(key === null && keyless === undefined
      ? ["Compared by whole rows, because the table has no key: a changed row shows as one missing and one added."]
      : []),
    ...(chosen === undefined
      ? []
      : [`--where holds for ${countOf(chosen, "row")} of the live table; the others are left out.`]),
    ...(looked === undefined
      ? []
      : [
          `Columns were compared in ${looked.toLocaleString("en")} of the ${countOf(counts.changed, "changed row")}, chosen by the hash of their keys.`,
        ]),
    ...(columns.came.length === 0 ? [] : [`Not compared, the set does not have them: ${few(columns.came, 10)}.`]),
    ...(columns.went.length === 0 ? [] : [`Not compared, the set alone has them: ${few(columns.went, 10)}.`]),
    ...(retyped.length === 0 ? [] : [`Columns of another type: ${few(retyped, 10)}.`]),
    ...(byColumn.length === 0
      ? []
      : ["A row's transaction is the one that wrote it last: what an earlier one had changed, it shows no more."]),
  ];
}

/** Values of some rows, for a terminal alone. */
export function sampleTables(sample: readonly Sample[]): PageTable[] {
  const value = (text: string | null): string => (text === null ? "null" : `'${text}'`);
  const titles = { missing: "Some missing rows", changed: "Some changed rows", added: "Some added rows" } as const;
  return (["missing", "changed", "added"] as const).map((kind) => ({
    title: titles[kind],
    header: kind === "changed" ? ["row", "column", "in the set", "now"] : ["row"],
    rows: sample
      .filter((one) => one.kind === kind)
      .flatMap(({ key, cells }) => {
        const row = key.map((cell) => `${cell.column} = ${value(cell.value)}`).join(", ");
        if (kind !== "changed") return [[row]];
        return cells.map(({ column, good, live }) => [row, column, value(good), value(live)]);
      }),
  }));
}
