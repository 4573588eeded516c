import { readFileSync } from "node:fs";
import { markdownCode, markdownText } from "../base/escaping.ts";
import { quoteLiteral } from "../postgres/identifier.ts";

/**
 * What stands in a placeholder's place: text that others chose, one or a list, quoted by the language around it; text of our
 * own, as it is; another template; or nothing.
 */
export type Value = string | readonly string[] | { readonly own: string } | { readonly file: string } | null;

/**
 * A note for whoever reads the template; a placeholder with a line for itself, which goes with its line and the blank one after
 * it when it stands for nothing; a placeholder within a line. Guillemets mean nothing in Markdown, SQL, a shell and awk.
 */
const marks = /^«#[^»]*»\n|^«(?<line>[^«»\n]+)»\n(?<blank>\n?)|«(?<place>[^«»\n]+)»/gm;

type Quote = (text: string) => string;

/** Named before the value where the language does not say enough: `«code database»`. */
const quotings: Readonly<Record<string, Quote>> = { code: markdownCode, pattern: sedPattern };
const byLanguage: Readonly<Record<string, Quote>> = { md: markdownText, sql: sqlLiteral, sh: plainWord };

/**
 * @param folder of templates; each is read when it is first needed, and once
 * @returns renders a page with all that it includes; throws where a placeholder has no value or a value no placeholder
 */
export function templatesIn(folder: URL): (page: string, values: Readonly<Record<string, Value>>) => string {
  const texts = new Map<string, string>();
  const read = (file: string): string => {
    const text = texts.get(file) ?? readFileSync(new URL(file, folder), "utf8");
    texts.set(file, text);
    return text;
  };
  return (page, values) => {
    const used = new Set<string>();
    const include = (file: string): string => {
      const text = read(file);
      let rendered = "";
      let end = 0;
      for (const { 0: mark, index, groups = {} } of text.matchAll(marks)) {
        rendered += text.slice(end, index);
        end = index + mark.length;
        const { line, blank, place } = groups;
        const stands = line ?? place;
        const put = stands === undefined ? undefined : resolve(stands, file, languageAt(file, text.slice(0, index)));
        if (put !== undefined) rendered += line === undefined ? put : `${put}\n${blank}`;
      }
      return (rendered + text.slice(end)).replace(/\n$/, "");
    };
    const resolve = (mark: string, file: string, language: string): string | undefined => {
      if (mark.includes(".")) return include(mark);
      const [name = "", quoting] = mark.split(" ").reverse();
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined) throw new Error(`${file}: no value is given for «${name}».`);
      used.add(name);
      if (value === null) return undefined;
      if (typeof value === "object" && "own" in value) return value.own;
      if (typeof value === "object" && "file" in value) return include(value.file);
      const quote = quoting === undefined ? byLanguage[language] : quotings[quoting];
      if (quote === undefined) throw new Error(`${file}: nothing is known of how «${mark}» is quoted.`);
      return [value].flat().map(quote).join(", ");
    };
    const rendered = `${include(page)}\n`;
    const unused = Object.keys(values).filter((name) => !used.has(name));
    if (unused.length > 0) throw new Error(`${page}: no placeholder is there for ${unused.join(", ")}.`);
    return rendered;
  };
}

/** A file's, and between the fences of Markdown the shell's. */
function languageAt(file: string, before: string): string {
  const language = file.slice(file.lastIndexOf(".") + 1);
  const fences = before.match(/^```/gm)?.length ?? 0;
  return language === "md" && fences % 2 === 1 ? "sh" : language;
}

/** On one line: a line of its own could end the here-document around it. */
function sqlLiteral(text: string): string {
  const literal = quoteLiteral(text);
  const short = literal.replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return short === literal || literal.startsWith("E") ? short : `E${short}`;
}

/** Where it stands in quotes and where it does not, a shell has to take it for the same. */
function plainWord(text: string): string {
  if (/^[\w .:/@-]*$/.test(text)) return text;
  throw new Error("A value has signs in it that a shell obeys: it can't stand in a script.");
}

/** As an extended regular expression within the single quotes of a sed script. */
function sedPattern(text: string): string {
  return text
    .replaceAll(/[.[\]{}()*+?^$|\\/]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("'", `'\\''`);
}
