import { clip, formatDay } from "../../base/measures.ts";
import type { Silence } from "../../config/policy/monitor.ts";
import { type CheckResult, worstFirst } from "../../policy/monitor/check.ts";
import { validHours } from "../../policy/monitor/outside.ts";
import { recoverable } from "../../policy/monitor/recoverable.ts";
import { silenceOf } from "../../policy/monitor/silences.ts";
import type { CheckRecord, MonitorState } from "../../policy/monitor/state.ts";
import { daysUntil, growthPerDay } from "../../policy/monitor/trend.ts";
import type { PromiseCheck } from "../../policy/promises.ts";
import { histories } from "../../report/branch/history-chart.ts";
import { type Standing, truthOf } from "../../report/branch/standing.ts";
import { calendars } from "../../report/dashboard/calendar.ts";
import {
  mostText,
  repositoryPattern,
  runbookPattern,
  type StatusDocument,
  type StatusScenario,
} from "../../report/dashboard/status.ts";
import type { RunRow } from "../../report/run/run-row.ts";

/** What the monitor knows at the end of a look. */
export interface StatusFacts {
  readonly project: string;
  /** `https://github.com/owner/name`, for links to runbooks. */
  readonly repository: string | undefined;
  readonly now: Date;
  /** The table, in its order. */
  readonly results: readonly CheckResult[];
  /** After `advance`, and after `confirmed` where people were told. */
  readonly state: Pick<MonitorState, "history"> & {
    readonly checks: Readonly<Record<string, Pick<CheckRecord, "since" | "told">>>;
    readonly unreached: Readonly<Partial<Record<string, { readonly since: string }>>>;
  };
  readonly silences: readonly Silence[];
  /** Every run of the branch, oldest first. */
  readonly rows: readonly RunRow[];
  /** Of the vault, else of the reports (`standingOfRows`). */
  readonly standing: Standing;
  /** Undefined where there is no policy or no workflow to read. */
  readonly promises: PromiseCheck | undefined;
  /** When workflows start next by their schedules; `nextStarts`. */
  readonly runs: readonly { readonly workflow: string; readonly at: string }[];
}

const hour = 3_600_000;
/** From the start of a run until its news is there. */
const runMillis = hour;
const everyMillis = 3 * hour;

/** What the dashboard shows of it. Texts are cut to what the page has room for; the page escapes them. */
export function statusDocument(facts: StatusFacts): StatusDocument {
  const { project, repository, now, standing, rows, runs } = facts;
  const own = runs.filter(({ workflow }) => workflow === "monitor").map(({ at }) => Date.parse(at));
  const nextStart = Math.min(now.getTime() + everyMillis, ...own);
  return {
    format: "lifeboat-status/1",
    project: clip(project, 100),
    repository: repository !== undefined && repositoryPattern.test(repository) ? repository : null,
    madeAt: now.toISOString(),
    nextDueAt: new Date(nextStart + runMillis).toISOString(),
    validUntil: new Date(now.getTime() + validHours * hour).toISOString(),
    vaultAsked: standing.source === "vault",
    checks: facts.results.slice(0, 200).map((result) => checkOf(result, facts)),
    scenarios: scenariosOf(facts),
    sets: standing.sets.slice(0, 60).map(({ set, tier, snapshotAt, plainBytes, provenAt }) => ({
      ...{ set, tier, snapshotAt, plainBytes, provenAt },
    })),
    calendars: calendars(rows, standing.sets, now),
    charts: histories(rows)
      .filter(({ file }) => file !== "throughput")
      .map(({ file, title, unit, series }) => ({
        ...{ file, title, unit },
        series: series.slice(0, 8).map(({ name, points }) => ({ name: clip(name, 100), points: [...points] })),
      })),
    limits: facts.results.flatMap((result) => limitOf(result, facts)).slice(0, 30),
    runs: runs.slice(0, 40).map(({ workflow, at }) => ({ workflow: clip(workflow, 100), at })),
    unreached: Object.entries(facts.state.unreached).flatMap(([channel, silent]) =>
      silent === undefined ? [] : [{ channel, since: silent.since }],
    ),
  };
}

