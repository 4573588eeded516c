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

/** Plays a link: all is well, it is cut, and its time goes by. @returns what was shown before, and at the end */
export async function cutLink(scene: SilenceScene, link: Link): Promise<{ before: Shown; after: Shown }> {
  await link.prepare?.(scene);
  const failed = await scene.look(0);
  const before = await shown(scene, link, 0.1, failed !== undefined);
  scene.heard.length = 0;
  await link.act(scene);
  let last: string | undefined;
  for (const hours of link.looks ?? []) last = await scene.look(hours);
  const after = await shown(scene, link, link.within + 0.1, last !== undefined);
  return { before, after };
}

const year = 365 * 86_400_000;

async function shown(scene: SilenceScene, link: Link, hours: number, failed: boolean): Promise<Shown> {
  const { page, elsewhere, names } = link;
  const late = hours > 1;
  const now = new Date(scene.at(hours).getTime() - (late && page === "clock" ? year : 0));
  using open = await openPage(scene.page(), { now, script: page !== "no script" });
  const level = open.one("#answer").dataset["level"];
  const said = open.text(page === "no script" ? "#answer" : ".said");
  const check = names ?? (typeof page === "object" ? page.check : undefined);
  const told = (by: "slack" | "email"): boolean =>
    check !== undefined && scene.heard.some((one) => one.by === by && one.text.includes(scene.titleOf(check)));
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
