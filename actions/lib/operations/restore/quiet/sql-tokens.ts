/** One word, name, string or sign of SQL or PL/pgSQL; comments and white space are left away. */
export interface SqlToken {
  /** `sign`: a parenthesis, comma, dot and the like, one at a time; `operator`: signs that make an operator together. */
  readonly kind: "name" | "string" | "operator" | "number" | "sign";
  /** A name as Postgres folds it; a string's contents. */
  readonly text: string;
  /** A name in double quotes is never a key word. */
  readonly quoted: boolean;
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
 * @param options.printed by PostgreSQL for us: our sessions have `standard_conforming_strings` on, and so a backslash is one
 * (simple_quote_literal in src/backend/utils/adt/ruleutils.c)
 */
export function readTokens(sql: string, { printed = false } = {}): Tokens {
  return new Scanner(sql, printed).scan();
}

class Scanner {
  readonly #sql: string;
  readonly #printed: boolean;
  readonly #tokens: SqlToken[] = [];
  #at = 0;
  #certain = true;

  constructor(sql: string, printed: boolean) {
    this.#sql = sql;
    this.#printed = printed;
  }

  scan(): Tokens {
    while (this.#at < this.#sql.length) this.#next();
    return { tokens: this.#tokens, certain: this.#certain };
  }

  #next(): void {
    if (this.#match(/\s+|--[^\n\r]*/y) !== undefined) return;
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
    this.#tokens.push({ kind, text, quoted });
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
    const found = this.#match(escapes ? /'(?:[^'\\]|\\[\s\S]|'')*'/y : /'(?:[^']|'')*'/y);
    if (found === undefined || (!escapes && !this.#printed && /\\'/.test(found))) this.#certain = false;
    if (found === undefined) this.#at = this.#sql.length;
    else this.#push("string", found.slice(1, -1).replaceAll("''", "'"));
  }

  #dollarString(tag: string): void {
    const end = this.#sql.indexOf(tag, this.#at);
    if (end < 0) this.#certain = false;
    else this.#push("string", this.#sql.slice(this.#at, end));
    this.#at = end < 0 ? this.#sql.length : end + tag.length;
  }

  #quotedName(unicode: boolean): void {
    const found = this.#match(/"(?:[^"]|"")*"/y);
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
      this.#push("sign", this.#sql[this.#at] ?? "");
      this.#at += 1;
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
