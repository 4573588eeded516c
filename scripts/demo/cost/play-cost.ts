import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { policySchema } from "../../../actions/lib/config/policy/policy.ts";
import { costPage } from "../../../actions/lib/operations/cost/page.ts";
import { costHistory } from "../../../actions/lib/operations/cost/picture.ts";
import { billOf } from "../../../actions/lib/operations/cost/result.ts";
import { readWorkflows, schedulesOf } from "../../../actions/lib/operations/policy-check/promise-check.ts";
import { assumedFacts } from "../../../actions/lib/policy/cost/facts.ts";
import { readPriceList } from "../../../actions/lib/policy/cost/price-list.ts";
import { scheduledRuns } from "../../../actions/lib/policy/cost/scheduled-runs.ts";
import { compareSevenYears } from "../../../actions/lib/policy/cost/seven-years.ts";
import { historyChart } from "../../../actions/lib/report/branch/history-chart.ts";
import { renderMarkdown, renderText } from "../../../actions/lib/report/page.ts";
import own from "../../../lifeboat.config.ts";

/** Seven years may cost a third of full copies. */
const most = 1 / 3;

/** The bill of Qimma's policy over seven years, beside the first document's full copies: as a page and as a picture. Needs no server. */
export function playCost(folder: string): { readonly proven: boolean; readonly lines: readonly string[] } {
  const policy = policySchema.parse(own);
  const { estimate } = policy.cost;
  if (estimate === null) throw new Error("lifeboat.config.ts has a cost.estimate.");
  const now = new Date();
  const runs = scheduledRuns(readWorkflows(), schedulesOf({ policy }));
  const input = { policy, facts: assumedFacts(policy), runs, prices: readPriceList() };
  const result = billOf(input, { estimate, months: 84, now });
  const page = costPage(result, now);
  const picture = historyChart(costHistory(compareSevenYears(input), estimate, now));
  mkdirSync(folder, { recursive: true });
  const [svg, text] = [join(folder, "cost.svg"), join(folder, "cost.md")];
  writeFileSync(svg, picture);
  writeFileSync(text, renderMarkdown(page));
  const share = `Seven years of copies cost ${(100 * result.share).toFixed(0)} % of full copies.`;
  return {
    proven: result.share <= most,
    lines: [...renderText(page), "", share, `The picture: ${svg}`, `The page: ${text}`],
  };
}
