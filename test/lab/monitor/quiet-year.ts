import { policySchema } from "../../../actions/lib/config/policy/policy.ts";
import { readWorkflows } from "../../../actions/lib/operations/policy-check/promise-check.ts";
import { advance, confirmed } from "../../../actions/lib/policy/monitor/alerts.ts";
import { validHours } from "../../../actions/lib/policy/monitor/outside.ts";
import { type MonitorState, noState } from "../../../actions/lib/policy/monitor/state.ts";
import { readSchedules, workflowFacts, workflowSchedules } from "../../../actions/lib/policy/read-schedules.ts";
import own from "../../../lifeboat.config.ts";
import { randomFrom } from "../random.ts";
import { quietFindings } from "./quiet-checks.ts";
import { quietWorld } from "./quiet-world.ts";

const policy = policySchema.parse(own);
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Something that people were told although nothing was wrong. */
export interface FalseAlarm {
  /** ISO 8601. */
  readonly at: string;
  readonly level: "critical" | "warning";
  /** Each check with what it found. */
  readonly checks: readonly string[];
}

export interface QuietYear {
  readonly looks: number;
  readonly alarms: readonly FalseAlarm[];
  /** Times at which the page was older than it says that it may be. */
  readonly stale: number;
  /** Hours in which the page showed a check as overdue that the next look found well. */
  readonly overdueHours: number;
}

/** Before the year that counts, so that trends have their values and every copy was made once. */
const before = 70 * day;
/** From a monitor's start until its news is on the page. */
const lookMillis = 3 * minute;

/**
 * A year of the monitor over a project in which nothing goes wrong: the schedules of `.github/workflows` with GitHub's lateness, the policy
 * of this repository, the rules of the checks and of the alerts.
 */
export function quietYear(seed: number, days = 365): QuietYear {
  const from = Date.parse("2025-11-01T00:00:00Z") + (seed % 28) * day;
  const until = from + before + days * day;
  const files = readWorkflows();
  const schedules = readSchedules(files.flatMap(({ path, text }) => workflowSchedules(path, text))).schedules;
  const workflows = files.map(({ path, text }) => workflowFacts(path, text)).filter(({ crons }) => crons.length > 0);
  const world = quietWorld(seed, workflows, from, until);
  const project = { policy, schedules, workflows, world, from };
  const random = randomFrom(seed + 3);
  const looks = (world.starts.get("monitor.yml") ?? []).map((at) => at + lookMillis);
  const alarms: FalseAlarm[] = [];
  let overdueHours = 0;
  let stale = 0;
  let state: MonitorState = noState;
  let dues: readonly { readonly id: string; readonly at: number }[] = [];
  let last: number | undefined;
  let counted = 0;
  for (const at of looks) {
    const now = new Date(at);
    const results = quietFindings(project, state.history, now, random);
    const { after, messages } = advance(state, results, { ...policy.monitor, now, run: String(at) });
    const confirmations = messages.map((message) => ({ message, told: ["slack" as const], untold: [] }));
    state = confirmed(after, { confirmations, now });
    if (at >= from + before) {
      counted++;
      for (const { level, turns } of messages) {
        const turned = turns.filter(({ kind }) => kind === "turned");
        if (level !== "good" && turned.length > 0)
          alarms.push({
            at: now.toISOString(),
            level,
            checks: turned.map(({ check }) => `${check.id}: ${check.found}`),
          });
      }
      if (last !== undefined && at - last > validHours * hour) stale++;
      const well = new Set(results.filter(({ state }) => state === "ok").map(({ id }) => id));
      const first = Math.min(...dues.filter(({ id }) => well.has(id)).map((each) => each.at));
      overdueHours += Math.max(0, at - first) / hour;
    }
    last = at;
    dues = results.flatMap(({ id, dueAt }) => (dueAt === undefined ? [] : [{ id, at: Date.parse(dueAt) }]));
  }
  return { looks: counted, alarms, stale, overdueHours };
}
