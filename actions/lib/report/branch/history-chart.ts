import { htmlText, visible } from "../../base/escaping.ts";
import { formatBytes, formatCount, formatDay, formatDuration, formatMinute } from "../../base/measures.ts";
import type { RunRow } from "../run/run-row.ts";

/** One measurement; `at` in milliseconds since 1970. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Series {
  readonly name: string;
  /** Oldest first. */
  readonly points: readonly Point[];
}

export interface History {
  /** Name of its file below `charts/`, without the ending. */
  readonly file: string;
  readonly title: string;
  readonly unit: "bytes" | "seconds" | "bytes per second";
  readonly series: readonly Series[];
}

/** What a chart shows, of whatever is counted. */
export type Charted = Omit<History, "unit" | "file"> & { readonly unit: History["unit"] | "rows" | "USD" };

/** As many points as a line of the chart has room for; more are summed up by their medians. */
const mostPoints = 90;

/** What the charts show, from every run that was ever reported; oldest first. */
export function histories(rows: readonly RunRow[]): History[] {
  const of = (
    value: (told: RunRow["operations"][number]) => number | undefined,
    name: (told: RunRow["operations"][number]) => string,
  ) => {
    const lines = new Map<string, Point[]>();
    for (const row of rows) {
      for (const told of row.operations) {
        const found = value(told);
        if (found === undefined || !(found > 0) || told.conclusion !== "success") continue;
        const line = lines.get(name(told)) ?? [];
        line.push({ at: Date.parse(row.at), value: found });
        lines.set(name(told), line);
      }
    }
    return [...lines]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([line, points]): Series => ({ name: line, points: thinned(points, mostPoints) }));
  };
  const tier = (told: RunRow["operations"][number]): string => told.tier ?? told.operation;
  const made = (told: RunRow["operations"][number]): boolean => told.operation === "backup";
  return [
    {
      file: "size",
      title: "Size of a set in the vault",
      unit: "bytes",
      series: of((told) => (made(told) ? told.storedBytes : undefined), tier),
    },
    {
      file: "duration",
      title: "How long a backup takes",
      unit: "seconds",
      series: of((told) => (made(told) ? told.seconds : undefined), tier),
    },
    {
      file: "throughput",
      title: "Bytes of the dump a second",
      unit: "bytes per second",
      series: of(
        (told) => (made(told) && told.seconds > 0 && told.plainBytes ? told.plainBytes / told.seconds : undefined),
        tier,
      ),
    },
    {
      file: "restore",
      title: "How long a restore takes, comparison included",
      unit: "seconds",
      series: of(
        (told) => told.restoreSeconds,
        (told) => told.operation,
      ),
    },
  ];
}

/** Neighbours are summed up by the median of their values at the time of the middle one; the newest stays as it is. */
export function thinned(points: readonly Point[], most: number): Point[] {
  if (points.length <= most) return [...points];
  const newest = points.slice(-1);
  const older = points.slice(0, -1);
  const size = Math.ceil(older.length / (most - 1));
  const groups = Array.from({ length: Math.ceil(older.length / size) }, (_, index) =>
    older.slice(index * size, (index + 1) * size),
  );
  return [...groups.flatMap((group) => medianPoint(group) ?? []), ...newest];
}

function medianPoint(group: readonly Point[]): Point | undefined {
  const middle = Math.floor(group.length / 2);
  const value = [...group].sort((a, b) => a.value - b.value)[middle]?.value;
  const at = group[middle]?.at;
  return value === undefined || at === undefined ? undefined : { at, value };
}

/** Where a chart stands: a file of the branch, as wide as its page, or inside a page of small ones. */
interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
}
const fileFrame: Frame = { width: 760, height: 240, left: 84, right: 150, top: 40 };
const pageFrame: Frame = { width: 420, height: 190, left: 60, right: 132, top: 12 };
const bottom = 34;

/** Lines and words of every chart. Colours that the colour-blind tell apart, too; the lines are dashed differently as well. */
export const chartStyle = {
  light: colours("#444", "#2b7a9b", "#a8641a", "#7a5ea8", "#3f7f3f", "#b0506a"),
  dark: colours("#ccc", "#6fb8d6", "#dba45f", "#b39ae0", "#86c286", "#e08aa2"),
} as const;

function colours(text: string, ...lines: readonly string[]): string {
  const each = lines.map((colour, index) => `.chart .l${index}{stroke:${colour}}.chart .t${index}{fill:${colour}}`);
  return `.chart text{fill:${text}}.chart .g{stroke:#8884}.chart polyline{fill:none}${each.join("")}`;
}
const dashes = ["", "7 3", "2 3", "9 3 2 3", "4 4"];

/**
 * Lines over time as a small SVG of text; the value axis begins at 0, so that nothing looks larger than it is.
 * @param place `page`: without a title to see and without a style of its own, for a page that has `chartStyle`
 */
