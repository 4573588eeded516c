import { few } from "../base/measures.ts";
import { readTokens, type SqlStatement, type SqlToken, wordOf } from "../postgres/sql-tokens.ts";

/** What a statement does that somebody has to know of before it runs on older rows, or that decides how it runs. */
export interface Effect {
  readonly kind: /** Takes something away, or makes it narrower: what was in it is in the sets from before alone. */
    | "loses"
    /** Writes rows. Run again it works on the rows of the set, which are older than those that it met in production. */
    | "rows"
    /** May do either: code in a string, or a function that is called. */
    | "code"
    /** Has CONCURRENTLY, which no transaction takes; without it the result is the same. */
    | "concurrently"
    /** Tidies up and changes nothing: a database that was just restored needs none of it. */
    | "tidies"
    /** Runs in no transaction, and there is no other form of it. */
    | "alone"
    /** Begins or ends a transaction of its own. */
    | "transaction"
    /** Cannot be run by anybody but psql, or undoes what the file has done. */
    | "impossible";
  /** In a few words, e.g. `DROP COLUMN public.exams.score`. */
  readonly what: string;
}

/** What a statement does, told from its words. Pure. */
export function effectsOf({ tokens }: SqlStatement): Effect[] {
  const words = new Words(tokens);
  const [first, second] = [words.at(0), words.at(1)];
  if (tokens[0]?.kind === "sign" && tokens[0].text === "\\") return [{ kind: "impossible", what: "a command of psql" }];
  const inner = first === "with" || first === "explain" ? rowsWithin(words) : [];
  switch (first) {
    case "begin":
    case "start":
    case "end":
      return [{ kind: "transaction", what: first.toUpperCase() }];
    case "commit":
      return [{ kind: second === "prepared" ? "impossible" : "transaction", what: "COMMIT" }];
    case "rollback":
    case "abort":
      return words.has("to") ? [] : [{ kind: "impossible", what: `${first.toUpperCase()} undoes the file` }];
    case "prepare":
      return second === "transaction" ? [{ kind: "impossible", what: "PREPARE TRANSACTION" }] : [];
    case "drop":
      return drops(words);
    case "alter":
      return second === "table" || words.at(1, 2) === "foreign table" ? altersTable(words) : alters(words);
    case "create":
      return creates(words);
    case "truncate":
      return [{ kind: "loses", what: `TRUNCATE ${words.name(second === "table" ? 2 : 1)}` }];
    case "insert":
    case "delete":
      return [{ kind: "rows", what: `${first.toUpperCase()} ${words.name(2)}` }];
    case "update":
      return [{ kind: "rows", what: `UPDATE ${words.name(1)}` }];
    case "merge":
      return [{ kind: "rows", what: `MERGE ${words.name(2)}` }];
    case "copy":
      if (words.has("stdin")) return [{ kind: "impossible", what: "COPY FROM stdin, whose rows stand outside of SQL" }];
      return words.has("from") ? [{ kind: "rows", what: `COPY ${words.name(1)}` }] : [];
    case "reindex":
    case "vacuum":
    case "analyze":
    case "cluster":
      return [{ kind: "tidies", what: first.toUpperCase() }];
    case "do":
      return codeIn(tokens);
    case "call":
    case "select":
    case "with":
    case "explain":
      return [...inner, ...called(words, tokens)];
    default:
      return [];
  }
}

function drops(words: Words): Effect[] {
  const what = words.at(1);
  if (what === "index")
    return words.at(2) === "concurrently" ? [{ kind: "concurrently", what: "DROP INDEX CONCURRENTLY" }] : [];
  if (what === "database" || what === "tablespace" || what === "subscription") return alone(words);
  // What holds no rows is made again from the sets' schema: only these take something along that nothing brings back.
  const holds = new Set([
    "table",
    "schema",
    "materialized",
    "foreign",
    "type",
    "domain",
    "extension",
    "sequence",
    "owned",
  ]);
  if (!holds.has(what)) return [];
  return words
    .names(what === "materialized" || what === "foreign" || what === "owned" ? 3 : 2)
    .map((name) => ({ kind: "loses", what: `DROP ${what.toUpperCase()} ${name}` }));
}

function altersTable(words: Words): Effect[] {
  const begin = words.at(1) === "foreign" ? 3 : 2;
  const table = words.name(begin);
  const place = words.afterName(begin);
  return words.actions(place).flatMap((action): Effect[] => {
    const [one, two] = [action.at(0), action.at(1)];
    if (one === "drop" && two !== "constraint") {
      return [{ kind: "loses", what: `DROP COLUMN ${table}.${action.name(two === "column" ? 2 : 1)}` }];
    }
    if (one === "alter" && two !== "constraint") {
      const column = two === "column" ? 2 : 1;
      const [what] = [action.at(column + 1)];
      const isType = what === "type" || (what === "set" && action.at(column + 2) === "data");
      if (isType) return [{ kind: "loses", what: `ALTER COLUMN ${table}.${action.name(column)} TYPE` }];
    }
    if (one === "detach" && (action.has("concurrently") || action.has("finalize"))) {
      return [{ kind: "alone", what: `DETACH PARTITION CONCURRENTLY of ${table}` }];
    }
    return [];
  });
}

function alters(words: Words): Effect[] {
  if (words.at(1) === "system") return alone(words);
  if (words.at(1) === "database" && words.has("tablespace")) return alone(words);
  return words.at(1) === "subscription" ? alone(words) : [];
}

function creates(words: Words): Effect[] {
  const what = words.at(1);
  if (what === "database" || what === "tablespace" || what === "subscription") return alone(words);
  const index = what === "index" ? 2 : words.at(1, 2) === "unique index" ? 3 : 0;
  if (index > 0 && words.at(index) === "concurrently") {
    return [{ kind: "concurrently", what: "CREATE INDEX CONCURRENTLY" }];
  }
  return [];
}

