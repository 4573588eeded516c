/**
 * The one place where text becomes part of a page. Names of tables, roles and files are chosen by others, and so is
 * whatever lies in the bucket: in every output they are text and nothing else.
 */

/** Controls, ends of lines and what turns the direction of writing, each as the code that people can read. */
export function visible(text: string): string {
  return text
    .replaceAll(/\s*[\n\r]\s*/g, " ")
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** As text of GitHub's Markdown, in a paragraph, a heading or a cell. What looks like an address becomes no link either. */
export function markdownText(text: string): string {
  return visible(text)
    .replaceAll(/[\\`*_{}[\]<>#|~&@]/g, "\\$&")
    .replaceAll(/:(?=\/\/)|(?<=www)\./gi, "\\$&");
}

/** As code in a line; a backtick cannot be escaped there. */
export function markdownCode(text: string): string {
  return `\`${visible(text).replaceAll("`", "'").replaceAll("|", "\\|")}\``;
}

/** A link to a page of the web or a file beside this one; the label alone where it would lead elsewhere. */
export function markdownLink(label: string, target: string): string {
  const leads = /^(?:https?:\/\/[^\s()<>\\]+|[\w./-]+)$/.test(target);
  return leads ? `[${markdownText(label)}](${target})` : markdownText(label);
}

/** What `markdownText` has escaped. */
export function unescapedMarkdown(text: string): string {
  return text.replaceAll(/\\([\\`*_{}[\]<>#|~&@:.])/g, "$1");
}

/** As text of HTML or SVG. */
export function htmlText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** As an attribute's value in double quotes. */
export function htmlAttribute(text: string): string {
  return htmlText(text).replaceAll('"', "&quot;");
}
