import { OperationError } from "../../../base/errors.ts";
import type { TocEntry } from "../archive/toc.ts";
import { beginHeading, continueHeading, endLine, entrySql, type Heading, sectionOf } from "./heading.ts";

export type PlainEvent =
  | { readonly kind: "entry"; readonly entry: TocEntry }
  /** COPY's text, cut anywhere, without its end marker. */
  | { readonly kind: "rows"; readonly bytes: Uint8Array }
  | { readonly kind: "rows-end" }
  | { readonly kind: "object"; readonly oid: string }
  | { readonly kind: "object-bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "objects-end" };

const endMarker = Buffer.from("\n\\.\n");
const lineFeed = 0x0a;
const longestText = 256 * 1024 * 1024;
/** Above the COPY into a partitioned table of what lay in one of its partitions (pg_dump.c, dumpTableData). */
const viaRoot = /^-- load via partition root .*\n+/;
const openObject = /^SELECT pg_catalog\.lo_open\('(\d+)', \d+\);$/;
const writeObject = /^SELECT pg_catalog\.lowrite\(0, '\\x([0-9a-f]*)'\);$/;

/**
 * Takes `pg_dump --verbose --format=plain` apart as it goes by: its entries, as an archive's table of contents has them,
 * and the rows and large objects in between. Holds one entry's SQL. A heading counts only between statements, so nothing
 * that a function's body says can pass for one.
 */
export class PlainDumpParser {
  #carry: Buffer = Buffer.alloc(0);
  #mode: "text" | "mark" | "heading" | "rows" = "text";
  /** Nothing of the present rows has been handed out: the end marker may come at once. */
  #rowsBegin = false;
  #state: SqlState = outside;
  #heading: Heading | undefined;
  #lines: string[] = [];
  #textBytes = 0;
  #method: string | null = null;
  /** What makes keys and the like has begun: what comes from here on may need them. */
  #postData = false;
  #complete = false;
  #offset = 0;
  #events: PlainEvent[] = [];

  /** @throws OperationError `plain-dump-damaged` */
  push(chunk: Uint8Array): PlainEvent[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const text = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    this.#events = [];
    let at = 0;
    for (;;) {
      const next = this.#mode === "rows" ? this.#takeRows(text, at) : this.#takeLine(text, at);
      this.#offset += next.at - at;
      at = next.at;
      if (next.more) break;
    }
    this.#carry = Buffer.from(text.subarray(at));
    return this.#events;
  }

  /** @throws OperationError `plain-dump-damaged` when it does not end as pg_dump ends */
  finish(): PlainEvent[] {
    this.#events = [];
    if (this.#mode === "rows") throw this.#damaged("it ends among rows");
    if (this.#carry.length > 0) this.#line(this.#carry.toString("utf8"));
    this.#close();
    if (!this.#complete) throw this.#damaged("its last line, which pg_dump writes when it is done, is missing");
    if (this.#state.inside !== "nothing") throw this.#damaged(`it ends inside of a ${this.#state.inside}`);
    return this.#events;
  }

  #takeLine(text: Buffer, at: number): { at: number; more: boolean } {
    const end = text.indexOf(lineFeed, at);
    if (end < 0) return { at, more: true };
    this.#line(text.toString("utf8", at, end));
    return { at: end + 1, more: false };
  }

  #takeRows(text: Buffer, at: number): { at: number; more: boolean } {
    if (this.#rowsBegin) {
      if (text.length - at < 3) return { at, more: true };
      this.#rowsBegin = false;
      if (text.subarray(at, at + 3).equals(endMarker.subarray(1))) return this.#endRows(at + 3);
    }
    const end = text.indexOf(endMarker, at);
    // Up to three bytes may be the beginning of the end marker.
    const until = end < 0 ? Math.max(at, text.length - 3) : end + 1;
    if (until > at) this.#events.push({ kind: "rows", bytes: text.subarray(at, until) });
    return end < 0 ? { at: until, more: true } : this.#endRows(end + endMarker.length);
  }

  #endRows(at: number): { at: number; more: boolean } {
    this.#events.push({ kind: "rows-end" });
    this.#mode = "text";
    this.#heading = undefined;
    return { at, more: false };
  }

  #line(line: string): void {
    switch (this.#mode) {
      case "mark": {
        const heading = beginHeading(line);
        if (heading === undefined) {
          this.#mode = "text";
          if (line === endLine) {
            this.#close();
            this.#complete = true;
          } else this.#text("--");
          this.#line(line);
          return;
        }
        if (this.#complete) throw this.#damaged("it goes on behind its end");
        this.#close();
        this.#heading = heading;
        this.#mode = "heading";
        return;
      }
      case "heading":
        if (line === "--") this.#headingEnds();
        else if (this.#heading === undefined || !continueHeading(this.#heading, line)) {
          throw this.#damaged("an entry's heading is not as pg_dump writes it");
        }
        return;
      default:
        if (line === "--" && this.#state.inside === "nothing") this.#mode = "mark";
        else if (this.#heading?.desc === "BLOBS") this.#object(line);
        else this.#text(line);
    }
  }

  #headingEnds(): void {
    this.#mode = "text";
    const heading = this.#heading;
    if (heading === undefined || heading.desc === "") throw this.#damaged("an entry has no name");
    if (heading.desc === "BLOBS") this.#events.push({ kind: "entry", entry: this.#entry(heading, "", "", true) });
  }

  #text(line: string): void {
    this.#textBytes += line.length + 1;
    if (this.#textBytes > longestText) throw this.#damaged("a statement is too long to be one");
    this.#lines.push(line);
    this.#state = afterLine(this.#state, line);
    const heading = this.#heading;
    if (heading?.desc !== "TABLE DATA" || this.#state.inside !== "nothing" || !line.endsWith(" FROM stdin;")) return;
    const statement = this.#lines.join("\n").trimStart().replace(viaRoot, "");
    if (!statement.startsWith("COPY ")) throw this.#damaged("rows are not preceded by COPY");
    this.#events.push({ kind: "entry", entry: this.#entry(heading, "", `${statement}\n`, true) });
    this.#lines = [];
    this.#textBytes = 0;
    this.#mode = "rows";
    this.#rowsBegin = true;
  }

  #object(line: string): void {
    const oid = openObject.exec(line)?.[1];
    if (oid !== undefined) this.#events.push({ kind: "object", oid });
    const hex = writeObject.exec(line)?.[1];
    if (hex !== undefined) this.#events.push({ kind: "object-bytes", bytes: Buffer.from(hex, "hex") });
  }

  /** Ends the entry whose SQL is being collected. */
  #close(): void {
    const heading = this.#heading;
    const { sql, method } = entrySql(this.#lines);
    this.#lines = [];
    this.#textBytes = 0;
    this.#heading = undefined;
    if (heading?.desc === "BLOBS") this.#events.push({ kind: "objects-end" });
    else if (heading !== undefined) this.#events.push({ kind: "entry", entry: this.#entry(heading, sql, "", false) });
    this.#method = method ?? this.#method;
  }

  #entry(heading: Heading, sql: string, copyStmt: string, hasData: boolean): TocEntry {
    const { desc } = heading;
    const defn = sql === "" ? "" : `${sql}\n`;
    const tableam = desc === "TABLE" || desc === "MATERIALIZED VIEW" ? this.#method : null;
    const section = sectionOf(desc);
    this.#postData ||= section === "post-data";
    // A view that groups by a primary key stands behind the key, and what needs the view behind that.
    const place = section === "pre-data" && this.#postData ? "post-data" : section;
    const rest = { section: place, defn, dropStmt: "", copyStmt, tablespace: null, tableam, hasData };
    return { ...heading, ...rest };
  }

  #damaged(how: string): OperationError {
    return new OperationError(
      "plain-dump-damaged",
      `The SQL dump cannot be read: ${how} (near byte ${this.#offset}).`,
      "Use another set (`lifeboat list`).",
    );
  }
}

/** Where in SQL a line ends: between statements' words, or inside something that may hold any text. */
interface SqlState {
  readonly inside: "nothing" | "string" | "escape string" | "identifier" | "dollar" | "comment";
  /** The closing `$tag$`. */
  readonly tag: string;
  /** Comments nest. */
  readonly depth: number;
}

export const outside: SqlState = { inside: "nothing", tag: "", depth: 0 };

/** What can begin something that holds any text. A `$` or an `e` within a word begins nothing. */
const opening = /(?<![\w$\u0080-\uffff])(?:[eE]'|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)|['"]|--|\/\*/g;
const ends: Partial<Record<SqlState["inside"], RegExp>> = {
  string: /'/g,
  "escape string": /\\.?|'/gs,
  identifier: /"/g,
  comment: /\/\*|\*\//g,
};

/**
 * The state after a line, its line feed included, under standard_conforming_strings: what tells a heading that pg_dump
 * wrote from one inside a function's body. A doubled quote closes and opens again, which comes to the same.
 */
export function afterLine(state: SqlState, line: string): SqlState {
  let now = state;
  let at = 0;
  while (at <= line.length) {
    if (now.inside === "nothing") {
      opening.lastIndex = at;
      const found = opening.exec(line);
      if (found === null || found[0] === "--") return now;
      at = found.index + found[0].length;
      now = begun(found[0]);
      continue;
    }
    if (now.inside === "dollar") {
      const end = line.indexOf(now.tag, at);
      if (end < 0) return now;
      at = end + now.tag.length;
      now = outside;
      continue;
    }
    const pattern = ends[now.inside] as RegExp;
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (found === null) return now;
    at = found.index + found[0].length;
    if (found[0] === "/*") now = { ...now, depth: now.depth + 1 };
    else if (found[0] === "*/") now = now.depth > 1 ? { ...now, depth: now.depth - 1 } : outside;
    else if (!found[0].startsWith("\\")) now = outside;
  }
  return now;
}

function begun(word: string): SqlState {
  if (word === "'") return { ...outside, inside: "string" };
  if (word === '"') return { ...outside, inside: "identifier" };
  if (word === "/*") return { ...outside, inside: "comment", depth: 1 };
  return word.endsWith("'") ? { ...outside, inside: "escape string" } : { ...outside, inside: "dollar", tag: word };
}
