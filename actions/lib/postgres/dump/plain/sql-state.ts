/** Where in SQL a line ends: between statements' words, or inside something that may hold any text. */
export interface SqlState {
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
