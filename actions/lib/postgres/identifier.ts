/** Quotes one SQL identifier, always (a reserved word and an odd name are then no special case). */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteQualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/**
 * `schema.table`: how people write it, and a key. Where a part has a dot or a quote in it, that part is quoted, so that
 * `"a.b"."c"` and `a."b.c"` are two.
 */
export function tableName({ schema, name }: { readonly schema: string | null; readonly name: string }): string {
  const part = (text: string): string => (/[."]/.test(text) ? quoteIdentifier(text) : text);
  return `${part(schema ?? "")}.${part(name)}`;
}

/** The two names of what SQL calls `schema.name`, each quoted or not; undefined where it is something else. */
export function parseQualified(text: string): { readonly schema: string; readonly name: string } | undefined {
  const { schema, name } =
    /^(?<schema>"(?:[^"]|"")+"|[^".]+)\.(?<name>"(?:[^"]|"")+"|[^".]+)$/s.exec(text)?.groups ?? {};
  return schema === undefined || name === undefined ? undefined : { schema: bare(schema), name: bare(name) };
}

/** The name that an identifier stands for, quoted or not. */
export function bare(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}

const qualified = /(?:"(?:[^"]|"")*"|[^\s."]+)\.(?:"(?:[^"]|"")*"|[^\s."]+)/.source;
const onTable = new RegExp(`^(?<name>.*) on (?<table>${qualified})$`, "s");

/** The parts of an identity like `name on schema.table`, as they stand in a statement: the last ` on ` before a qualified name. */
export function nameOnTable(identity: string): { readonly name: string; readonly table: string } | undefined {
  const { name, table } = onTable.exec(identity)?.groups ?? {};
  return name === undefined || table === undefined ? undefined : { name, table };
}

/** The first qualified name behind `before`, which is a pattern. */
export function nameBehind(before: string, text: string): string | undefined {
  return new RegExp(`${before}(${qualified})`).exec(text)?.[1];
}

/** Quotes a text as an SQL literal that means the same under either setting of standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
