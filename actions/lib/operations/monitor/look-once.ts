import { resolve } from "node:path";
import { applyChanges } from "../../report/branch/folder-tree.ts";
import type { Told } from "../operation.ts";
import { judge, type Looking, lookAround } from "./look.ts";
import { told } from "./page.ts";
import { fetchedState } from "./read-state.ts";

/** A person looks: nothing is kept and nobody is told. @param out a folder for the dashboard */
export async function lookOnce(looking: Looking, out: string | undefined): Promise<Told> {
  const { context, now } = looking;
  const { state, problem } = await fetchedState(context);
  const seen = await lookAround(looking, state?.history ?? {});
  const { after, results } = judge(seen, state, looking);
  const { silences } = context.config().policy.monitor;
  if (out !== undefined) applyChanges(resolve(out), new Map());
  const ended = told({ results, state: after, silences, now, notes: problem === undefined ? [] : [problem] });
  return { ...ended, exitCode: results.some((one) => one.state === "critical") ? 1 : 0 };
}
