/** One word, name, string or sign of SQL or PL/pgSQL; comments and white space are left away. */
export interface SqlToken {
  /** `sign`: a parenthesis, comma, dot and the like, one at a time; `operator`: signs that make an operator together. */
  readonly kind: "name" | "string" | "operator" | "number" | "sign";
  /** A name as Postgres folds it; a string's contents. */
  readonly text: string;
  /** A name in double quotes is never a key word. */
  readonly quoted: boolean;
  /** Where it begins and ends in the text that was read. */
  readonly at: number;
  readonly end: number;
}

export interface Tokens {
  readonly tokens: readonly SqlToken[];
  /**
   * False where a text can be read in two ways: `'\'` ends a string or does not, by `standard_conforming_strings`, or a
   * string or comment does not end. What stands there may hide anything.
   */
  readonly certain: boolean;
}

const operatorSigns = "+-*/<>=~!@#%^&|`?";
const longestName = 63;

/**
 * Reads SQL as PostgreSQL's scanner does (src/backend/parser/scan.l), as far as names and strings go. Pure.
 *
 * @param options.standard `standard_conforming_strings` is on: a backslash is one. So it is in what PostgreSQL prints for our sessions
 * (simple_quote_literal in src/backend/utils/adt/ruleutils.c)
 */
export function readTokens(sql: string, { standard = false } = {}): Tokens {
  const scanner = new Scanner(sql, standard);
  return { tokens: [...scanner.each()], certain: scanner.certain };
}

/** The same one after the other, where so many need not be kept. */
export function eachToken(sql: string): Generator<SqlToken, void, undefined> {
  return new Scanner(sql, true).each();
}

/** One statement of a text. */
export interface SqlStatement {
  /** As it stands there, comments too, without the semicolon at its end. */
  readonly text: string;
  /** Where that begins in the whole text that was read; the places of its tokens count in there too. */
  readonly at: number;
  readonly tokens: readonly SqlToken[];
}

/** More words of one statement are not kept: rows of megabytes say nothing more about what it is. */
const mostTokens = 20_000;

/**
 * Cuts a text into its statements, as psql does (src/fe_utils/psqlscan.l): at semicolons outside of parentheses and of the
 * body of a routine between `BEGIN ATOMIC` and `END`. What holds nothing but comments is a statement without tokens. Of one
 * that is longer than anybody writes the first 20,000 are given. Pure.
 */
export function readStatements(sql: string): { readonly statements: SqlStatement[]; readonly certain: boolean } {
  const scanner = new Scanner(sql, true);
  const statements: SqlStatement[] = [];
  let [brackets, blocks, from] = [0, 0, 0];
  let tokens: SqlToken[] = [];
  const cut = (end: number): void => {
    const at = from + (/^\s*/.exec(sql.slice(from, end))?.[0].length ?? 0);
    const text = sql.slice(at, end).trimEnd();
    if (text !== "") statements.push({ text, at, tokens });
  };
  for (const token of scanner.each()) {
    const sign = token.kind === "sign" ? token.text : "";
    if (sign === ";" && brackets === 0 && blocks === 0) {
      cut(token.at);
      [from, tokens] = [token.end, []];
      continue;
    }
    if (sign === "(") brackets += 1;
    else if (sign === ")") brackets = Math.max(0, brackets - 1);
    else if (brackets === 0 && isRoutine(tokens)) blocks += blockStep(token, blocks);
    if (tokens.length < mostTokens) tokens.push(token);
  }
  cut(sql.length);
  return { statements, certain: scanner.certain };
}

function isRoutine(tokens: readonly SqlToken[]): boolean {
  if (wordOf(tokens[0]) !== "create") return false;
  return tokens.slice(1, 4).some((token) => ["function", "procedure"].includes(wordOf(token)));
}

/** A key word, or a name that could be one; empty for anything else. */
export function wordOf(token: SqlToken | undefined): string {
  return token?.kind === "name" && !token.quoted ? token.text : "";
}

function blockStep(token: SqlToken, blocks: number): number {
  const word = wordOf(token);
  if (word === "begin" || (word === "case" && blocks > 0)) return 1;
  return word === "end" && blocks > 0 ? -1 : 0;
}

class Scanner {
  readonly #sql: string;
  readonly #standard: boolean;
  #token: SqlToken | undefined;
  #at = 0;
  /** Where the token that is being read begins. */
  #from = 0;
  #certain = true;

  constructor(sql: string, standard: boolean) {
    this.#sql = sql;
    this.#standard = standard;
  }

  /** False once something could be read in two ways; final when all tokens have been read. */
  get certain(): boolean {
    return this.#certain;
  }

