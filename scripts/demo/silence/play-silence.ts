import { join } from "node:path";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { countOf } from "../../../actions/lib/base/measures.ts";
import { cutLink, readersClock, redAfter } from "../../../test/lab/monitor/cut-link.ts";
import { type Link, links } from "../../../test/lab/monitor/links.ts";
import { SilenceScene } from "../../../test/lab/monitor/silence-scene.ts";
import { openWatchedVault, type WatchedVault } from "../../../test/lab/monitor/watched-project.ts";
import { startGuardian } from "../../../test/lab/servers/guardian.ts";
import { startS3 } from "../../../test/lab/servers/s3.ts";
import { wordsOf } from "../../check/links-table.ts";
import { Acts } from "../acts.ts";
import { type PlayedLink, timeOf, writeSilencePages } from "./pages.ts";

/** The links that have a text in their name; undefined: all. */
export function chosenLinks(only = ""): readonly Link[] {
  return links.filter(({ cut }) => cut.toLowerCase().includes(only.trim().toLowerCase()));
}

/**
 * Cuts the links between a fault and people, one after the other: the real monitor with all its checks, on a clock that is moved.
 * @param opened told of everything that must be ended, the folder first @param folder where the pages go
 * @returns what there is to say at last; not `proven` where the page or the other channel was not red in time
 */
export async function playSilence(
  chosen: readonly Link[],
  opened: (end: () => Promise<void>) => void,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly proven: boolean; readonly lines: readonly string[] }> {
  const acts = new Acts(signal);
  const home = startGuardian("demo");
  opened(() => home.finish());
  process.env["TMPDIR"] = home.folder;
  const vault = await acts.act("start a store, and lay a project's vault into it", async () => {
    const s3 = await startS3();
    opened(() => s3.stop());
    return openWatchedVault(s3);
  });
  const played: PlayedLink[] = [];
  for (const link of chosen) {
    const one = await acts.act(link.cut, () => play(link, vault, home.folder));
    acts.tell(`both red ${timeOf(one)}; allowed: ${wordsOf(link).within}`);
    played.push(one);
  }
  await vault[Symbol.asyncDispose]();
  const missed = played.filter(({ hours }) => hours === undefined).length;
  const path = writeSilencePages(played, join(folder, "silence"));
  return {
    proven: missed === 0,
    lines: [
      "",
      ...played.flatMap((one) => {
        const { cut, within, page, elsewhere } = wordsOf(one.link);
        const shown = `The page: ${page}. Beside it: ${elsewhere}.`;
        return [
          `${cut}:`,
          `  ${one.hours === undefined ? "NOT red" : `red ${timeOf(one)}`}; allowed: ${within}. ${shown}`,
        ];
      }),
      "",
      `The pages: ${path}`,
      missed === 0
        ? `${countOf(played.length, "link")} cut: each turned the page and one other channel red in time.`
        : `${countOf(played.length, "link")} cut: ${missed} did NOT turn both red in time.`,
    ],
  };
}

async function play(link: Link, vault: WatchedVault, temporary: string): Promise<PlayedLink> {
  await vault.inOrder();
  await using scene = await SilenceScene.open(vault, silentLog);
  // For the run that is killed, and removes nothing.
  scene.env["TMPDIR"] = temporary;
  const cut = await cutLink(scene, link);
  const wasWell = !cut.before.pageRed && !cut.before.elsewhereRed;
  return {
    ...{ link, said: cut.after.said, page: cut.moments.at(-1)?.page ?? "" },
    hours: wasWell ? await redAfter(scene, link, cut) : undefined,
    now: readersClock(scene, link, link.within),
  };
}
