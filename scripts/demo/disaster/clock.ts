import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { htmlText } from "../../../actions/lib/base/escaping.ts";
import { formatDuration } from "../../../actions/lib/base/measures.ts";
import type { Page } from "../../../actions/lib/report/page.ts";

/** How long each phase of a recovery took, and how long all of it may. */
export interface DisasterClock {
  readonly disaster: string;
  readonly rtoMinutes: number;
  readonly phases: readonly { readonly name: string; readonly seconds: number; readonly late: boolean }[];
  /** From its begin to its hand-over. */
  readonly seconds: number;
}

const clockOf = (seconds: number): string =>
  [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, "0"))
    .join(":");

/** When each phase begins, in seconds after the first. */
function begins({ phases }: DisasterClock): number[] {
  return phases.map((_, index) => phases.slice(0, index).reduce((sum, { seconds }) => sum + seconds, 0));
}

/** The phases on the clock, for a terminal. */
export function clockLines(clock: DisasterClock): string[] {
  const width = Math.max(...clock.phases.map(({ name }) => name.length), "handed over".length);
  const starts = begins(clock);
  const of = clockOf(clock.rtoMinutes * 60);
  return [
    `On the clock, of ${of}:`,
    ...clock.phases.map(
      ({ name, seconds, late }, index) =>
        `  ${clockOf(starts[index] ?? 0)}  ${name.padEnd(width)}  ${formatDuration(seconds * 1000)}${late ? "  LATE" : ""}`,
    ),
    `  ${clockOf(clock.seconds)}  ${"handed over".padEnd(width)}  ${((clock.seconds / (clock.rtoMinutes * 60)) * 100).toFixed(1)} % of what is promised`,
  ];
}

/** The same as a picture, and the recovery's own page below it, without anything from outside. @returns its path */
export function writeClockPage(clock: DisasterClock, page: Page, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${clock.disaster}.html`);
  const tables = page.tables.filter(({ rows }) => rows.length > 0);
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell) => `<${tag}>${htmlText(cell)}</${tag}>`).join("")}</tr>`;
  writeFileSync(
    path,
    `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${htmlText(page.title)}</title>
<style>
body{font:14px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:1040px;margin:24px auto;padding:0 16px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:16px;margin:26px 0 6px}svg{width:100%;height:auto}svg text{font-size:12px;fill:#333}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:4px 10px 4px 0;border-bottom:1px solid #ddd}
</style></head><body>
<h1>${htmlText(page.title)}</h1><p>${htmlText(page.sentence)}</p>
${chartOf(clock)}
${tables
  .map(
    ({ title = "", header, rows }) =>
      `<h2>${htmlText(title)}</h2><table>${cells(header, "th")}${rows.map((row) => cells(row, "td")).join("")}</table>`,
  )
  .join("\n")}
${(page.notes ?? []).map((note) => `<p>${htmlText(note)}</p>`).join("\n")}
</body></html>
`,
  );
  return path;
}

const chart = { left: 220, width: 780, row: 24 } as const;

/** A bar a phase on the recovery's own time, which the promise would dwarf; below it what share of the promise all of it is. */
function chartOf(clock: DisasterClock): string {
  const { left, width, row } = chart;
  const all = Math.max(1, clock.seconds);
  const starts = begins(clock);
  const at = (seconds: number): number => left + (seconds / all) * width;
  const bars = clock.phases.map(({ name, seconds, late }, index) => {
    const [x, y] = [at(starts[index] ?? 0), 8 + index * row];
    const size = Math.max(2, (seconds / all) * width);
    return `<text x="0" y="${y + 14}">${htmlText(name)}</text><rect x="${x.toFixed(1)}" y="${y}" width="${size.toFixed(1)}" height="18" fill="${late ? "#b3261e" : "#2f6f9f"}"/><title>${htmlText(name)}: ${formatDuration(seconds * 1000)}</title>`;
  });
  const y = 20 + clock.phases.length * row;
  const share = Math.min(1, clock.seconds / (clock.rtoMinutes * 60)) * width;
  return `<svg viewBox="0 0 1010 ${y + 34}" role="img" aria-label="Phases of the recovery on the clock">
${bars.map((bar) => `<g>${bar}</g>`).join("\n")}
<text x="0" y="${y + 14}">of what is promised</text><rect x="${left}" y="${y}" width="${width}" height="18" fill="#e4e4e4"/><rect x="${left}" y="${y}" width="${Math.max(2, share).toFixed(1)}" height="18" fill="#2f6f9f"/>
<text x="${left + width}" y="${y + 32}" text-anchor="end">${clockOf(clock.rtoMinutes * 60)}</text>
</svg>`;
}
