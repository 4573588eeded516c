import type { Policy } from "../../../actions/lib/config/policy/policy.ts";
import { planDeepReads, type Rotation } from "../../../actions/lib/policy/deep-rotation.ts";
import type { CheckResult, Finding } from "../../../actions/lib/policy/monitor/check.ts";
import { judgeCopy, judgeProof, judgeVerified } from "../../../actions/lib/policy/monitor/copies.ts";
import {
  judgeDatabaseSize,
  judgeDisk,
  judgeEgress,
  judgeStorageSize,
} from "../../../actions/lib/policy/monitor/limits.ts";
import { judgeMinutes } from "../../../actions/lib/policy/monitor/repository.ts";
import { judgeShrink } from "../../../actions/lib/policy/monitor/shrink.ts";
import type { MonitorState } from "../../../actions/lib/policy/monitor/state.ts";
import { judgeDailyBackups, judgePitrWindow } from "../../../actions/lib/policy/monitor/supabase-backups.ts";
import { judgeHealth } from "../../../actions/lib/policy/monitor/supabase-project.ts";
import { judgeDeepReads } from "../../../actions/lib/policy/monitor/vault.ts";
import { judgeSchedules } from "../../../actions/lib/policy/monitor/workflows.ts";
import { periodAround } from "../../../actions/lib/policy/period.ts";
import type { Schedule, WorkflowFacts } from "../../../actions/lib/policy/read-schedules.ts";
import { between } from "../random.ts";
import type { Made, QuietWorld } from "./quiet-world.ts";

const minute = 60_000;
const day = 86_400_000;
/** Looks of which one finds that Supabase or GitHub gives no answer, and one that a service of the project is just starting. */
const unanswered = 1 / 400;
const starting = 1 / 400;

export interface QuietProject {
  readonly policy: Policy;
  readonly schedules: readonly Schedule[];
  readonly workflows: readonly Pick<WorkflowFacts, "file" | "crons" | "zoned">[];
  readonly world: QuietWorld;
  /** Since when it runs, ms since 1970. */
  readonly from: number;
}

/** What the monitor's rules find in a quiet year, all that hang on times and figures. */
export function quietFindings(
  project: QuietProject,
  history: MonitorState["history"],
  now: Date,
  random: () => number,
): CheckResult[] {
  const { policy, world, from } = project;
  const of = (id: string) => history[id] ?? [];
  const at = now.getTime();
  const blind: Finding = { state: "unknown", found: "No answer." };
  const supabase = random() < unanswered;
  const github = random() < unanswered;
  const findings: Record<string, Finding> = {
    ...copyFindings(project, now),
    "set-proven": judgeProof({
      provenAt: iso(world.proofs.findLast((each) => each <= at)),
      restoreSeconds: 900,
      withinDays: policy.promises.provenWithinDays ?? 40,
      rtoMinutes: policy.promises.scenarios.completeLoss.rtoMinutes,
      now,
    }),
    ...dailyFindings(project, history, now),
    "deep-verify": judgeDeepReads(rotationOf(world, at), now),
    ...(supabase
      ? {
          "supabase-backups": blind,
          "pitr-window": blind,
          "project-health": blind,
          disk: blind,
          "database-size": blind,
        }
      : {
          "supabase-backups": judgeDailyBackups(
            {
              // Made at its hour, listed when it is whole.
              listed: world.backups
                .filter((each) => each + 20 * minute <= at && at - each < 7 * day)
                .toReversed()
                .map((each) => ({ at: each, status: "COMPLETED" as const })),
              keptDays: 7,
              createdAt: from,
            },
            now,
          ),
          "pitr-window": pitrFinding(project, of("pitr-window"), now, random),
          "project-health": judgeHealth("ACTIVE_HEALTHY", [
            { name: "db", state: "healthy" },
            { name: "realtime", state: random() < starting ? "coming-up" : "healthy" },
          ]),
          ...sizeFindings(project, history, now),
        }),
    ...(github ? { schedules: blind, "actions-minutes": blind } : githubFindings(project, now)),
  };
  return Object.entries(findings).map(([id, finding]) => ({
    ...{ id, group: "backups", title: id, runbook: "runbooks/README.md" },
    ...finding,
  }));
}

