import { countOf, few } from "../../base/measures.ts";
import { shown } from "./html.ts";
import type { StatusCalendar } from "./status.ts";

/** A cell and the gap to the next one, in the picture's own units. */
const cell = 11;
const step = 13;
const left = 64;
const top = 16;
const dayMillis = 86_400_000;
const months = "JanFebMarAprMayJunJulAugSepOctNovDec";

const words: Readonly<Record<StatusCalendar["what"], readonly [one: string, label: string]>> = {
  days: ["day", "days"],
  weeks: ["week", "weekly"],
  months: ["month", "monthly"],
  files: ["day", "days"],
};

/**
 * A year as columns of weeks, Sundays on top; weekly and monthly sets in lines of their own below. What each mark is worth is told by its form
 * as well as by its colour.
 */
export function calendarChart(title: string, calendars: readonly StatusCalendar[]): string {
  const start = Math.min(...calendars.flatMap(({ from }) => from.slice(0, 1).map((day) => sundayOf(Date.parse(day)))));
  const column = (at: number): number => left + Math.floor((at - start) / (7 * dayMillis)) * step;
  let y = top;
  const drawn: string[] = [];
  let right = left;
  for (const { what, from, marks } of calendars) {
    const daily = what === "days" || what === "files";
    const cells = [...marks].map((mark, index): Cell => {
      const at = Date.parse(from[index] ?? "");
      const next = Date.parse(from[index + 1] ?? "");
      const x = Math.max(left, column(at));
      const width = what === "months" ? (Number.isNaN(next) ? step : column(next) - x) - (step - cell) : cell;
      right = Math.max(right, x + width);
      return { mark, x, y: daily ? y + new Date(at).getUTCDay() * step : y, width: Math.max(cell, width) };
    });
    const label = `<text x="${left - 6}" y="${y + (daily ? 3 * step : 0) + 9}" text-anchor="end">${words[what][1]}</text>`;
    drawn.push(label, ...shapes(cells));
    y += (daily ? 7 * step : step) + 5;
  }
  return [
    `<svg class="calendar" viewBox="0 0 ${right + 2} ${y}" role="img" font-size="10">`,
    `<title>${shown(title)}</title>`,
    ...monthNames(start, right, column),
    ...drawn,
    "</svg>",
  ].join("");
}

interface Cell {
  readonly mark: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** All cells of a kind are one path: a year is some kilobytes. */
function shapes(cells: readonly Cell[]): string[] {
  const path = (name: string, marks: string, draw: (cell: Cell) => string): string => {
    const drawn = cells.filter(({ mark }) => marks.includes(mark)).map(draw);
    return drawn.length === 0 ? "" : `<path class="${name}" d="${drawn.join("")}"/>`;
  };
  return [
    path("c-made", "mv", ({ x, y, width }) => `M${x + 1} ${y + 1}h${width - 2}v${cell - 2}h${2 - width}z`),
    path("c-verified", "v", ({ x, y, width }) => `M${x} ${y}v${cell}h${width}z`),
    path("c-proven", "p", ({ x, y, width }) => `M${x} ${y}h${width}v${cell}h-${width}z`),
    path(
      "c-missing",
      "x",
      ({ x, y, width }) => `M${x + 1} ${y + 1}l${width - 2} ${cell - 2}m0 ${2 - cell}l${2 - width} ${cell - 2}`,
    ),
    path("c-pending", "-", ({ x, y, width }) => `M${x + width / 2 - 1} ${y + 4.5}h2v2h-2z`),
  ];
}

function monthNames(start: number, right: number, column: (at: number) => number): string[] {
  const first = new Date(start);
  return Array.from({ length: 14 }, (_, index) => Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + index, 1))
    .filter((at) => at >= start && column(at) + step <= right)
    .map((at) => {
      const name = months.slice(3 * new Date(at).getUTCMonth(), 3 * new Date(at).getUTCMonth() + 3);
      return `<text x="${column(at)}" y="10">${name}</text>`;
    });
}

function sundayOf(at: number): number {
  return at - new Date(at).getUTCDay() * dayMillis;
}

/** What the marks mean, with the same forms. */
export const calendarLegend: string = `<ul class="legend">${(
  [
    ["p", "proven: restored by a test and compared"],
    ["v", "verified: read again and whole"],
    ["m", "made"],
    ["x", "missing"],
    ["-", "not over yet"],
  ] as const
)
  .map(
    ([mark, said]) =>
      `<li><svg viewBox="0 0 ${cell} ${cell}" class="calendar" aria-hidden="true">${shapes([{ mark, x: 0, y: 0, width: cell }]).join("")}</svg>${said}</li>`,
  )
  .join("")}</ul>`;

/** The same in words, for readers who do not see the picture. */
export function calendarSentence({ what, from, marks }: StatusCalendar): string {
  const [one] = words[what];
  const count = (letters: string): number => [...marks].filter((mark) => letters.includes(mark)).length;
  const missing = [...marks].flatMap((mark, index) => (mark === "x" ? [from[index] ?? ""] : []));
  const due = count("mvpx");
  const copies = what === "files" ? "a copy" : "a set";
  const worth = what === "files" ? "" : `, ${count("vp")} verified, ${count("p")} proven`;
  const gaps =
    missing.length === 0
      ? "None is missing."
      : `${missing.length} missing, the newest: ${few(missing.toReversed(), 5)}.`;
  return `${countOf(count("mvp"), one)} of ${due} with ${copies}${worth}. ${gaps}`;
}
