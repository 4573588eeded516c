import { htmlText } from "../../../actions/lib/base/escaping.ts";
import type { Tier } from "../../../actions/lib/vault/format/manifest.ts";
import { timeOf } from "../../../test/lab/retention/world.ts";
import { type Happening, type Story, type StorySet, storyDays } from "./story.ts";

/** Told apart by the colour-blind, too, and on grey paper by their places. */
export const colours: Readonly<Record<Tier | "held" | "junk", string>> = {
  ...{ daily: "#2b7a9b", weekly: "#c98a3c", monthly: "#7a5ea8" },
  ...{ held: "#b0306a", junk: "#9a9a9a" },
};
const tiers = ["monthly", "weekly", "daily"] as const;

const width = 1120;
const [left, right] = [70, 130];
const x = (day: number, from = 0, to = storyDays): number =>
  left + ((day - from) / (to - from)) * (width - left - right);

/** How long each set lived: a line from the day on which it was made to the day on which it went, the oldest above. */
export function livesChart(story: Story): string {
  const height = 640;
  const [top, bottom] = [54, 46];
  const y = (day: number): number => top + (day / storyDays) * (height - top - bottom);
  const line = ({ made, gone }: StorySet): string => `M${px(x(made))} ${px(y(made))}H${px(x(gone ?? storyDays))}`;
  const path = (some: readonly StorySet[], colour: string, style: string): string =>
    some.length === 0 ? "" : `<path d="${some.map(line).join("")}" stroke="${colour}" ${style}/>`;
  const ours = story.sets.filter(({ set }) => set.trusted);
  const heldOnes = ours.filter(({ set }) => story.held.has(set.name));
  const drawn = tiers.flatMap((tier) => {
    const own = ours.filter((one) => one.tier === tier && !heldOnes.includes(one));
    const strong = tier === "monthly" ? 1.4 : tier === "weekly" ? 1.1 : 0.8;
    return [
      path(
        own.filter(({ gone }) => gone !== null),
        colours[tier],
        `stroke-width="${strong}" opacity=".5"`,
      ),
      path(
        own.filter(({ gone }) => gone === null),
        colours[tier],
        `stroke-width="${strong}"`,
      ),
    ];
  });
  const junk = story.sets.filter(({ set }) => !set.trusted);
  return svg(height, "How long each set of seven years lived", [
    ...years(story, top, height - bottom),
    ...story.happenings.map((one, index) => band(one, index, top, height - bottom)),
    path(junk, colours.junk, 'stroke-width="1" stroke-dasharray="2 3"'),
    ...drawn,
    path(heldOnes, colours.held, 'stroke-width="2.4"'),
    ...heldOnes.map(
      ({ made, gone }) =>
        `<text x="${px(x((made + (gone ?? storyDays)) / 2))}" y="${px(y(made) - 6)}" text-anchor="middle" fill="${colours.held}" stroke="#fff" stroke-width="3" paint-order="stroke">held${gone === null ? ", to this day" : ", then released"}</text>`,
    ),
    ...edgeLabels(ours, y),
    `<text x="${left}" y="${height - 6}" class="s">Each line is one set, the oldest above. It begins on the day on which the set was made, and ends on the day on which retention removed it, or today.</text>`,
  ]);
}

/** At the right edge, beside what is there today: how many, and of which tier. */
function edgeLabels(sets: readonly StorySet[], y: (day: number) => number): string[] {
  let last = Number.NEGATIVE_INFINITY;
  return tiers.map((tier) => {
    const own = sets.filter((one) => one.tier === tier && one.gone === null && one.why.keep);
    const middle = own.reduce((sum, { made }) => sum + y(made), 0) / Math.max(1, own.length);
    last = Math.max(last + 17, middle);
    return `<text x="${width - right + 10}" y="${px(Math.min(last, y(storyDays)) + 4)}"><tspan fill="${colours[tier]}" font-weight="600">${own.length} ${tier}</tspan></text>`;
  });
}

