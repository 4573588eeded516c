import { OperationError } from "../../../base/errors.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { judgeDatabaseSize, judgeDisk, judgeStorageSize } from "../../../policy/monitor/limits.ts";
import {
  isLagging,
  judgeDailyBackups,
  judgePitrOn,
  judgePitrWindow,
  judgeRestoreWindow,
} from "../../../policy/monitor/supabase-backups.ts";
import {
  judgeHealth,
  judgePlan,
  judgeReadOnly,
  judgeStatusPage,
  judgeToken,
} from "../../../policy/monitor/supabase-project.ts";
import { planDays } from "../../../policy/promises.ts";
import { ApiRefusal } from "../../../supabase/api-refusal.ts";
import { readPublicStatus, statusPageOf } from "../../../supabase/status-page.ts";
import type { Check, Look } from "../check.ts";
import { lookAtEgress } from "./egress.ts";
import { type Seams, SupabaseSource } from "./source.ts";

const backupsPage = "runbooks/supabase-backups.md";
const projectPage = "runbooks/supabase-project.md";
const limitsPage = "runbooks/limits.md";

/**
 * What Supabase says of the project: its own backups, its health, its limits. Left out is only what the policy says that there is not:
 * daily backups on the plan free, point-in-time recovery where it is not counted on.
 */
export function supabaseChecks(look: Look, seams?: Seams): readonly Check[] {
  const { now, context } = look;
  const { promises, monitor } = context.config().policy;
  const { plan, pitrDays, snapshotDays } = promises.supabase;
  const source = new SupabaseSource(look, seams);
  const check = (id: string, title: string, runbook: string, judge: () => Promise<Finding>): Check => ({
    ...{ id, title, runbook, look: judge },
    group: runbook === limitsPage ? "limits" : "supabase",
  });
  const looked = (id: string) => ({ history: look.history(id), now, warningDays: monitor.limitDays });

  const windowOf = async (id: string): Promise<Finding> => {
    const [{ pitr, window }, { createdAt }] = await Promise.all([source.backups(), source.project()]);
    if (!pitr) return judgePitrOn(pitrDays ?? 0, null);
    const written = await (isLagging(window, now) ? source.written() : counted(source)).catch(unreadable);
    return judgePitrWindow({ window, written, days: pitrDays, createdAt, history: look.history(id) }, now);
  };

  return [
    ...(plan === "free" && pitrDays === null
      ? []
      : [
          check("supabase-backups", "Supabase's daily backups", backupsPage, async () => {
            const [{ pitr, listed }, { createdAt }] = await Promise.all([source.backups(), source.project()]);
            if (pitr && pitrDays === null) return windowOf("supabase-backups");
            if (pitr) return { state: "ok", found: "Point-in-time recovery is on and takes their place." };
            const keptDays = (await source.backupDays().catch(unreadable)) ?? planDays[plan];
            return judgeDailyBackups({ listed, keptDays, createdAt }, now);
          }),
          check("restore-window", "How long Supabase keeps its backups", backupsPage, async () => {
            const { pitr } = await source.backups();
            const kept = pitr ? ((await source.pitrDays()) ?? 0) : ((await source.backupDays()) ?? planDays[plan]);
            return judgeRestoreWindow(kept, snapshotDays);
          }),
        ]),
    ...(pitrDays === null
      ? []
      : [
          check("pitr-on", "The point-in-time-recovery add-on", backupsPage, async () => {
            const { pitr } = await source.backups();
            return judgePitrOn(pitrDays, pitr ? await source.pitrDays() : null);
          }),
          check("pitr-window", "What point-in-time recovery reaches", backupsPage, () => windowOf("pitr-window")),
        ]),
    check("project-health", "The project and its services", projectPage, async () => {
      const [{ status }, services] = await Promise.all([source.project(), source.services()]);
      return judgeHealth(status, services);
    }),
    check("read-only", "Read-only mode", limitsPage, async () => judgeReadOnly(await source.readOnly())),
    check("disk", "The database's disk", limitsPage, async () => {
      const [use, mostBytes] = await Promise.all([source.diskUse(), source.diskAutoscale().catch(unreadable)]);
      return judgeDisk({ ...use, mostBytes }, looked("disk"));
    }),
    check("database-size", "The database's size", limitsPage, async () => {
      const value = told((await source.metrics()).databaseBytes, "the database's size");
      return judgeDatabaseSize({ ...looked("database-size"), value }, plan);
    }),
    check("storage-size", "The size of all files", limitsPage, async () => {
      const value = told((await source.metrics()).storageBytes, "the size of the files");
      return judgeStorageSize({ ...looked("storage-size"), value }, plan, monitor.storageBytes);
    }),
    check("egress", "What backups read from Supabase", limitsPage, () => lookAtEgress(look)),
    check("plan", "The organisation's plan", projectPage, async () => judgePlan(await source.plan(), plan)),
    check("api-token", "The token of the Management API", projectPage, async () =>
      judgeToken({ ...(await source.refusals()), scoped: source.scoped, expires: monitor.tokenExpires }, now),
    ),
    check("supabase-status", "Supabase's public status page", projectPage, async () =>
      judgeStatusPage(await readPublicStatus(statusPageOf(context.env), context.signal)),
    ),
  ];
}

/** The rows that were ever written, for the history alone. */
async function counted(source: SupabaseSource) {
  const { rowsWritten: first } = await source.metrics();
  return first === undefined ? undefined : { first, second: first };
}

/** For what a check can do without, and says so. */
function unreadable(error: unknown): undefined {
  if (error instanceof OperationError || error instanceof ApiRefusal) return undefined;
  throw error;
}

function told(value: number | undefined, what: string): number {
  if (value !== undefined) return value;
  throw new OperationError(
    "metrics-unknown",
    `Supabase's metrics of the project do not tell ${what}.`,
    "Look at Reports, Database in the dashboard.",
  );
}