  *each(): Generator<SqlToken, void, undefined> {
    while (this.#at < this.#sql.length) {
      this.#token = undefined;
      this.#next();
      if (this.#token !== undefined) yield this.#token;
    }
  }

  #next(): void {
    if (this.#match(/\s+|--[^\n\r]*/y) !== undefined) return;
    this.#from = this.#at;
    const prefix = this.#match(/(?:[eEnNbBxX]|[uU]&)(?=')|[uU]&(?=")/y);
    const sign = this.#sql[this.#at];
    if (this.#sql.startsWith("/*", this.#at)) this.#comment();
    else if (sign === "'") this.#string(prefix ?? "");
    else if (sign === '"') this.#quotedName(prefix !== undefined);
    else this.#plain();
  }

  #plain(): void {
    const tag = this.#match(/\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y);
    const word = tag === undefined ? this.#match(/[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y) : undefined;
    const number = tag === undefined && word === undefined ? this.#match(/\d[\w.]*|\$\d+/y) : undefined;
    if (tag !== undefined) this.#dollarString(tag);
    else if (word !== undefined) this.#push("name", cut(fold(word)));
    else if (number !== undefined) this.#push("number", number);
    else this.#sign();
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#sql)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #push(kind: SqlToken["kind"], text: string, quoted = false): void {
    this.#token = { kind, text, quoted, at: this.#from, end: this.#at };
  }

  /** They nest. */
  #comment(): void {
    let depth = 0;
    do {
      const sign = this.#sql.slice(this.#at, this.#at + 2);
      if (sign === "/*") depth += 1;
      if (sign === "*/") depth -= 1;
      this.#at += sign === "/*" || sign === "*/" ? 2 : 1;
    } while (depth > 0 && this.#at < this.#sql.length);
    if (depth > 0) this.#certain = false;
  }

  #string(prefix: string): void {
    const escapes = prefix.toLowerCase() === "e";
    const found = this.#quoted("'", escapes);
    if (found === undefined || (!escapes && !this.#standard && /\\'/.test(found))) this.#certain = false;
    if (found === undefined) this.#at = this.#sql.length;
    else this.#push("string", found.slice(1, -1).replaceAll("''", "'"));
  }

  /** What stands in quotes here, with them; undefined when it does not end. Its length has no bound, a pattern's patience has. */
  #quoted(sign: string, escapes: boolean): string | undefined {
    const begin = this.#at;
    for (let at = begin + 1; at < this.#sql.length; at += 1) {
      const one = this.#sql[at];
      if (escapes && one === "\\") at += 1;
      else if (one === sign && this.#sql[at + 1] === sign) at += 1;
      else if (one === sign) {
        this.#at = at + 1;
        return this.#sql.slice(begin, this.#at);
      }
    }
    return undefined;
  }

  #dollarString(tag: string): void {
    const end = this.#sql.indexOf(tag, this.#at);
    if (end < 0) this.#certain = false;
    const body = this.#sql.slice(this.#at, Math.max(end, 0));
    this.#at = end < 0 ? this.#sql.length : end + tag.length;
    if (end >= 0) this.#push("string", body);
  }

  #quotedName(unicode: boolean): void {
    const found = this.#quoted('"', false);
    if (found === undefined) {
      this.#certain = false;
      this.#at = this.#sql.length;
      return;
    }
    const name = found.slice(1, -1).replaceAll('""', '"');
    this.#push("name", cut(unicode ? decode(name, this.#escapeSign()) : name), true);
  }

  /** `UESCAPE 'x'` after a name with escapes; default: the backslash. */
  #escapeSign(): string {
    return this.#match(/\s+uescape\s+'[^']'/iy)?.at(-2) ?? "\\";
  }

  #sign(): void {
    const begin = this.#at;
    while (
      operatorSigns.includes(this.#sql[this.#at] ?? " ") &&
      !(this.#at > begin && /^(--|\/\*)/.test(this.#sql.slice(this.#at, this.#at + 2)))
    ) {
      this.#at += 1;
    }
    if (this.#at > begin) {
      this.#push("operator", this.#sql.slice(begin, this.#at));
    } else {
      this.#at += 1;
      this.#push("sign", this.#sql[begin] ?? "");
    }
  }
}

/** Only ASCII letters: what Postgres does to a name in a database in UTF-8. */
function fold(word: string): string {
  return word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Postgres cuts names at 63 bytes (NAMEDATALEN). */
function cut(name: string): string {
  if (name.length * 3 <= longestName || Buffer.byteLength(name) <= longestName) return name;
  return new TextDecoder().decode(Buffer.from(name).subarray(0, longestName)).replace(/\ufffd$/, "");
}

function decode(name: string, sign: string): string {
  const escaped = new RegExp(
    `${escapeForPattern(sign)}(?:\\+([0-9a-fA-F]{6})|([0-9a-fA-F]{4})|${escapeForPattern(sign)})`,
    "g",
  );
  return name.replace(escaped, (_, long?: string, short?: string) => {
    const code = Number.parseInt(long ?? short ?? "", 16);
    return Number.isNaN(code) || code > 0x10ffff ? sign : String.fromCodePoint(code);
  });
}

const escapeForPattern = (sign: string): string => sign.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
