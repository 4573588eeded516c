import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { htmlText } from "../../../actions/lib/base/escaping.ts";
import { countOf, formatCount } from "../../../actions/lib/base/measures.ts";
import { colours, countsChart, dateOf, lastDaysChart, livesChart } from "./picture.ts";
import { type Story, storyDays } from "./story.ts";

const reasons: Readonly<Record<string, string>> = {
  term: "its term has not ended",
  newest: "it is the newest proven or verified set of its tier, or among the newest good ones",
  needed: "somebody holds it",
  "not-ours": "nobody whom we trust has signed it: it is not ours to remove",
};

/** Writes what is kept and why as one page without anything outside: to look at, and to print. @returns its path */
export function writePicture(story: Story, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "seven-years.html");
  writeFileSync(path, pageOf(story));
  return path;
}

function pageOf(story: Story): string {
  const { decisions } = story.plan;
  const kept = decisions.filter(({ keep }) => keep);
  const going = decisions.length - kept.length;
  const ours = kept.filter(({ beyond }) => beyond !== "not-ours");
  const beyond = kept.filter(({ beyond }) => beyond !== null && beyond !== "not-ours");
  const made = new Map(story.sets.map((one) => [one.set.name, one.made]));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Seven years in the vault</title>
<style>
body{font:14px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:1120px;margin:24px auto;padding:0 16px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:16px;margin:26px 0 6px}p{margin:4px 0 10px}
svg{width:100%;height:auto;display:block;margin:10px 0}svg text:not([fill]){fill:#333}svg text.s{fill:#777;font-size:11px}svg .g{stroke:#0002}
svg path{fill:none}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:4px 10px 4px 0;border-bottom:1px solid #ddd}
th{font-weight:600;color:#555}td.n{white-space:nowrap}.key{display:flex;flex-wrap:wrap;gap:6px 20px;font-size:13px}
.key b{display:inline-block;width:22px;height:0;border-top:3px solid;vertical-align:middle;margin-right:6px}
.no{display:inline-block;width:17px;height:17px;border-radius:9px;background:#444;color:#fff;font-size:11px;line-height:17px;text-align:center}
@page{size:A4 landscape;margin:12mm}@media print{body{margin:0;max-width:none;font-size:11px}svg,tr{break-inside:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
</style></head><body>
<h1>Seven years in the vault: what is kept, and why</h1>
<p>${formatCount(storyDays)} days, ${dateOf(story, 0)} to ${dateOf(story, storyDays)}: ${formatCount(story.sets.length)} sets were made or laid there, retention ran ${formatCount(story.runs)} times.
Today <strong>${countOf(ours.length, "set")}</strong> are kept, and ${kept.length - ours.length} that are a stranger's; today's run removes ${going}. Day by day it was the plan of <code>lifeboat retention</code> over a vault that is only thought; today's run is over real objects in a store.</p>
<div class="key">
${(["monthly", "weekly", "daily"] as const).map((tier) => `<span><b style="color:${colours[tier]}"></b>${tier}, ${story.world.rules.terms[tier]} days</span>`).join("\n")}
<span><b style="color:${colours.held}"></b>held</span><span><b style="color:${colours.junk};border-top-style:dashed"></b>not ours</span>
<span><b style="color:#e8c95c;border-top-width:12px;opacity:.5"></b>something happened</span></div>
${livesChart(story)}
${countsChart(story)}
${lastDaysChart(story)}
<div class="key"><span>● kept</span><span>◉ ringed: kept beyond its term</span><span>◌ dashed: removed by today's run</span><span style="color:#999">· gone</span></div>
<h2>What happened, and what retention made of it</h2>
<table>${story.happenings
    .map(
      ({ from, to, what, so }, index) =>
        `<tr><td><span class="no">${index + 1}</span></td><td class="n">${dateOf(story, from)} – ${to > storyDays ? "today" : dateOf(story, to)}</td><td>${htmlText(what)}.</td><td>${htmlText(so)}</td></tr>`,
    )
    .join("\n")}</table>
<h2>Why each set that is kept is kept</h2>
<table><tr><th>sets</th><th>because</th></tr>${[...Map.groupBy(kept, (one) => one.beyond ?? "term")]
    .map(([why, some]) => `<tr><td class="n">${some.length}</td><td>${htmlText(reasons[why] ?? why)}</td></tr>`)
    .join("\n")}</table>
<h2>Kept beyond its term</h2>
<table><tr><th>made</th><th>tier</th><th>term ended</th><th>why it stays</th></tr>${beyond
    .map(
      ({ set, tier, why, until }) =>
        `<tr><td class="n">${dateOf(story, made.get(set) ?? 0)}</td><td>${tier ?? ""}</td><td class="n">${until === null ? "" : new Date(until).toISOString().slice(0, 10)}</td><td>${htmlText(why)}</td></tr>`,
    )
    .join("\n")}</table>
</body></html>
`;
}
