import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { htmlAttribute, htmlText } from "../../../actions/lib/base/escaping.ts";
import { countOf, formatDuration, formatMinute } from "../../../actions/lib/base/measures.ts";
import type { Link } from "../../../test/lab/monitor/links.ts";
import { wordsOf } from "../../check/links-table.ts";

/** A link that was cut, and what people saw of it. */
export interface PlayedLink {
  readonly link: Link;
  /** Hours after the cut at which the page and the other channel were red; undefined: one of them never was. */
  readonly hours: number | undefined;
  /** What the page answered when the link's time was over, in its words. */
  readonly said: string;
  /** The dashboard as it was then. */
  readonly page: string;
  /** What the reader's clock said then. */
  readonly now: Date;
}

/** Writes the dashboard of each link as its reader saw it, and a page that leads to them. What was in the folder goes. @returns its path */
export function writeSilencePages(played: readonly PlayedLink[], folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const names = played.map(({ link }, index) => `${String(index + 1).padStart(2, "0")}-${slugOf(link.cut)}.html`);
  for (const [index, one] of played.entries()) writeFileSync(join(folder, names[index] ?? ""), asSeen(one));
  const path = join(folder, "index.html");
  writeFileSync(path, overview(played, names));
  return path;
}

const slugOf = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");

/** When both were red, in words. */
export function timeOf({ hours }: PlayedLink): string {
  if (hours === undefined) return "never";
  if (hours >= 72) return `after ${countOf(Math.round(hours / 24), "day")}`;
  return `after ${formatDuration(Math.round(hours * 10) * 360_000)}`;
}

/** The page with the reader's clock stopped at that time; without its script where the reader's browser runs none. */
function asSeen({ link, page, now }: PlayedLink): string {
  if (link.page === "no script") return page.replaceAll(/<script[\s\S]*?<\/script>/g, "");
  const stopped = `{const D=Date;Date=class extends D{constructor(...a){super(...(a.length?a:[${now.getTime()}]))}static now(){return ${now.getTime()}}}}`;
  // Before the page's own policy, which lets no foreign script run.
  return page.replace('<meta charset="utf-8">', `<meta charset="utf-8"><script>${stopped}</script>`);
}

function overview(played: readonly PlayedLink[], names: readonly string[]): string {
  const red = played.filter(({ hours }) => hours !== undefined).length;
  const rows = played.map((one, index) => {
    const { cut, within, page, elsewhere } = wordsOf(one.link);
    const cells = [page.replaceAll("`", ""), one.said, elsewhere.replaceAll("`", ""), timeOf(one), within];
    const link = `<a href="${htmlAttribute(names[index] ?? "")}">${htmlText(cut)}</a>`;
    const level = one.hours === undefined ? "NOT red" : "red";
    return `<tr><td>${level}</td><td>${link}</td>${cells.map((cell) => `<td>${htmlText(cell)}</td>`).join("")}<td>${formatMinute(one.now.toISOString())}</td></tr>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Links between a fault and people</title>
<style>
body{font:14px/1.45 system-ui,sans-serif;max-width:1180px;margin:24px auto;padding:0 16px}h1{font-size:24px;margin:0 0 4px}
div{overflow-x:auto}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-bottom:1px solid #8886}td:nth-last-child(-n+3){white-space:nowrap}
</style></head><body>
<h1>Cut, one at a time: ${red} of ${played.length} noticed</h1>
<p>Each row is a fault on the way from something that goes wrong to the people who have to know. Its link opens the dashboard as a reader
saw it when the time allowed was over, with the clock of the device stopped at the time in the last column.</p>
<div><table><thead><tr><th>red</th><th>what is cut</th><th>the page</th><th>its words</th><th>beside it</th><th>both red</th><th>allowed</th><th>the reader's clock</th></tr></thead>
<tbody>${rows.join("\n")}</tbody></table></div>
</body></html>
`;
}