function iso(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

function newest(made: readonly Made[], at: number): Made | undefined {
  return made.findLast(({ doneAt }) => doneAt <= at);
}

function copyFindings({ policy, schedules, world }: QuietProject, now: Date): Record<string, Finding> {
  const { lateMinutes, runMinutes } = policy.promises;
  const ids = { daily: "set-daily", weekly: "set-weekly", monthly: "set-monthly", files: "files-snapshot" } as const;
  const kinds = ["daily", "weekly", "monthly", "files"] as const;
  return Object.fromEntries(
    kinds.map((kind) => {
      const last = newest(world.copies[kind], now.getTime());
      const works = schedules.filter(({ purpose }) => purpose === kind);
      const found = judgeCopy({ what: kind, newestAt: iso(last?.at), works, lateMinutes, runMinutes, now });
      const measure = { value: last?.bytes ?? 0, limit: null, unit: "bytes" as const };
      return [ids[kind], { ...found, measure }];
    }),
  );
}

function dailyFindings(
  { policy, world }: QuietProject,
  history: MonitorState["history"],
  now: Date,
): Record<string, Finding> {
  const sets = world.copies.daily.filter(({ doneAt }) => doneAt <= now.getTime()).slice(-60);
  const told = sets.toReversed().map(({ at, rows, bytes }) => ({ at: new Date(at).toISOString(), rows, bytes }));
  return {
    "set-verified": judgeVerified({
      sets: told.slice(0, 3).map(({ at }) => ({ set: at, snapshotAt: at, verified: true })),
      readBack: true,
      now,
    }),
    "set-shrinks": judgeShrink({
      sets: told,
      rowsByDay: history["set-shrinks"] ?? [],
      bytesByDay: history["set-daily"] ?? [],
      share: policy.backup.smallestShareOfLastSet,
      now,
    }),
  };
}

const packs = Array.from({ length: 300 }, (_, index) => ({ key: `packs/${index}`, bytes: 1e8 }));
const rotations = new WeakMap<QuietWorld, { readonly at: number; readonly rotation: Rotation }[]>();

function rotationOf(world: QuietWorld, now: number): Rotation | undefined {
  const known = rotations.get(world) ?? [];
  rotations.set(world, known);
  for (const at of world.deepReads.slice(known.length).filter((each) => each <= now))
    known.push({ at, rotation: planDeepReads(packs, known.at(-1)?.rotation, new Date(at)).next });
  return known.findLast(({ at }) => at <= now)?.rotation;
}

/** WAL of two minutes is archived when something was written in them; what can be gone back to is 19 to 121 seconds old, seldom more. */
function pitrFinding(
  { policy, world, from }: QuietProject,
  history: MonitorState["history"][string],
  now: Date,
  random: () => number,
): Finding {
  const { rows, last } = world.written(now.getTime());
  const lag = between(random, 19, 121) * 1000 + random() ** 40 * 12 * minute;
  const latest = Math.min(now.getTime() - lag, last + 2 * minute);
  return judgePitrWindow(
    {
      window: { earliest: Math.max(from, latest - 7 * day) / 1000, latest: latest / 1000 },
      days: policy.promises.supabase.pitrDays,
      createdAt: from,
      written: { first: rows, second: world.written(now.getTime() + 2000).rows },
      history,
    },
    now,
  );
}

const sizes = new WeakMap<QuietWorld, { readonly today: string; readonly findings: Record<string, Finding> }>();

function sizeFindings(
  { policy, world, from }: QuietProject,
  history: MonitorState["history"],
  now: Date,
): Record<string, Finding> {
  // The trend over sixty days is the same all day, and most of the work.
  const today = now.toISOString().slice(0, 10);
  const known = sizes.get(world);
  if (known?.today === today) return known.findings;
  const of = (id: string, value: number) => ({
    ...{ value, history: history[id] ?? [], now },
    warningDays: policy.monitor.limitDays,
  });
  const database = world.database(now.getTime());
  const { plan } = policy.promises.supabase;
  const month = periodAround("month", now);
  const all = [...world.copies.daily, ...world.copies.weekly, ...world.copies.monthly];
  const read = all.filter(({ doneAt }) => doneAt >= month.from.getTime() && doneAt <= now.getTime());
  const findings = {
    disk: judgeDisk({ sizeBytes: 8e9, usedBytes: database + 1.2e9, mostBytes: null }, of("disk", 0)),
    "database-size": judgeDatabaseSize(of("database-size", database), plan),
    "storage-size": judgeStorageSize(of("storage-size", world.storage(now.getTime())), plan, null),
    ...(from < month.from.getTime() && {
      egress: judgeEgress({ ...month, bytes: read.reduce((sum, { bytes }) => sum + bytes, 0), allowance: 250e9 }, now),
    }),
  };
  sizes.set(world, { today, findings });
  return findings;
}

function githubFindings({ policy, workflows, world, from }: QuietProject, now: Date): Record<string, Finding> {
  const month = periodAround("month", now).from.getTime();
  const used = world.runs
    .filter(({ at }) => at >= month && at <= now.getTime())
    .reduce((sum, { minutes }) => sum + minutes, 0);
  const scheduled = workflows.map((workflow) => ({
    ...workflow,
    since: new Date(from).toISOString(),
    lastAt: iso(world.starts.get(workflow.file)?.findLast((each) => each <= now.getTime())),
  }));
  return {
    schedules: judgeSchedules(scheduled, policy.promises.lateMinutes, now),
    "actions-minutes": judgeMinutes({ used, complete: true, limit: 2000, now }),
  };
}
