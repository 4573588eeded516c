import { countOf, few, formatBytes, formatCount } from "../../../base/measures.ts";
import { type Page, renderText } from "../../../report/page.ts";
import type { Told } from "../../operation.ts";
import type { FilesResult } from "../../restore-files/files-result.ts";
import type { Applied } from "../apply/apply.ts";
import { type LeftRow, mostLeft } from "../apply/outcomes.ts";
import { shortHash } from "../list-text.ts";
import type { Planned } from "./make-repair.ts";
import { planNotes, planSentence, planTables } from "./plan-page.ts";
import type { Sides } from "./sides.ts";

/** A plan that was made and not applied. @param sides undefined for an undo */
export function reportPlan(
  { tables, conflicts, rows, record, files }: Planned,
  sides: Sides | undefined,
  { plan, dryRun, values }: { readonly plan?: string | undefined; readonly dryRun: boolean; readonly values: boolean },
): Told {
  const facts = { ...setOf(sides), rows, outcome: record === undefined ? "nothing" : "dry-run" };
  const page: Page = {
    title: sides === undefined ? "Plan of an undo" : "Plan of a repair",
    sentence:
      record === undefined
        ? "Nothing is to be put back: see what was left as it is, and why."
        : `${sides === undefined ? `${countOf(rows, "row")} would change` : `${planSentence(tables)}`}. Nothing was changed. Plan ${record.id}, hash ${shortHash(record.body.hash)}.`,
    tables: planTables(tables),
    notes: [
      ...planNotes(tables),
      ...(files === undefined
        ? []
        : [
            `Files: ${countOf(files.counts.sent, "file")} (${formatBytes(files.counts.sentBytes)}) would come back with their rows; ${formatCount(files.counts.present)} are there.`,
            ...files.notes,
          ]),
      ...(record === undefined || !dryRun
        ? []
        : [
            `To apply this very plan: --apply ${record.id} --plan-hash ${shortHash(record.body.hash)}. To plan anew and apply at once: the same command with --expect-rows ${rows} in the place of --dry-run.`,
          ]),
      ...(plan === undefined || record === undefined
        ? []
        : ["The plan is in the file that you named, with the values of the rows: remove it when it was reviewed."]),
    ],
  };
  return {
    result: {
      outcome: record === undefined ? "nothing" : "planned",
      repair: record?.id,
      hash: record?.body.hash,
      rows,
      tables,
      files,
      ...(values && { conflicts }),
    },
    ...{ page, facts, lines: withLeft(page, conflicts, values) },
    outputs: {
      ...{ repair: record?.id ?? "", "plan-hash": record?.body.hash ?? "", rows: String(rows) },
      outcome: record === undefined ? "nothing" : "planned",
    },
  };
}

interface Done {
  readonly applied: Applied;
  /** Where it was planned in the same run. */
  readonly planned?: Planned;
  readonly sides?: Sides;
  readonly files?: FilesResult | undefined;
  /** Keys of rows may be shown. */
  readonly values: boolean;
  /** Id of the repair that was taken back. */
  readonly undone?: string;
}

/** In words for people: why a change of the plan was not written. */
const meanings: Readonly<Record<string, string>> = {
  already: "is as it shall be",
  edited: "edited since the plan: kept",
  gone: "gone since the plan",
  taken: "another row has the key",
  "parent-gone": "what it points at is gone",
  "child-refers": "other rows point at it",
  unique: "another row has a value that must be unique",
  exclusion: "another row excludes it",
  check: "a check constraint or a domain refuses it",
  "not-null": "a column must not be empty that the good row does not have",
  value: "a value does not fit",
  refused: "the database refuses it",
};

/** What was written, and what was not, and why. */
export function reportApplied({
  applied: { leftRows, ...applied },
  planned,
  sides,
  files,
  undone,
  values,
}: Done): Told {
  const { outcomes, proofs, quiet, settled, sequencesBehind, id } = applied;
  const sum = (of: (state: string) => boolean) =>
    outcomes.reduce((total, { state, rows }) => total + (of(state) ? rows : 0), 0);
  const written = sum((state) => state === "ready");
  const left = sum((state) => state !== "ready" && state !== "already");
  const outcome = undone === undefined ? "repaired" : "undone";
  const did = undone === undefined ? "put back" : `taken back of repair ${undone}`;
  const page: Page = {
    title: undone === undefined ? "Repair" : "Undo of a repair",
    sentence: [
      `${countOf(written, "row")} ${did}, in ${countOf(applied.transactions.length, "transaction")}; all other rows are as they were.`,
      ...(left === 0 ? [] : [`${countOf(left, "row")} of the plan could NOT be written: see why.`]),
      ...(applied.transactions.length === 0 ? [] : [`To take it back: lifeboat repair --undo ${id}.`]),
    ].join(" "),
    tables: [
      {
        title: "Rows",
        header: ["table", "what", "rows", "why"],
        rows: outcomes.map(({ table, op, state, detail, rows }) => [
          ...[table, state === "ready" ? `${op}: written` : `${op}: not written`, formatCount(rows)],
          [meanings[state] ?? "", detail === null ? "" : `(${detail})`].join(" ").trim(),
        ]),
      },
      {
        title: "Proof",
        header: ["table", "rows as the plan has them", "all others, unchanged"],
        rows: proofs.map(({ table, written: rows, untouched }) => [table, formatCount(rows), formatCount(untouched)]),
      },
      ...planTables(planned?.tables ?? []).filter(({ title }) => title === "Left as it is"),
    ],
    notes: [
      ...quiet.map(({ table, what }) => `${table}: ${few(what)} did not run for the rows that were written.`),
      ...sequencesBehind.map(
        (sequence) => `${sequence} is behind a row that came, and the role may not set it: raise it.`,
      ),
      ...settled.map(
        ({ id: other, transaction, fate }) =>
          `Repair ${other} was broken off before: transaction ${transaction} is ${fate}.`,
      ),
      ...(files === undefined
        ? []
        : [`Files: ${files.counts.chosen} were looked for, ${files.counts.sent} were sent (${files.outcome}).`]),
    ],
  };
  const facts = { ...setOf(sides), rows: written, outcome: left === 0 ? outcome : `${outcome}-in-part` };
  return {
    result: { ...{ outcome, left, rows: written }, ...applied, files, ...(values && { leftRows }) },
    ...{ page, facts, lines: withLeft(page, leftRows, values), exitCode: left === 0 ? 0 : 1 },
    outputs: { ...{ repair: id, "plan-hash": applied.planHash, rows: String(written) }, outcome },
  };
}

/** For a terminal, or who has asked for it: rows that were left by their keys. Reports and messages have the page alone. */
function withLeft(page: Page, rows: readonly LeftRow[], values: boolean): string[] {
  const table = {
    title: rows.length < mostLeft ? "Left, by their keys" : `Left, by their keys: the first ${mostLeft}`,
    header: ["table", "key", "why"],
    rows: rows.map(({ table: name, code, key }) => [
      ...[name, key.map(({ column, value }) => `${column} ${value ?? "NULL"}`).join(", "), code],
    ]),
  };
  return renderText(values ? { ...page, tables: [...page.tables, table] } : page);
}

const setOf = (sides: Sides | undefined) => ({
  ...(sides?.sets[0] === undefined ? {} : { set: sides.sets[0] }),
  ...(sides?.snapshotAt === undefined ? {} : { snapshotAt: sides.snapshotAt }),
});
