import { countOf, formatCount } from "../../../base/measures.ts";
import { tableName } from "../../../postgres/identifier.ts";
import type { PageTable } from "../../../report/page.ts";
import type { TablePlan } from "../plan/make-plan.ts";

/** What a code means for the row that bears it, in words for people. */
const meanings: Readonly<Record<string, string>> = {
  "edited-since": "edited since by others, kept as it is",
  recreated: "another row has come under the same key, kept as it is",
  "added-since": "added or edited since by others, not in the good side: kept as it is",
  "no-good-row":
    "written by the accident, but not in the good side: nobody knows what it was (--added takes such rows away)",
  "parent-gone": "what it points at is gone (--follow puts that back first)",
  referred: "other rows point at it: not taken away",
  "default-unknown":
    "a foreign key's SET DEFAULT may have changed it, and its default is no plain value: see for yourself (--keys)",
  "written-before": "differs, but was written before the accident: kept as it is",
  "deleted-since": "taken away after the damaged rows were read: stays away",
  "edited-well": "cells edited since that were never damaged: kept",
  "came-later": "added after the damaged rows were read: kept",
};

/** A plan in numbers and names: no value of any row. */
export function planTables(tables: readonly TablePlan[]): PageTable[] {
  return [
    {
      title: "Changes",
      header: ["table", "rows put back", "rows that come back", "rows that go", "columns"],
      rows: tables.map((table) => [
        ...[tableName(table), formatCount(table.updates), formatCount(table.inserts), formatCount(table.deletes)],
        Object.entries(table.columns)
          .toSorted(([, a], [, b]) => b - a)
          .map(([column, rows]) => `${column} ${formatCount(rows)}`)
          .join(", "),
      ]),
    },
    {
      title: "Left as it is",
      header: ["table", "rows", "code", "why"],
      rows: tables.flatMap((table) =>
        Object.entries(table.left).map(([code, rows]) => [
          ...[tableName(table), formatCount(rows), code, meanings[code] ?? "not put back"],
        ]),
      ),
    },
    {
      title: "Written last by",
      header: ["table", "transaction", "rows"],
      rows: tables.flatMap((table) => [
        ...table.writers.map(({ transaction, rows }) => [tableName(table), transaction, formatCount(rows)]),
        ...(table.writersInAll > table.writers.length
          ? [[tableName(table), `and ${formatCount(table.writersInAll - table.writers.length)} others`, ""]]
          : []),
      ]),
    },
  ];
}

/** What somebody has to weigh before such a plan is applied. */
export function planNotes(tables: readonly TablePlan[]): string[] {
  return tables.flatMap((table) => {
    const name = tableName(table);
    const { came, went, retyped } = table.match;
    const beside = Object.entries(table.columns).filter(([column]) => !table.together.includes(column));
    const some = beside.map(([column, rows]) => `${column} in ${countOf(rows, "row")}`).join(", ");
    return [
      ...(beside.length === 0
        ? []
        : [
            `${name}: beside ${table.together.join(", ")}, some rows differ in other columns: ${some}. Most likely these are edits from between the good side and the accident, which would be lost with the damage; --columns ${table.together.join(",")} leaves them.`,
          ]),
      ...(table.inserts === 0
        ? []
        : [
            `${name}: ${countOf(table.inserts, "row")} come back as the good side has them; what people edited in them between it and the accident is lost.`,
          ]),
      ...(came.length === 0
        ? []
        : [`${name}: columns that the good side does not have stay as they are: ${came.join(", ")}.`]),
      ...(went.length === 0
        ? []
        : [`${name}: columns that the live table no longer has are passed over: ${went.join(", ")}.`]),
      ...retyped.map(
        (column) =>
          `${name}: ${column.name} was ${column.was} and is ${column.is} now; ${column.compared ? "its values were read as that" : "it is passed over"}.`,
      ),
      ...(table.key === null ? [`${name} has no key: rows come and go whole.`] : []),
    ];
  });
}

/** One sentence of it. */
export function planSentence(tables: readonly TablePlan[]): string {
  const sum = (of: "updates" | "inserts" | "deletes") => tables.reduce((total, table) => total + table[of], 0);
  const parts = [
    `${countOf(sum("updates"), "row")} put back`,
    `${countOf(sum("inserts"), "row")} that ${sum("inserts") === 1 ? "comes" : "come"} back`,
    `${countOf(sum("deletes"), "row")} that ${sum("deletes") === 1 ? "goes" : "go"}`,
  ];
  const many = tables.length > 1 ? `${tables.length} tables` : tables.map(tableName).join("");
  return `${many}: ${parts.join(", ")}`;
}
