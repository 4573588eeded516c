import type { Row } from "./results.ts";

const width = 760;
const left = 300;
const line = 30;
const top = 34;
const right = 90;

type Bar = Pick<Row, "title" | "ratio" | "ours" | "yardstick">;

interface Block {
  /** Above its bars. */
  readonly title?: string;
  readonly rows: readonly Bar[];
}

const databaseTitle = "Wall-clock time as a multiple of pg_dump's (backup) and of pg_restore's (restore)";

/** Ratios as horizontal bars with their spread; readable on light and on dark ground. */
export function chart(blocks: readonly Block[], title = databaseTitle): string {
  const lines: (Bar | string)[] = blocks.flatMap((block) => [
    ...(block.title === undefined ? [] : [block.title]),
    ...block.rows.filter((row) => row.ratio !== undefined),
  ]);
  const most = Math.max(1, ...lines.map((one) => (typeof one === "string" ? 0 : (one.ratio?.most ?? 0))));
  const x = (ratio: number): number => left + (ratio / most) * (width - left - right);
  const height = top + lines.length * line + 16;
  const bars = lines.map((one, index) =>
    typeof one === "string" ? heading(one, top + index * line) : bar(one, top + index * line, x),
  );
  const one = x(1).toFixed(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    "<style>text{fill:#444}@media(prefers-color-scheme:dark){text{fill:#ccc}}</style>",
    `<text x="${left}" y="18">times the yardstick; less is better</text>`,
    ...bars,
    `<line x1="${one}" x2="${one}" y1="${top - 6}" y2="${height - 8}" stroke="#888" stroke-dasharray="3 3"/>`,
    "</svg>",
    "",
  ].join("\n");
}

function heading(text: string, y: number): string {
  return `<text x="10" y="${y + 20}" font-weight="600">${escaped(text)}</text>`;
}

function bar({ title, ratio, ours, yardstick }: Bar, y: number, x: (ratio: number) => number): string {
  if (ratio === undefined) return "";
  const { median, least, most } = ratio;
  const middle = y + 11;
  const colour = yardstick ? "#999" : ours ? "#2b7a9b" : "#c98a3c";
  return [
    `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escaped(title)}</text>`,
    `<rect x="${left}" y="${y}" width="${(x(median) - left).toFixed(1)}" height="22" fill="${colour}"/>`,
    `<line x1="${x(least).toFixed(1)}" x2="${x(most).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#555" stroke-width="2"/>`,
    `<text x="${(x(most) + 8).toFixed(1)}" y="${y + 15}">${median.toFixed(2)}</text>`,
  ].join("");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
