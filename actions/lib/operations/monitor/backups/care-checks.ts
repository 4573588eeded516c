import { globSync, readFileSync } from "node:fs";
import { ConfigurationError } from "../../../base/errors.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { judgeRuns, judgeTold, type RunEnd } from "../../../policy/monitor/reports.ts";
import { judgeReviews, splitFrontMatter } from "../../../policy/monitor/reviews.ts";
import { judgeKept, judgeKeys } from "../../../policy/monitor/vault.ts";
import { truthOf } from "../../../report/branch/standing.ts";
import { isBad } from "../../../report/run/merge-reports.ts";
import { type RunReport, workOf } from "../../../report/run/run-report.ts";
import { readKeyring } from "../../../seal/keys/keyring.ts";
import { checkKeys } from "../../../seal/keys/pins.ts";
import { promiseJudge } from "../../policy-check/promise-check.ts";
import type { Check, Look } from "../check.ts";
import { reportDays, type VaultReader } from "./read-vault.ts";

type BackupCheck = Omit<Check, "group">;

/** What people have to look after: keys, runs that fail, promises, pages. */
export function careChecks(look: Look, reader: VaultReader): BackupCheck[] {
  const { context, now } = look;
  const config = context.config();
  return [
    {
      ...{ id: "keys-expiry", title: "Keys that seal and sign", runbook: "runbooks/backup-failed.md" },
      async look() {
        const { policy, publicKeys } = config;
        const warnDays = policy.backup.warnBeforeKeyExpiryDays;
        const { rows, findings } = checkKeys(await readKeyring(publicKeys.armored), policy.keys, now, warnDays);
        const errors = findings.filter(({ level }) => level === "error").map(({ code }) => code);
        return judgeKeys(rows, errors, warnDays, now);
      },
    },
    {
      ...{ id: "promises", title: "Promises of recovery", runbook: "runbooks/promise-broken.md" },
      async look() {
        const judge = await promiseJudge(config);
        return judgeKept(judge(truthOf(await reader.standing()), now).findings);
      },
    },
    {
      ...{ id: "reports", title: "Reports of the jobs", runbook: "runbooks/report-missing.md" },
      look: async () => judgeReports(await reader.reports(), now),
    },
    {
      ...{ id: "runbook-reviews", title: "Reviews of the runbooks", runbook: "runbooks/README.md" },
      look: async () => judgeReviews(readPages(), now),
    },
  ];
}

/** A channel that did not take a message longer ago than that, and has taken all since, was away for a moment. */
const untoldMillis = 2 * 86_400_000;

function judgeReports(reports: readonly RunReport[], now: Date): Finding {
  if (reports.length === 0) {
    return {
      state: "critical",
      found: `No job has left a report in the vault within ${reportDays} days.`,
      means: "Nothing runs, or nothing can write to the vault.",
      next: "See the runs under Actions, and whether the schedules are on: runbooks/report-missing.md.",
    };
  }
  const ends = reports.flatMap((report): RunEnd[] => {
    const [told] = report.operations;
    if (told === undefined) return [];
    const ended = told.conclusion === "skipped" ? "without work" : isBad(told.conclusion) ? "badly" : "well";
    const key = `${workOf(report)} ${told.operation}`;
    return [{ work: told.operation, key, at: told.endedAt, ended, scheduled: report.run.event === "schedule" }];
  });
  const runs = judgeRuns(ends, "run");
  const lately = reports.filter(({ endedAt }) => now.getTime() - Date.parse(endedAt) < untoldMillis);
  const untold = lately.filter(({ operations }) => operations.some((one) => one.untold.length > 0)).length;
  return runs.state === "ok" ? (judgeTold(untold, lately.length) ?? runs) : runs;
}

/** Pages that the bench writes have no owner. */
function readPages() {
  const paths = globSync("runbooks/*.md").filter((path) => !/(?:^|\/)bench[^/]*$/.test(path));
  if (paths.length === 0)
    throw new ConfigurationError(
      "configuration",
      "There is no folder runbooks here.",
      "Run from the root of the repository.",
    );
  return paths.sort().map((path) => ({ path, frontMatter: splitFrontMatter(readFileSync(path, "utf8")).frontMatter }));
}
