import { repositoryUrl } from "../../notify/open-channels.ts";
import { allRows, readRuns, type Tree } from "../../report/branch/fold-runs.ts";
import { type Standing, standingOfRows, truthOf } from "../../report/branch/standing.ts";
import { dashboardFiles } from "../../report/dashboard/page.ts";
import type { VaultStanding } from "../../vault/standing.ts";
import { findPromiseJudge, type PromiseJudge } from "../policy-check/promise-check.ts";
import type { Look } from "./check.ts";
import { nextStarts } from "./next-starts.ts";
import { type StatusFacts, statusDocument } from "./status.ts";
import { reasonOf } from "./table.ts";

/** What the dashboard shows beside the checks and the branch's runs. */
export interface Around extends Pick<StatusFacts, "project" | "repository" | "runs" | "now"> {
  /** Of the vault; undefined when it could not be asked. */
  readonly standing: Standing | undefined;
  readonly promises: PromiseJudge | undefined;
}

/**
 * Asked beside the checks, once a run. What cannot be read, for whatever reason, is logged and left out: the page says so, and nobody is told
 * later for it.
 */
export async function readAround(
  { context, now }: Pick<Look, "context" | "now">,
  askStanding: () => Promise<VaultStanding>,
): Promise<Around> {
  const { env, log } = context;
  const attempt = async <Found>(what: string, work: () => Promise<Found>): Promise<Found | undefined> => {
    try {
      return await work();
    } catch (error) {
      log.warn(`${what} not on the dashboard: ${reasonOf(error)}`);
      return undefined;
    }
  };
  const [standing, promises, runs = []] = await Promise.all([
    context.has("vault")
      ? attempt("What the vault has is", async (): Promise<Standing> => {
          return { ...(await askStanding()), source: "vault" };
        })
      : undefined,
    attempt("The promises are", () => findPromiseJudge(context.config(), log)),
    attempt("The next runs are", () => nextStarts(now)),
  ]);
  return {
    project: context.config().policy.project.name,
    repository: repositoryUrl(env),
    ...{ now, standing, promises, runs },
  };
}

/** The dashboard's files, by their paths on the branch. */
export function dashboardOf(
  { standing, promises, ...around }: Around,
  tree: Tree,
  judged: Pick<StatusFacts, "results" | "state" | "silences">,
): ReadonlyMap<string, string> {
  const rows = allRows(readRuns(tree));
  const known = standing ?? standingOfRows(rows);
  const check = promises?.(truthOf(known), around.now);
  return dashboardFiles(statusDocument({ ...around, ...judged, rows, standing: known, promises: check }));
}