function checkOf(
  { id, group, title, state, found, means, next, runbook, dueAt }: CheckResult,
  { state: known, silences, now }: StatusFacts,
): StatusDocument["checks"][number] {
  const record = Object.hasOwn(known.checks, id) ? known.checks[id] : undefined;
  const silence = silenceOf(silences, id, now);
  const told = record?.told ?? null;
  return {
    ...{ id, group, title: clip(title, 100), state, found: clip(found, mostText) },
    ...(means === undefined ? {} : { means: clip(means, mostText) }),
    ...(next === undefined ? {} : { next: clip(next, mostText) }),
    runbook: runbookPattern.test(runbook) ? runbook : null,
    since: record === undefined ? null : record.since,
    ...(isTime(dueAt) ? { dueAt } : {}),
    told: told === null ? null : { at: told.at, by: [...told.by] },
    silence: silence === undefined ? null : { until: silence.until, reason: clip(silence.reason, mostText) },
  };
}

/** A day that no calendar has would be no time in the reader's browser: never due. */
function isTime(text: string | undefined): text is string {
  return text !== undefined && /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(text) && Number.isFinite(Date.parse(text));
}

function scenariosOf({ promises, standing, results }: StatusFacts): StatusScenario[] {
  if (promises === undefined) return [];
  const vault = truthOf(standing);
  const answers = recoverable({
    promises,
    vault: standing.source === "vault" ? vault : undefined,
    supabase: ownBackups(results),
  });
  return answers.map(({ scenario, answer, why, dueAt }) => {
    const row = (what: "RPO" | "RTO") => promises.rows.find((one) => one.scenario === scenario && one.what === what);
    const [loss, time] = [row("RPO"), row("RTO")];
    const drill = standing.played?.find((one) => one.scenario === scenario);
    return {
      ...{ scenario, answer, why: clip(why, mostText) },
      ...(dueAt === undefined ? {} : { dueAt }),
      loss: { promised: loss?.promised ?? 0, now: finite(loss?.now), atWorst: finite(loss?.atWorst) },
      time: { promised: time?.promised ?? 0, measured: finite(time?.measured) },
      drill: drill === undefined ? null : { at: drill.at, minutes: drill.minutes },
    };
  });
}

/** @public Held to the checks' own names by a test. */
export const ownBackupChecks = ["supabase-backups", "pitr-on", "pitr-window"];

/** The worst of the checks of what Supabase keeps itself; undefined where there is none, because the policy does not count on it. */
function ownBackups(results: readonly CheckResult[]): Pick<CheckResult, "state" | "dueAt"> | undefined {
  const own = results.filter(({ id }) => ownBackupChecks.includes(id));
  const [worst] = worstFirst(own);
  if (worst === undefined) return undefined;
  const due = own.flatMap(({ dueAt }) => (isTime(dueAt) ? [dueAt] : [])).sort()[0];
  return { state: worst.state, ...(due === undefined ? {} : { dueAt: due }) };
}

function finite(minutes: number | undefined): number | null {
  return minutes === undefined || !Number.isFinite(minutes) ? null : minutes;
}

function limitOf({ id, title, measure }: CheckResult, { state, now }: StatusFacts): StatusDocument["limits"] {
  if (measure === undefined || measure.limit === null || !(measure.limit > 0)) return [];
  const { value, limit, unit } = measure;
  const days = Object.hasOwn(state.history, id) ? (state.history[id] ?? []) : [];
  const left = daysUntil(limit, value, growthPerDay(days, now));
  const reachedOn = left === null ? null : formatDay(now.getTime() + left * 24 * hour);
  return [{ id, title: clip(title, 100), unit, value: Math.max(0, value), limit, reachedOn, days: days.slice(-60) }];
}
