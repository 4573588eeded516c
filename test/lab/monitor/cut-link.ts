import { openPage } from "../browser.ts";
import type { Link } from "./links.ts";
import type { SilenceScene } from "./silence-scene.ts";

/** What a reader and everybody else sees of a link at some time. */
export interface Shown {
  /** Whether the page says that something is wrong: of the check, or of itself. */
  readonly pageRed: boolean;
  /** Whether the other channel does. */
  readonly elsewhereRed: boolean;
  /** What the page answers, in its words. */
  readonly said: string;
}

/** What readers get from some time on. */
interface Moment {
  /** After the cut. */
  readonly hours: number;
  readonly page: string;
  /** The run of the workflow failed. */
  readonly failed: boolean;
}

interface Cut {
  readonly before: Shown;
  /** When the link's time is over. */
  readonly after: Shown;
  /** The cut itself, then each look of the monitor. */
  readonly moments: readonly Moment[];
}

/** Hours that a reader looks after the time in question. */
const glance = 0.1;

/** Plays a link: all is well, it is cut, and its time goes by. @returns what was shown before, and at the end */
export async function cutLink(scene: SilenceScene, link: Link): Promise<Cut> {
  await link.prepare?.(scene);
  const well = { hours: 0, failed: (await scene.look(0)) !== undefined, page: scene.page() };
  const before = await shown(scene, link, [well], glance);
  scene.heard.length = 0;
  await link.act(scene);
  const moments: Moment[] = [well];
  for (const hours of link.looks ?? [])
    moments.push({ hours, failed: (await scene.look(hours)) !== undefined, page: scene.page() });
  return { before, moments, after: await shown(scene, link, moments, link.within + glance) };
}

/**
 * How long after the cut both are red for the first time, when the monitor looks only as often as the link plays it.
 * @returns hours, to a twentieth of one; undefined: they are not within the link's time
 */
export async function redAfter(scene: SilenceScene, link: Link, { moments }: Cut): Promise<number | undefined> {
  const red = async (hours: number): Promise<boolean> => {
    const { pageRed, elsewhereRed } = await shown(scene, link, moments, hours);
    return pageRed && elsewhereRed;
  };
  // Between two looks nothing turns back, so the time can be halved.
  for (const [index, { hours }] of moments.entries()) {
    let high = (moments[index + 1]?.hours ?? link.within + 2 * glance) - glance;
    if (!(await red(high))) continue;
    if (await red(hours)) return hours;
    for (let low = hours; high - low > 0.05; ) {
      const middle = (low + high) / 2;
      if (await red(middle)) high = middle;
      else low = middle;
    }
    return high;
  }
  return undefined;
}

/** What a reader's clock says so many hours after the cut. */
export function readersClock(scene: SilenceScene, { page }: Link, hours: number): Date {
  return new Date(scene.at(hours).getTime() - (hours > 1 && page === "clock" ? year : 0));
}

const year = 365 * 86_400_000;

async function shown(scene: SilenceScene, link: Link, moments: readonly Moment[], hours: number): Promise<Shown> {
  const { page, elsewhere, names } = link;
  const { page: html = "", failed = false } = moments.findLast((one) => one.hours <= hours) ?? {};
  const now = readersClock(scene, link, hours);
  using open = await openPage(html, { now, script: page !== "no script" });
  const level = open.one("#answer").dataset["level"];
  const said = open.text(page === "no script" ? "#answer" : ".said");
  const check = names ?? (typeof page === "object" ? page.check : undefined);
  const told = (by: "slack" | "email"): boolean =>
    check !== undefined &&
    scene.heard.some((one) => one.by === by && one.hours <= hours && one.text.includes(scene.titleOf(check)));
  const red = {
    Slack: () => told("slack"),
    "e-mail": () => told("email"),
    watcher: () => scene.rings(hours),
    "failed run": () => failed,
  };
  return { pageRed: pageRed(), elsewhereRed: red[elsewhere](), said };

  function pageRed(): boolean {
    if (typeof page === "object")
      return level === "critical" && open.one(`#check-${page.check}`).dataset["level"] === "critical";
    if (page === "no news") return level === "critical" && said.startsWith("No news since");
    if (page === "clock") return level === "critical" && /clock is wrong/.test(said);
    // A reader without a script compares two times: the one on the page and the one on the wall.
    const [, until = ""] = /Is it later than ([\d-]+ [\d:]+) UTC\?.*treat all of it as red/.exec(said) ?? [];
    return Date.parse(`${until.replace(" ", "T")}:00Z`) < now.getTime();
  }
}
