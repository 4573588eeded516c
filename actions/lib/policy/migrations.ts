import { createHash } from "node:crypto";
import { countOf, few } from "../base/measures.ts";
import { eachToken, readStatements, type SqlStatement } from "../postgres/sql-tokens.ts";
import { type Effect, effectsOf } from "./migration-effects.ts";

/** A file of the folder that has the name of a migration. */
export interface MigrationFile {
  /** Its name, e.g. `20260401120000_grades.sql`. */
  readonly file: string;
  readonly sql: string;
}

/** A row of `supabase_migrations.schema_migrations`. */
export interface AppliedMigration {
  readonly version: string;
  readonly name: string | null;
  /** What was run; null where an old CLI, or `migration repair`, has noted the version alone. */
  readonly statements: readonly string[] | null;
}

/** One statement of a file. */
export interface MigrationRun {
  readonly sql: string;
  /** Its first words, for messages. */
  readonly what: string;
  /** It stands with CONCURRENTLY in the file, which `sql` is without. */
  readonly concurrently: boolean;
}

/** One that has to be applied. */
export interface PendingMigration {
  readonly file: string;
  readonly version: string;
  readonly name: string;
  /** As the history notes them. */
  readonly statements: readonly string[];
  /** What is run, in order. */
  readonly runs: readonly MigrationRun[];
  /** Its one statement runs in no transaction. */
  readonly alone: boolean;
  readonly effects: readonly Effect[];
}

/** What has to be known before anything is applied. */
export interface MigrationFinding {
  readonly file: string;
  /** `refused`: nothing is applied. `doubt`: the schema may come out otherwise than the folder makes it. `told`: how it is done, what it costs. */
  readonly severity: "refused" | "doubt" | "told";
  readonly what: string;
}

export interface MigrationPlan {
  /** How many are in the history and the same in the folder. */
  readonly same: number;
  readonly pending: readonly PendingMigration[];
  readonly findings: readonly MigrationFinding[];
}

const filePattern = /^([0-9]+)_(.*)\.sql$/s;

/** The version and the name in a file's name; undefined where it is no migration's. */
export function migrationName(file: string): { readonly version: string; readonly name: string } | undefined {
  const [, version, name] = filePattern.exec(file) ?? [];
  return version === undefined || name === undefined ? undefined : { version, name };
}

/**
 * What has to be applied to a database with this history, so that it is what the folder makes. As the Supabase CLI does it
 * (pkg/migration: file rule, order by name, versions as text), but for this: contents are compared too, a file that came
 * in between is applied and named, and so is a history that knows more than the folder. Pure.
 *
 * @param folder in any order
 */
export function planMigrations(history: readonly AppliedMigration[], folder: readonly MigrationFile[]): MigrationPlan {
  const findings: MigrationFinding[] = [];
  const find = (file: string, severity: MigrationFinding["severity"], what: string): void => {
    findings.push({ file, severity, what });
  };
  const applied = new Map(history.map((one) => [one.version, one]));
  const newest = history.reduce((last, { version }) => (version > last ? version : last), "");
  const files = migrationsOf(folder, find);
  const byVersion = Map.groupBy(files, ({ version }) => version);
  let same = 0;
  const pending: PendingMigration[] = [];
  for (const one of files) {
    const twins = byVersion.get(one.version) ?? [];
    if (twins.length > 1) {
      find(
        one.file,
        "refused",
        `${countOf(twins.length, "file")} have the version ${one.version}, and the history takes one`,
      );
      continue;
    }
    const noted = applied.get(one.version);
    if (noted === undefined) {
      const late = one.version < newest;
      if (late)
        find(
          one.file,
          "doubt",
          `is older than ${named(newest)}, which is applied, and comes after it here; at the source it may have come earlier or later`,
        );
      pending.push(toApply(one, find));
    } else if (noted.statements === null) {
      find(one.file, "doubt", "is applied, and the history does not say what was run");
    } else if (!sameStatements(noted.statements, one.sql)) {
      find(
        one.file,
        "doubt",
        "was edited since it was applied: what is in the database was made by its former text, and the new one is not run",
      );
    } else same += 1;
  }
  const missing = history.filter(({ version }) => !byVersion.has(version));
  for (const { version, name } of missing) {
    find(named(`${version}_${name ?? ""}`), "doubt", "is applied and not in the folder: what it made stays");
  }
  return { same, pending, findings };
}

/** A row of the history tells what somebody has written there: as much of it as a file's name has, and no signs but those. */
function named(text: string): string {
  const name = text.replaceAll(/[^\p{L}\p{M}\p{N}_. -]+/gu, "_");
  return name.length <= 100 ? name : `${name.slice(0, 100)}…`;
}

/** Why nothing of a plan may be applied; undefined when nothing refuses. */
export function whyRefused({ findings }: MigrationPlan): string | undefined {
  const refused = findings.filter(({ severity }) => severity === "refused");
  return refused.length === 0
    ? undefined
    : few(
        refused.map(({ file, what }) => `${file}: ${what}`),
        5,
        "; ",
      );
}

interface Migration extends MigrationFile {
  readonly version: string;
  readonly name: string;
}

