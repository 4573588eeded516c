import { existsSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import { loadConfig } from "../../config/load.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { type BillInput, billByMonth } from "../../policy/cost/bill.ts";
import { readPriceList } from "../../policy/cost/price-list.ts";
import { scheduledRuns } from "../../policy/cost/scheduled-runs.ts";
import { compareSevenYears } from "../../policy/cost/seven-years.ts";
import { historyChart } from "../../report/branch/history-chart.ts";
import { renderMarkdown } from "../../report/page.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { readWorkflows, schedulesOf } from "../policy-check/promise-check.ts";
import { costPage } from "./page.ts";
import { costHistory } from "./picture.ts";
import { readFacts } from "./read-facts.ts";
import { billOf } from "./result.ts";

export interface CostInputs {
  readonly policy?: string | undefined;
  readonly months: number;
  readonly workflows?: string | undefined;
  readonly picture?: string | undefined;
}

/**
 * The bill of the policy, and of another one beside it.
 * @throws ConfigurationError `budget-missing`; as `billByMonth`, `checkPromises` and `loadConfig`
 */
export async function runCost(context: Context, inputs: CostInputs): Promise<Told> {
  const now = new Date();
  const { policy, policyPath } = context.config();
  const prices = readPriceList();
  const facts = await readFacts(context, now);
  const input = (of: Policy, path: string): BillInput => {
    const folder = inputs.workflows ?? workflowsOf(path);
    return {
      policy: of,
      facts,
      runs: scheduledRuns(readWorkflows(folder), schedulesOf({ policy: of }, folder)),
      prices,
    };
  };
  const here = input(policy, policyPath);
  const other = inputs.policy === undefined ? undefined : await otherPolicy(inputs.policy, context);
  const judged = other === undefined ? here : input(other.policy, other.path);
  const estimate = estimateOf(judged.policy, inputs.policy ?? basename(policyPath));
  const before = inputs.policy === undefined ? undefined : { file: inputs.policy, months: billByMonth(here, 12) };
  const result = billOf(judged, { estimate, months: inputs.months, now, before });
  for (const warning of result.warnings) context.log.warn(warning);
  if (inputs.picture !== undefined)
    writeFileSync(resolve(inputs.picture), historyChart(costHistory(compareSevenYears(judged), estimate, now)));
  const page = costPage(result, now);
  return {
    ...{ result, page },
    outputs: {
      "usd-a-year": result.usdAYear.toFixed(2),
      "more-a-year": (result.whatIf?.moreAYear ?? 0).toFixed(2),
      comment: renderMarkdown(page),
    },
    exitCode: result.beside.some(({ over }) => over) ? 1 : 0,
  };
}

/** A policy's workflows lie beside it; one that lies alone is that of this checkout. */
function workflowsOf(policyPath: string): string {
  const beside = join(dirname(resolve(policyPath)), ".github/workflows");
  return existsSync(beside) ? beside : ".github/workflows";
}

async function otherPolicy(
  file: string,
  { env }: Context,
): Promise<{ readonly policy: Policy; readonly path: string }> {
  const { policy, policyPath } = await loadConfig({ needs: [], env: { ...env, LIFEBOAT_POLICY: file } });
  return { policy, path: policyPath };
}

function estimateOf({ cost }: Policy, file: string): NonNullable<Policy["cost"]["estimate"]> {
  if (cost.estimate !== null) return cost.estimate;
  throw new ConfigurationError(
    "budget-missing",
    `${file} says nothing of what it may cost: there is nothing to compare the bill with.`,
    "Write cost.estimate into the policy, in US dollars a month: supabase, standard, glacier, transfer (runbooks/costs.md).",
  );
}