export function historyChart({ title, unit, series }: Charted, place: "file" | "page" = "file"): string {
  const frame = place === "file" ? fileFrame : pageFrame;
  const { width, height, left, right, top } = frame;
  const points = series.flatMap((line) => line.points);
  const times = points.map(({ at }) => at);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const most = ceiling(Math.max(...points.map(({ value }) => value)), unit);
  const x = (at: number): number => left + (to === from ? 0.5 : (at - from) / (to - from)) * (width - left - right);
  const y = (value: number): number => height - bottom - (value / most) * (height - top - bottom);
  const drawn =
    points.length === 0
      ? [`<text x="${left}" y="${height / 2}">nothing was measured yet</text>`]
      : [...grid(most, unit, y, frame), ...axis(from, to, x, frame), ...lines(series, unit, x, y, frame)];
  const { light, dark } = chartStyle;
  const alone = [
    `<style>${light}@media(prefers-color-scheme:dark){${dark}}</style>`,
    `<text x="${left}" y="20" font-size="14" font-weight="600">${htmlText(title)}</text>`,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${htmlText(title)}</title>`,
    ...(place === "file" ? alone : []),
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function grid(
  most: number,
  unit: Charted["unit"],
  y: (value: number) => number,
  { left, right, width }: Frame,
): string[] {
  return [0, 0.5, 1].map((share) => {
    const at = y(share * most).toFixed(1);
    const label = `<text x="${left - 8}" y="${(y(share * most) + 4).toFixed(1)}" text-anchor="end">${amount(share * most, unit)}</text>`;
    return `<line class="g" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>${label}`;
  });
}

function axis(from: number, to: number, x: (at: number) => number, { height }: Frame): string[] {
  const format = formatDay(from) === formatDay(to) ? formatMinute : formatDay;
  const label = (at: number, anchor: string): string =>
    `<text x="${x(at).toFixed(1)}" y="${height - 12}" text-anchor="${anchor}">${format(at)}</text>`;
  return to === from ? [label(from, "middle")] : [label(from, "start"), label(to, "end")];
}

function lines(
  series: readonly Series[],
  unit: Charted["unit"],
  x: (at: number) => number,
  y: (value: number) => number,
  { width, height, right }: Frame,
): string[] {
  const labels = spread(
    series.map(({ points }) => y(points.at(-1)?.value ?? 0)),
    height - bottom,
  );
  return series.map(({ name, points }, index) => {
    const kind = index % dashes.length;
    const last = points.at(-1);
    if (last === undefined) return "";
    const place = ({ at, value }: Point): string => `${x(at).toFixed(1)},${y(value).toFixed(1)}`;
    const dash = dashes[kind] === "" ? "" : ` stroke-dasharray="${dashes[kind]}"`;
    const path = `<polyline class="l${kind}"${dash} stroke-width="2" stroke-linejoin="round" points="${points.map(place).join(" ")}"/>`;
    const dot = `<circle class="t${kind}" cx="${x(last.at).toFixed(1)}" cy="${y(last.value).toFixed(1)}" r="3.5"/>`;
    const said = `<text x="${(width - right + 10).toFixed(1)}" y="${((labels[index] ?? 0) + 4).toFixed(1)}"><tspan class="t${kind}" font-weight="600">${htmlText(visible(name))}</tspan> ${amount(last.value, unit)}</text>`;
    return `${path}${dot}${said}`;
  });
}

/** Moves labels apart that would lie on one another, and up again where they would fall out below. */
function spread(wanted: readonly number[], lowest: number): number[] {
  const order = wanted.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at);
  const placed: number[] = [];
  for (const { at } of order) placed.push(Math.max(at, (placed.at(-1) ?? 0) + 16));
  for (let each = placed.length - 1, limit = lowest; each >= 0; each--, limit -= 16)
    placed[each] = Math.min(placed[each] ?? 0, limit);
  const result = wanted.map(() => 0);
  for (const [each, { index }] of order.entries()) result[index] = placed[each] ?? 0;
  return result;
}

function amount(value: number, unit: Charted["unit"]): string {
  if (value === 0) return "0";
  if (unit === "seconds") return formatDuration(value * 1000);
  if (unit === "rows") return formatCount(Math.round(value));
  if (unit === "USD") return `$${value < 10 ? value.toFixed(2) : formatCount(Math.round(value))}`;
  return unit === "bytes" ? formatBytes(value) : `${formatBytes(value)}/s`;
}

/** The end of the value axis: a round number at or above the largest value, in the unit that people read. */
function ceiling(value: number, unit: Charted["unit"]): number {
  const scale = unit === "seconds" ? (value > 7200 ? 3600 : value > 120 ? 60 : 1) : 1;
  const scaled = Math.max(value / scale, 1e-9);
  const magnitude = 10 ** Math.floor(Math.log10(scaled));
  const step = [1, 2, 4, 5, 6, 8, 10].find((factor) => factor * magnitude >= scaled) ?? 10;
  return step * magnitude * scale;
}