type Find = (file: string, severity: MigrationFinding["severity"], what: string) => void;

/** The CLI before 2022 left a file of this name in the folder, and has passed over the first one since. */
const formerInit = /^([0-9]{14})_init\.sql$/;
const formerInitBefore = "20211209000000";

function migrationsOf(folder: readonly MigrationFile[], find: Find): Migration[] {
  const sorted = [...folder].sort((a, b) => Buffer.compare(Buffer.from(a.file), Buffer.from(b.file)));
  return sorted.flatMap((one, place): Migration[] => {
    const named = migrationName(one.file);
    const [, init = formerInitBefore] = formerInit.exec(one.file) ?? [];
    if (named !== undefined && (place > 0 || init >= formerInitBefore)) return [{ ...one, ...named }];
    const why = named === undefined ? "its name is not <version>_<name>.sql" : "a file init of an old CLI";
    find(one.file, "told", `is passed over, as the Supabase CLI does: ${why}`);
    return [];
  });
}

function toApply({ file, version, name, sql }: Migration, find: Find): PendingMigration {
  const { statements, certain } = readStatements(sql);
  if (!certain || sql.includes("\0"))
    find(file, "refused", "a string or a comment in it does not end, so that nobody can tell what it does");
  const read = statements.filter(({ tokens }) => tokens.length > 0).map((one) => ({ one, effects: effectsOf(one) }));
  const effects = read.flatMap((each) => each.effects);
  const runs = read.flatMap(({ one, effects }) => runOf(one, effects));
  const alone = effects.some(({ kind }) => kind === "alone");
  tell(file, effects, find);
  if (alone && runs.length > 1) {
    find(
      file,
      "refused",
      `${effects.find(({ kind }) => kind === "alone")?.what} runs in no transaction, so it has to stand alone in its file`,
    );
  }
  if (runs.length === 0) find(file, "told", "holds no statement that changes anything: it is noted in the history");
  return { file, version, name, statements: statements.map(({ text }) => text), runs, alone, effects };
}

function runOf(statement: SqlStatement, effects: readonly Effect[]): MigrationRun[] {
  const has = (kind: Effect["kind"]): boolean => effects.some((effect) => effect.kind === kind);
  if (has("transaction") || has("tidies")) return [];
  const what = headOf(statement);
  if (!has("concurrently")) return [{ sql: statement.text, what, concurrently: false }];
  const word = statement.tokens.find(({ text, kind }) => kind === "name" && text === "concurrently");
  const at = (word?.at ?? 0) - statement.at;
  return [
    { sql: statement.text.slice(0, at) + statement.text.slice(at + "concurrently".length), what, concurrently: true },
  ];
}

/** Its first words and names, for messages: `ALTER TABLE public.exams`. Nothing that stands in quotes as text. */
function headOf({ tokens }: SqlStatement): string {
  const end = tokens.findIndex(({ kind, text }) => kind !== "name" && text !== ".");
  const head = tokens.slice(0, Math.min(end < 0 ? tokens.length : end, 8));
  const words = head.map(({ text, quoted, kind }) => (kind === "name" && quoted ? `"${text}"` : text)).join(" ");
  return words
    .replaceAll(" . ", ".")
    .replace(/^[a-z]+( (?:table|index|unique index|function|view|type|policy|trigger|schema)\b)?/, (key) =>
      key.toUpperCase(),
    );
}

const explained: Partial<Record<Effect["kind"], readonly [MigrationFinding["severity"], string]>> = {
  loses: ["told", "takes away what was in it"],
  rows: ["told", "writes rows: it runs again, on the rows of the set"],
  code: ["told", "runs code that may write rows: it runs again, on the rows of the set"],
  concurrently: [
    "told",
    "runs without CONCURRENTLY, in the file's transaction: nobody else works in the database, and the result is the same",
  ],
  tidies: ["told", "is left out: it changes nothing, and what was just restored needs no tidying"],
  transaction: ["told", "is left out: the file runs as one transaction with its note in the history"],
  alone: ["told", "runs on its own, in no transaction"],
  impossible: ["refused", "cannot be part of a migration"],
};

function tell(file: string, effects: readonly Effect[], find: Find): void {
  for (const [kind, several] of Map.groupBy(effects, (effect) => effect.kind)) {
    const [severity, what] = explained[kind] ?? ["told", ""];
    find(file, severity, `${few([...new Set(several.map((one) => one.what))], 5)}: ${what}`);
  }
}

/**
 * Whether what was run is what a file says: word for word, whatever white space, comments and semicolons are between. The
 * CLI's versions have cut files into statements in different places, and the dashboard notes a file as one.
 */
function sameStatements(noted: readonly string[], sql: string): boolean {
  return wordsIn(noted.join("\n;\n")) === wordsIn(sql);
}

/** One hash of all words: a text may have millions. */
function wordsIn(sql: string): string {
  const hash = createHash("sha256");
  for (const { kind, text, quoted } of eachToken(sql)) {
    if (kind !== "sign" || text !== ";") hash.update(`${kind} ${quoted} ${text.length} ${text}\n`);
  }
  return hash.digest("hex");
}
