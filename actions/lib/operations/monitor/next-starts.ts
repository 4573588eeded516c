import { glob, readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { nextAttempt } from "../../policy/monitor/due.ts";
import { workflowFacts } from "../../policy/read-schedules.ts";

/**
 * When each workflow is asked to start next, soonest first; what follows another zone's clock than UTC is left out. Told by their files' names.
 * @throws ConfigurationError `workflow-unreadable`
 */
export async function nextStarts(
  now: Date,
  folder = ".github/workflows",
): Promise<{ readonly workflow: string; readonly at: string }[]> {
  const starts: { workflow: string; at: string }[] = [];
  for await (const path of glob(`${folder}/*.{yml,yaml}`)) {
    const { crons, zoned } = workflowFacts(path, await readFile(path, "utf8"));
    const next = zoned ? undefined : nextAttempt(crons, now);
    if (next !== undefined) starts.push({ workflow: basename(path, extname(path)), at: next.toISOString() });
  }
  return starts.sort((a, b) => (a.at < b.at ? -1 : 1));
}
