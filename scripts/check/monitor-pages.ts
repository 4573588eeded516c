import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { allChecks } from "../../actions/lib/operations/monitor/catalogue/checks.ts";
import { judgeChannels } from "../../actions/lib/policy/monitor/channels.ts";
import type { CheckName } from "../../actions/lib/policy/monitor/check.ts";

/** All that can be set, so that no check is left out. No server is asked. */
const everything = {
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
  S3_BACKUP_BUCKET: "sets",
  S3_STORAGE_BUCKET: "files",
  S3_REPLICA_BUCKET: "replica",
  S3_REPLICA_REGION: "eu-central-1",
};

/** Alerts of the monitor that lead to a missing page, or to one that does not name them. @param root the checkout */
export async function monitorPageProblems(root: string): Promise<string[]> {
  return pageProblems(await everyCheck(root), (path) =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined,
  );
}

/** @param read the text of a page; undefined: there is none */
export function pageProblems(
  checks: readonly Pick<CheckName, "id" | "runbook">[],
  read: (path: string) => string | undefined,
): string[] {
  return checks.flatMap(({ id, runbook }) => {
    const text = read(runbook);
    if (text === undefined) return [`The check ${id} leads to ${runbook}, which is not there.`];
    // Whoever comes from an alert looks for it at the top.
    const [top = ""] = text.split(/^## Impact$/m);
    return top.includes(`\`${id}\``)
      ? []
      : [
          `${runbook}: the check \`${id}\` leads here, and Meaning does not name it. Add it, or lead it to another page.`,
        ];
  });
}

/** The checks that the policy of the checkout has when everything is set. */
export async function everyCheck(root: string): Promise<CheckName[]> {
  const needs = ["vault", "storageVault", "replica"] as const;
  const config = await loadConfig({ needs, env: everything, cwd: root });
  const run = { workflow: "check", runId: "1", attempt: 1, url: null, event: "by-hand" };
  using context = new Context({ config, log: silentLog, signal: new AbortController().signal, run });
  const now = new Date();
  return [...allChecks({ context, now, history: () => [] }), judgeChannels({}, [], now)];
}
