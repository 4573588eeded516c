import { htmlAttribute, htmlText, unescapedMarkdown } from "../../base/escaping.ts";
import { indexPath, type Tree } from "./fold-runs.ts";
import { applyChanges, folderTree } from "./folder-tree.ts";
import { type BranchNews, planBranch } from "./plan-branch.ts";

interface BuiltPages {
  /** Files that were written or removed, or would be. */
  readonly changed: readonly string[];
  readonly foreign: readonly string[];
}

/**
 * Builds the branch's pages in a folder, and the first of them as HTML for a browser, from the runs that lie there (or in `base`, whose runs are taken over) and the news.
 * @param folder made when it is not there; what else is in it stays
 */
export function buildPages(
  folder: string,
  news: BranchNews,
  options: { base?: string; dryRun?: boolean } = {},
): BuiltPages {
  const there = folderTree(folder);
  const taken = options.base === undefined ? [] : runsOf(folderTree(options.base));
  const tree = joined(there, new Map(taken));
  const { changes, foreign } = planBranch(tree, news);
  const all = new Map<string, string | null>([...taken, ...changes]);
  const text = (path: string): string => all.get(path) ?? tree.read(path);
  const charts = [...new Set([...tree.paths, ...all.keys()])].filter((path) => /^charts\/.*\.svg$/.test(path));
  all.set("index.html", pageHtml(text(indexPath), new Map(charts.map((path) => [path, text(path)]))));
  const changed = [...all].filter(([path, text]) =>
    text === null ? there.paths.includes(path) : !there.paths.includes(path) || there.read(path) !== text,
  );
  if (options.dryRun !== true) applyChanges(folder, new Map(changed));
  return { changed: changed.map(([path]) => path), foreign };
}

function runsOf(tree: Tree): [path: string, text: string][] {
  return tree.paths.filter((path) => path.startsWith("runs/")).map((path) => [path, tree.read(path)]);
}

function joined(there: Tree, more: ReadonlyMap<string, string>): Tree {
  return {
    paths: [...new Set([...there.paths, ...more.keys()])],
    read: (path) => more.get(path) ?? there.read(path),
  };
}

/**
 * A page of the branch as HTML, for looking at it where GitHub does not render it. Knows the Markdown that our pages are written in and
 * no more: headings, tables, lists, quotes, code, emphasis, links and pictures.
 * @param pictures texts of SVG files by their paths, put into the page itself
 */
export function pageHtml(markdown: string, pictures: ReadonlyMap<string, string> = new Map()): string {
  const blocks = markdown.split(/\n{2,}/).map((block) => block.trim());
  const title = /^#+ (.*)$/m.exec(markdown)?.[1] ?? "Report";
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${htmlText(unescapedMarkdown(title))}</title>`,
    `<style>${style}</style></head><body>`,
    ...blocks.filter((block) => block !== "").map((block) => blockHtml(block, pictures)),
    "</body></html>",
    "",
  ].join("\n");
}

const style = [
  "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1f2328;background:#fff}",
  "h1,h2{border-bottom:1px solid #d1d9e0;padding-bottom:.3em}table{border-collapse:collapse;margin:1rem 0;font-size:14px}",
  "th,td{border:1px solid #d1d9e0;padding:.4rem .7rem;text-align:left;vertical-align:top}tr:nth-child(even){background:#f6f8fa}",
  "code{font:85% ui-monospace,monospace;background:#818b981f;padding:.15em .35em;border-radius:5px}",
  "blockquote{border-left:4px solid #bf8700;margin:1rem 0;padding:.1rem 1rem}svg{width:100%;max-width:760px;height:auto}a{color:#0969da}",
].join("");

function blockHtml(block: string, pictures: ReadonlyMap<string, string>): string {
  const lines = block.split("\n");
  const heading = /^(#{1,4}) (.*)$/.exec(lines[0] ?? "");
  if (heading !== null) {
    const level = heading[1]?.length ?? 1;
    const rest = lines.slice(1).join("\n").trim();
    return `<h${level}>${inline(heading[2] ?? "", pictures)}</h${level}>${rest === "" ? "" : blockHtml(rest, pictures)}`;
  }
  if (lines.every((line) => line.startsWith("|"))) return tableHtml(lines, pictures);
  if (lines.every((line) => line.startsWith("- ")))
    return `<ul>${lines.map((line) => `<li>${inline(line.slice(2), pictures)}</li>`).join("")}</ul>`;
  if (lines.every((line) => line.startsWith("> "))) {
    const said = lines.map((line) => line.slice(2)).filter((line) => !/^\[!\w+\]$/.test(line));
    return `<blockquote><p>${inline(said.join(" "), pictures)}</p></blockquote>`;
  }
  const fence = /^```\w*\n([\s\S]*?)\n?```$/.exec(block);
  if (fence !== null) return `<pre>${htmlText(fence[1] ?? "")}</pre>`;
  return `<p>${inline(lines.join(" "), pictures)}</p>`;
}

function tableHtml(lines: readonly string[], pictures: ReadonlyMap<string, string>): string {
  const [header = [], ...rows] = lines
    .filter((line) => !/^\|( --- \|)+$/.test(line))
    .map((line) =>
      line
        .replace(/^\| ?/, "")
        .replace(/ ?\|$/, "")
        .split(/ ?(?<!\\)\| ?/),
    );
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${inline(cell, pictures)}</${tag}>`).join("")}</tr>`;
  return `<table><thead>${row(header, "th")}</thead><tbody>${rows.map((cells) => row(cells, "td")).join("")}</tbody></table>`;
}

const parts = /\\[\\`*_{}[\]<>#|~&]|!\[([^\]]*)\]\(([^)]+)\)|\[([^\]]*)\]\(([^)]+)\)|`([^`]+)`|\*\*(.+?)\*\*|<br>/g;

function inline(text: string, pictures: ReadonlyMap<string, string>): string {
  let html = "";
  let from = 0;
  for (const found of text.matchAll(parts)) {
    html += htmlText(text.slice(from, found.index));
    from = found.index + found[0].length;
    const [, alt, source, label, link, code, bold] = found;
    if (source !== undefined)
      html += pictures.get(source) ?? `<img src="${htmlAttribute(source)}" alt="${htmlAttribute(alt ?? "")}">`;
    else if (link !== undefined) html += linkHtml(label ?? "", link);
    else if (code !== undefined) html += `<code>${htmlText(code)}</code>`;
    else if (bold !== undefined) html += `<strong>${htmlText(unescapedMarkdown(bold))}</strong>`;
    else html += found[0] === "<br>" ? "<br>" : htmlText(unescapedMarkdown(found[0]));
  }
  return html + htmlText(text.slice(from));
}

/** Only to what a report may point at: a file beside it, or a page of the web. */
function linkHtml(label: string, link: string): string {
  const said = htmlText(unescapedMarkdown(label));
  return /^(https?:\/\/|[\w./-]+$)/.test(link) ? `<a href="${htmlAttribute(link)}">${said}</a>` : said;
}
