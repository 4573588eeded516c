import { formatMinute } from "../../base/measures.ts";
import type { Finding } from "./check.ts";
import { isAhead } from "./due.ts";

/** Hours that a page may be read without news; the monitor runs every 3 hours, and GitHub starts it up to 12 h 41 min late. */
export const validHours = 16;

/**
 * Whether readers get the page that the monitor made last. A cache, or a deployment that fails, would show an old one for ever.
 * @param madeAt of the page as it was served now; undefined: what was served is no dashboard
 */
export function judgePublished(madeAt: Date | undefined, now: Date): Finding {
  const texts = {
    means: "People who look at the page do not see what the monitor finds. The page itself turns red.",
    next: "See the job Pages of the last run of the workflow monitor, and whether DASHBOARD_URL is the address of the page.",
  };
  if (madeAt === undefined)
    return { ...texts, state: "critical", found: "What is served at DASHBOARD_URL is no dashboard." };
  if (isAhead(madeAt.getTime(), now))
    return {
      state: "critical",
      found: `The page that readers get is dated ${formatMinute(madeAt.getTime())}, which is in the future.`,
      means: "A clock is wrong. Until then nobody would notice that the page is not renewed.",
      next: "Correct the clock of the machine that made it, then run the workflow monitor by its button.",
    };
  const found = `The page that readers get was made at ${formatMinute(madeAt.getTime())}.`;
  const old = now.getTime() - madeAt.getTime() > validHours * 3_600_000;
  return old ? { ...texts, state: "critical", found } : { state: "ok", found };
}

/** @param refusal what the watcher answered to a beat: a status, or `not_found`; undefined: it took it */
export function judgeWatcher(refusal: string | undefined): Finding {
  if (refusal === undefined) return { state: "ok", found: "The watcher outside of GitHub hears of each look." };
  return {
    state: "critical",
    found: `The watcher outside of GitHub does not take what it is told (${refusal}).`,
    means: "When GitHub starts nothing any more, nobody is told.",
    next: "Copy the check's address anew into HEARTBEAT_URL_MONITOR of the environment monitor.",
  };
}
