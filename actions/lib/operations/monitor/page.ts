import { countOf, few, formatMinute } from "../../base/measures.ts";
import type { Silence } from "../../config/policy/monitor.ts";
import { type CheckResult, type CheckState, worstFirst, worstOf } from "../../policy/monitor/check.ts";
import { silenceOf } from "../../policy/monitor/silences.ts";
import type { MonitorState } from "../../policy/monitor/state.ts";
import type { Page } from "../../report/page.ts";
import type { Told } from "../operation.ts";

export interface Looked {
  readonly results: readonly CheckResult[];
  /** With what this run found; since when each check is as it is. */
  readonly state: MonitorState;
  readonly silences: readonly Silence[];
  readonly now: Date;
  readonly notes: readonly string[];
}

/** How many checks are in each state. */
export function countsOf(results: readonly Pick<CheckResult, "state">[]): Readonly<Record<CheckState, number>> {
  const of = (state: CheckState): number => results.filter((one) => one.state === state).length;
  return { ok: of("ok"), warning: of("warning"), critical: of("critical"), unknown: of("unknown") };
}

/** `27 checks: 2 critical, 1 warning, 1 unknown, 23 ok.` */
export function countsSentence(results: readonly Pick<CheckResult, "state">[]): string {
  const counts = countsOf(results);
  const parts = (["critical", "warning", "unknown", "ok"] as const).flatMap((state) =>
    counts[state] === 0 ? [] : [`${counts[state]} ${state}`],
  );
  return `${countOf(results.length, "check")}: ${parts.join(", ") || "none has looked"}.`;
}

/** The table of all checks, the worst first, and what to do about each that is not ok. */
export function monitorPage({ results, state, silences, now, notes }: Looked): Page {
  const sorted = worstFirst(results);
  const bad = sorted.filter((one) => one.state !== "ok");
  return {
    title: "Monitor",
    sentence: countsSentence(results),
    tables: [
      {
        header: ["state", "since", "check", "found"],
        rows: sorted.map(({ id, state: word, title, found }) => {
          const silence = silenceOf(silences, id, now);
          const shown = word === "ok" ? "ok" : word.toUpperCase();
          const since = state.checks[id]?.since;
          return [
            silence === undefined ? shown : `${shown}, silenced until ${silence.until}`,
            since === undefined ? "" : formatMinute(since),
            `${title} (${id})`,
            silence === undefined ? found : `${found} Silenced: ${silence.reason}`,
          ];
        }),
      },
    ],
    notes: [...advice(bad), ...notes],
  };
}

/** What to do, once for all checks of the same state that say the same: what is not set is missing to a dozen of them. */
function advice(bad: readonly CheckResult[]): string[] {
  const alike = Map.groupBy(bad, ({ state, means, next }) => JSON.stringify([state, means, next]));
  return [...alike.values()].map((same) => {
    const pages = [...new Set(same.map(({ runbook }) => runbook))];
    const { means, next } = same[0] ?? {};
    const names = few(
      same.map(({ title }) => title),
      12,
    );
    return [`${names}:`, means, next, `See ${few(pages, 8)}.`].filter(Boolean).join(" ");
  });
}

/** The run for a terminal, a job's summary, reports and outputs. */
export function told(looked: Looked): Told {
  const { results, state, silences, now, notes } = looked;
  const worst = worstOf(results);
  const checks = results.map((one) => {
    const { since, told = null } = state.checks[one.id] ?? {};
    return { ...one, since, told, silence: silenceOf(silences, one.id, now) ?? null };
  });
  const counts = countsOf(results);
  return {
    result: { at: now.toISOString(), state: worst, counts, checks, unreached: state.unreached, notes },
    page: monitorPage(looked),
    facts: { outcome: worst },
    outputs: { state: worst, critical: String(counts.critical) },
  };
}
