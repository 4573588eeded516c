import { clip, countOf, formatCount, formatMinute } from "../../base/measures.ts";
import type { TableChange } from "../../compare/table-changes.ts";
import { historyChart } from "../../report/branch/history-chart.ts";
import { type Page, type PageTable, renderText } from "../../report/page.ts";
import type { Told } from "../operation.ts";
import type { Jump } from "./jump.ts";
import type { NewFile } from "./new-file.ts";
import type { RowInSet } from "./one-row.ts";
import type { Step } from "./read-table.ts";
import type { History } from "./run-history.ts";

/** @param shown the row's values may be printed: the person who holds the key looks on */
export async function reportHistory(
  history: History,
  { picture, shown }: { readonly picture: NewFile | undefined; readonly shown: boolean },
): Promise<Told> {
  await picture?.write(pictureOf(history));
  const page = historyPage(history, picture?.path);
  const row = rowTable(history, shown);
  const lines = renderText({ ...page, tables: [...page.tables, ...(row === undefined ? [] : [row])] });
  return { result: resultOf(history, shown), page, lines };
}

/** What people read, without a value of any row. */
function historyPage({ table, steps, jump }: History, picture: string | undefined): Page {
  const most = Math.max(...steps.map(({ change }) => change?.changed.rows ?? 0), 1);
  const unknown = steps.filter(({ problem }) => problem !== null);
  return {
    title: `History of ${table}`,
    sentence: sentenceOf(table, steps, jump),
    tables: [
      {
        title: `${table} in ${countOf(steps.length, "set")}, the oldest first`,
        header: [
          "data of",
          "set",
          "rows",
          "changed since the set before",
          "counted by the server",
          "of the largest change",
        ],
        rows: steps.map((step) => [
          formatMinute(step.manifest.snapshotAt),
          step.manifest.set,
          rowsOf(step),
          step.change === null ? "" : changedWords(step.change),
          countedWords(step.change),
          barOf(step.change?.changed.rows ?? 0, most),
        ]),
      },
    ],
    notes: [
      ...[...new Set(unknown.map(({ problem }) => problem?.message ?? ""))].map((message) => {
        const those = unknown.filter(({ problem }) => problem?.message === message);
        return those.length === 1
          ? `${those[0]?.manifest.set}: ${message}`
          : `${countOf(those.length, "set")}: ${message}`;
      }),
      ...steps.flatMap(({ manifest: { set, incident } }) =>
        incident === undefined ? [] : [`${set} was made while incident ${incident} was on.`],
      ),
      ...(picture === undefined ? [] : [`The picture is in ${picture}.`]),
    ],
  };
}

function sentenceOf(table: string, steps: readonly Step[], jump: Jump | null): string {
  if (jump === null) return `Nothing stands out in the history of ${table}: ${countOf(steps.length, "set")}.`;
  const rows = countOf(jump.rows, "row");
  const about = jump.sure === "exact" ? "" : jump.sure === "about" ? "about " : "at least ";
  const were = { gone: `the table went, with ${rows}`, lost: `${rows} were gone`, altered: `${about}${rows} changed` };
  const { set, snapshotAt } = jump.before;
  const next =
    jump.how === "gone"
      ? "bring it back from there"
      : `look at what differs with \`lifeboat compare ${set} --table ${table}\``;
  return `The last set before ${were[jump.how]} at once is ${set}, with the data of ${formatMinute(snapshotAt)}: ${next}.`;
}

function rowsOf({ state, problem }: Step): string {
  return problem !== null ? "unknown" : state === undefined ? "no such table" : formatCount(state.rows);
}

function changedWords({ before, now, changed, reshaped }: TableChange): string {
  if (before === null) return now === null ? "" : "the table is new";
  if (now === null) return "the table is gone";
  const columns = reshaped ? "other columns; " : "";
  if (changed.sure === "exact") return `${columns}nothing`;
  return `${columns}${changed.sure === "about" ? "about" : "at least"} ${countOf(changed.rows, "row")}`;
}