function alone(words: Words): Effect[] {
  return [{ kind: "alone", what: words.at(0, 2).toUpperCase() }];
}

/** Data-changing statements inside of WITH, or behind EXPLAIN. */
function rowsWithin(words: Words): Effect[] {
  return words.all.flatMap((word, place): Effect[] => {
    if (word !== "insert" && word !== "update" && word !== "delete" && word !== "merge") return [];
    // FOR UPDATE locks rows; ON CONFLICT DO UPDATE and FOR NO KEY UPDATE belong to what was told already.
    if (["for", "do", "key", "then"].includes(words.all[place - 1] ?? "")) return [];
    return [{ kind: "rows", what: `${word.toUpperCase()} ${words.name(word === "update" ? place + 1 : place + 2)}` }];
  });
}

const writing = new Set([
  "insert",
  "update",
  "delete",
  "merge",
  "truncate",
  "drop",
  "alter",
  "execute",
  "copy",
  "call",
]);

/** Words of statements that write, in code that stands in a string. */
function writtenIn(code: string): string[] {
  const { tokens } = readTokens(code, { standard: true });
  return [...new Set(tokens.map(wordOf).filter((word) => writing.has(word)))];
}

/** What the body of a DO block may do. */
function codeIn(tokens: readonly SqlToken[]): Effect[] {
  const body = tokens.find(({ kind }) => kind === "string")?.text ?? "";
  const found = writtenIn(body);
  if (found.length === 0 && !/\bperform\b/i.test(body)) return [];
  return [{ kind: "code", what: `DO: ${found.join(", ") || "calls functions"}` }];
}

/** SELECT and CALL may run a function that writes. What it is given stays untold: it may be a secret, or a person's. */
function called(words: Words, tokens: readonly SqlToken[]): Effect[] {
  const calls = [...new Set(words.calls())];
  if (words.at(0) === "call" || calls.length > 0) {
    const code = tokens.flatMap(({ kind, text }) => (kind === "string" ? writtenIn(text) : []));
    const given = code.length === 0 ? "" : ` with ${[...new Set(code)].join(", ")}`;
    return [{ kind: "code", what: `${words.at(0).toUpperCase()} ${few(calls, 3)}${given}` }];
  }
  return words.at(0) === "select" && words.has("into") ? [{ kind: "rows", what: "SELECT INTO" }] : [];
}

/** Functions of PostgreSQL that change no row and no object, and words that a parenthesis follows. */
const harmless = new Set(
  "as in exists any all and or not from select values using on when then else case where union over filter by having join lateral set_config setval count min max sum now coalesce nullif".split(
    " ",
  ),
);

/** What needs no quotes, but where a key word would be read. */
const plainName = /^[a-z_][a-z0-9_$]*$/;

/** The words of a statement, by their places. */
class Words {
  readonly #tokens: readonly SqlToken[];
  readonly all: readonly string[];

  constructor(tokens: readonly SqlToken[]) {
    this.#tokens = tokens;
    this.all = tokens.map(wordOf);
  }

  /** Key word at a place, or several joined. */
  at(place: number, count = 1): string {
    return this.all.slice(place, place + count).join(" ");
  }

  has(word: string): boolean {
    return this.all.includes(word);
  }

  sign(place: number): string {
    const token = this.#tokens[place];
    return token?.kind === "sign" ? token.text : "";
  }

  /** The name at a place, after IF EXISTS and ONLY, as people write it: `public.exams`. */
  name(place: number): string {
    const begin = this.#skip(place);
    return this.#tokens
      .slice(begin, this.#nameEnd(begin))
      .map(({ text, kind, quoted }) => (kind === "name" && quoted && !plainName.test(text) ? `"${text}"` : text))
      .join("");
  }

  /** The functions that are called, but for those that are known to change nothing. */
  calls(): string[] {
    return this.#tokens.flatMap((token, place) => {
      if (token.kind !== "name" || this.sign(place + 1) !== "(") return [];
      let begin = place;
      while (this.sign(begin - 1) === "." && this.#tokens[begin - 2]?.kind === "name") begin -= 2;
      const ofPostgres = begin === place || this.all[begin] === "pg_catalog";
      return ofPostgres && harmless.has(this.all[place] ?? "") ? [] : [this.name(begin)];
    });
  }

  /** Names with commas between. */
  names(place: number): string[] {
    const names: string[] = [];
    let begin = this.#skip(place);
    for (;;) {
      names.push(this.name(begin));
      const end = this.#nameEnd(begin);
      if (this.sign(end) !== ",") return names;
      begin = end + 1;
    }
  }

  /** The place behind a name. */
  afterName(place: number): number {
    const end = this.#nameEnd(this.#skip(place));
    return this.#tokens[end]?.text === "*" ? end + 1 : end;
  }

  /** What stands between commas that are in no parentheses, from a place on. */
  actions(place: number): Words[] {
    const parts: SqlToken[][] = [[]];
    let depth = 0;
    for (const token of this.#tokens.slice(place)) {
      if (token.kind === "sign" && token.text === "(") depth += 1;
      if (token.kind === "sign" && token.text === ")") depth -= 1;
      if (token.kind === "sign" && token.text === "," && depth === 0) parts.push([]);
      else parts.at(-1)?.push(token);
    }
    return parts.map((part) => new Words(part));
  }

  #skip(place: number): number {
    let begin = place;
    if (this.at(begin, 2) === "if exists") begin += 2;
    return this.all[begin] === "only" ? begin + 1 : begin;
  }

  #nameEnd(begin: number): number {
    let end = begin + 1;
    while (this.sign(end) === ".") end += 2;
    return end;
  }
}