/** How many sets were there: a policy that works makes a level line. */
export function countsChart(story: Story): string {
  const height = 190;
  const [top, bottom] = [30, 22];
  const most = Math.max(...story.counts.map(({ daily, weekly, monthly }) => daily + weekly + monthly)) * 1.05;
  const y = (count: number): number => height - bottom - (count / most) * (height - top - bottom);
  const area = (tier: Tier, below: (at: Story["counts"][number]) => number): string => {
    const upper = story.counts.map((at) => `${px(x(at.day))},${px(y(below(at) + at[tier]))}`);
    const lower = story.counts.toReversed().map((at) => `${px(x(at.day))},${px(y(below(at)))}`);
    return `<polygon points="${[...upper, ...lower].join(" ")}" fill="${colours[tier]}" opacity=".75"/>`;
  };
  const last = story.counts.at(-1) ?? { daily: 0, weekly: 0, monthly: 0 };
  const label = (tier: Tier, middle: number): string =>
    `<text x="${width - right + 10}" y="${px(y(middle) + 4)}" fill="${colours[tier]}" font-weight="600">${tier}</text>`;
  return svg(height, "How many sets the vault had", [
    ...years(story, top, height - bottom),
    ...story.happenings.map((one) => band(one, null, top, height - bottom)),
    ...[0, 50, 100, 150, 200]
      .filter((count) => count < most)
      .map(
        (count) =>
          `<line class="g" x1="${left}" x2="${width - right}" y1="${px(y(count))}" y2="${px(y(count))}"/><text class="s" x="${left - 8}" y="${px(y(count) + 4)}" text-anchor="end">${count}</text>`,
      ),
    area("monthly", () => 0),
    area("weekly", ({ monthly }) => monthly),
    area("daily", ({ monthly, weekly }) => monthly + weekly),
    label("monthly", last.monthly / 2),
    label("weekly", last.monthly + last.weekly / 2),
    label("daily", last.monthly + last.weekly + last.daily / 2),
  ]);
}

/** The last hundred days, set by set. */
export function lastDaysChart(story: Story): string {
  const from = storyDays - 100;
  const height = 178;
  const rows: Readonly<Record<Tier, number>> = { monthly: 52, weekly: 92, daily: 132 };
  const at = (day: number): number => x(day, from, storyDays);
  const dots = story.sets
    .filter(({ made, set }) => made >= from && set.trusted)
    .map(({ tier, made, gone, why }) => {
      const place = `cx="${px(at(made))}" cy="${rows[tier]}"`;
      if (gone !== null) return `<circle ${place} r="1.6" fill="#bbb"/>`;
      if (!why.keep) return `<circle ${place} r="3.6" fill="none" stroke="#888" stroke-dasharray="2 1.5"/>`;
      const ring = why.beyond === null ? "" : `<circle ${place} r="6.8" fill="none" stroke="#222" stroke-width="1.3"/>`;
      return `<circle ${place} r="4" fill="${colours[tier]}"/>${ring}`;
    });
  const weeks = Array.from({ length: 11 }, (_, index) => storyDays - 100 + index * 10);
  return svg(height, "The last hundred days", [
    ...weeks.map(
      (day) =>
        `<line class="g" x1="${px(at(day))}" x2="${px(at(day))}" y1="34" y2="150"/><text class="s" x="${px(at(day))}" y="166" text-anchor="middle">${dateOf(story, day).slice(5)}</text>`,
    ),
    ...tiers.map(
      (tier) =>
        `<text x="${left - 10}" y="${rows[tier] + 4}" text-anchor="end" fill="${colours[tier]}" font-weight="600">${tier}</text>`,
    ),
    ...dots,
  ]);
}

export function dateOf(story: Story, day: number): string {
  return new Date(timeOf(story.world, day)).toISOString().slice(0, 10);
}

function years(story: Story, top: number, bottom: number): string[] {
  const first = new Date(timeOf(story.world, 0)).getUTCFullYear();
  return Array.from({ length: 8 }, (_, index) => first + index).flatMap((year) => {
    const day = (Date.UTC(year, 0, 1) - story.world.begins) / 86_400_000;
    if (day < 0 || day > storyDays) return [];
    const at = px(x(day));
    return [
      `<line class="g" x1="${at}" x2="${at}" y1="${top}" y2="${bottom}"/><text class="s" x="${at}" y="${bottom + 14}" text-anchor="middle">${year}</text>`,
    ];
  });
}

/** When something happened. @param index its place in the list below the picture; null: without its number */
function band({ from, to }: Happening, index: number | null, top: number, bottom: number): string {
  const wide = Math.max(3, x(Math.min(to, from + 100)) - x(from));
  const middle = x(from) + wide / 2;
  const number = index === null ? "" : numberAt(middle, top - 10, index + 1);
  return `<rect x="${px(x(from))}" y="${top}" width="${px(wide)}" height="${bottom - top}" fill="#e8c95c" opacity=".3"/>${number}`;
}

function numberAt(at: number, y: number, number: number): string {
  return `<circle cx="${px(at)}" cy="${y}" r="8" fill="#444"/><text x="${px(at)}" y="${y + 4}" text-anchor="middle" font-size="11" fill="#fff">${number}</text>`;
}

function svg(height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${htmlText(title)}</title>`,
    `<text x="${left}" y="18" font-size="14" font-weight="600">${htmlText(title)}</text>`,
    ...parts,
    "</svg>",
  ].join("\n");
}

function px(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "");
}