function countedWords(change: TableChange | null): string {
  const { counted = null } = change ?? {};
  if (counted === null) return "";
  const parts = [
    [counted.inserted, "inserted"],
    [counted.updated, "updated"],
    [counted.deleted, "deleted"],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`);
  return said.length === 0 ? "nothing" : said.join(", ");
}

const longestBar = 24;

function barOf(rows: number, most: number): string {
  // What is more than nothing is seen.
  return "█".repeat(rows === 0 ? 0 : Math.max(1, Math.round((rows / most) * longestBar)));
}

/** Rows and changes over time; the jump is the peak. */
function pictureOf({ table, steps }: History): string {
  const at = ({ manifest }: Step): number => Date.parse(manifest.snapshotAt);
  const rows = steps.flatMap((step) => (step.state ? [{ at: at(step), value: Number(step.state.rows) }] : []));
  const changed = steps.flatMap((step) => (step.change ? [{ at: at(step), value: step.change.changed.rows }] : []));
  return historyChart({
    ...{ title: `${table} in ${countOf(steps.length, "set")}`, unit: "rows" },
    series: [
      { name: "rows", points: rows },
      { name: "changed", points: changed },
    ],
  });
}

const longestValue = 80;

/** The row, a line a set; only what is another than before. */
function rowTable({ steps, row }: History, shown: boolean): PageTable | undefined {
  if (row === null) return undefined;
  let before: RowInSet["values"] = null;
  const lines = row.sets.map((one, place) => {
    const said = one.outcome === "unread" ? (one.problem ?? "") : wordsOf(before, one.values, shown);
    if (one.outcome !== "unread") before = one.values;
    return [formatMinute(steps[place]?.manifest.snapshotAt ?? 0), one.set, said];
  });
  return { title: `The row with the key (${row.key.join(", ")})`, header: ["data of", "set", "the row"], rows: lines };
}

function wordsOf(before: RowInSet["values"], now: RowInSet["values"], shown: boolean): string {
  if (now === null) return before === null ? "is not there" : "is gone";
  const changed = changedColumns(before, now);
  if (before !== null && changed.length === 0) return "as before";
  if (!shown) return before === null ? "is there" : `changed: ${changed.join(", ")}`;
  const cell = (column: string): string => `${column} = ${shownValue(now.get(column))}`;
  if (before === null) return [...now.keys()].map(cell).join(", ");
  return changed
    .map((column) => (now.has(column) ? `${cell(column)}, was ${shownValue(before.get(column))}` : `${column} is gone`))
    .join("; ");
}

function shownValue(value: string | null | undefined): string {
  return value === null ? "NULL" : value === undefined ? "not there" : clip(JSON.stringify(value), longestValue);
}

function changedColumns(before: RowInSet["values"], now: NonNullable<RowInSet["values"]>): string[] {
  const all = new Set([...(before?.keys() ?? []), ...now.keys()]);
  return [...all].filter((column) => before?.get(column) !== now.get(column));
}

/** For `--json`: values only where they may be shown. */
function resultOf({ table, steps, jump, row }: History, shown: boolean): unknown {
  let before: RowInSet["values"] = null;
  return {
    ...{ table, jump },
    sets: steps.map(({ manifest: { set, tier, snapshotAt, incident = null }, state, problem, change }) => ({
      ...{ set, tier, snapshotAt, incident, rows: state?.rows.toString() ?? null, problem, change },
    })),
    row: row && {
      key: row.key,
      sets: row.sets.map(({ values, ...one }) => {
        const changed = values === null || one.outcome === "unread" ? [] : changedColumns(before, values);
        if (one.outcome !== "unread") before = values;
        return { ...one, changed, ...(shown && { values: values && Object.fromEntries(values) }) };
      }),
    },
  };
}
