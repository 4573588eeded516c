import { resolve } from "node:path";
import { dashboardPath } from "../../report/branch/fold-runs.ts";
import { applyChanges } from "../../report/branch/folder-tree.ts";
import type { Told } from "../operation.ts";
import { withFetchedBranch } from "../publish/fetched-branch.ts";
import { dashboardOf } from "./dashboard.ts";
import { judge, type Looking, lookAround } from "./look.ts";
import { told } from "./page.ts";
import { stateOf } from "./read-state.ts";

/** A person looks: nothing is kept and nobody is told. @param out a folder for the dashboard */
export async function lookOnce(looking: Looking, out: string | undefined): Promise<Told> {
  const { context, now } = looking;
  const { silences } = context.config().policy.monitor;
  return withFetchedBranch(context, async (tree) => {
    const { state: known, problem } = stateOf(tree);
    const seen = await lookAround(looking, known?.history ?? {}, tree);
    const { after: state, results } = judge(seen, known, looking);
    if (out !== undefined) applyChanges(resolve(out), dashboardOf(seen.around, tree, { results, state, silences }));
    const notes = [
      ...(problem === undefined ? [] : [problem]),
      ...(out === undefined ? [] : [`The dashboard: ${resolve(out, dashboardPath)}`]),
    ];
    const ended = told({ results, state, silences, now, notes });
    return { ...ended, exitCode: results.some((one) => one.state === "critical") ? 1 : 0 };
  });
}
