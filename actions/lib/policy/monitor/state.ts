import { z } from "zod";
import { checkIdPattern } from "../../config/policy/monitor.ts";
import { type CheckResult, checkStates } from "./check.ts";

/** What the monitor keeps from run to run, on the branch `reports`: who can write only the bucket cannot silence an alarm. */
export const statePath = "monitor/state.json";

const time = z.iso.datetime();
const day = z.iso.date();
const checkId = z.string().regex(checkIdPattern);
const channelName = z.enum(["slack", "email", "issue"]);

const recordSchema = z.strictObject({
  state: z.enum(checkStates),
  /** Since when it is in this state. */
  since: time,
  /** What people heard last and by which channels; null: nothing, or that it is well. */
  told: z
    .strictObject({ level: z.enum(["warning", "critical"]), at: time, by: z.array(channelName).max(3) })
    .nullable(),
  /** Which run is about to tell of it, and since when. */
  telling: z.strictObject({ at: time, run: z.string().max(80) }).nullable(),
  /** When people last heard that it was well again. */
  wellAt: time.nullable(),
  silenced: z.boolean(),
  /** Until when what was found last stays true without news; kept while it is unknown. */
  dueAt: time.optional(),
});
export type CheckRecord = z.infer<typeof recordSchema>;

const dayValueSchema = z.strictObject({ day, value: z.number() });

const historyDays = 400;
const mostChecks = 200;

const bounded = <Value extends z.ZodType>(value: Value) =>
  z.record(checkId, value).refine((all) => Object.keys(all).length <= mostChecks);

const stateSchema = z.strictObject({
  format: z.literal("lifeboat-monitor/1"),
  /** When it was looked last. */
  at: time,
  checks: bounded(recordSchema),
  /** Channels that took nothing last: since when, the reason, and whether it was a message or only a trial of the account. */
  unreached: z.partialRecord(
    channelName,
    z.strictObject({ since: time, reason: z.string().max(60), by: z.enum(["message", "trial"]) }),
  ),
  /** The day whose summary was sent, or is about to be. */
  summary: z.strictObject({ day, at: time, run: z.string().max(80), told: z.boolean() }).nullable(),
  /** The measures of the checks, a value a day, oldest first. */
  history: bounded(z.array(dayValueSchema).max(historyDays)),
});
export type MonitorState = z.infer<typeof stateSchema>;

export const noState: MonitorState = {
  format: "lifeboat-monitor/1",
  at: new Date(0).toISOString(),
  checks: {},
  unreached: {},
  summary: null,
  history: {},
};

/** @returns undefined for what is no state of this format: then nothing counts as told, which is louder and never quieter */
export function parseState(text: string): MonitorState | undefined {
  try {
    return stateSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** A line a check, so that a change of one is a change of one line. */
export function encodeState(state: MonitorState): string {
  const lines = (all: Readonly<Record<string, unknown>>): string =>
    Object.keys(all)
      .sort()
      .map((id) => `    ${JSON.stringify(id)}: ${JSON.stringify(all[id])}`)
      .join(",\n");
  const { checks, history, ...rest } = stateSchema.parse(state);
  const head = Object.entries(rest).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
  return [
    "{",
    ...head,
    `  "checks": {\n${lines(checks)}\n  },`,
    `  "history": {\n${lines(history)}\n  }`,
    "}",
    "",
  ].join("\n");
}

/**
 * The history with the measures of today, the last one of a day. What is dated after today comes from a clock that was wrong, and goes. A
 * check that is gone keeps its values for as long as they are young enough.
 */
export function withMeasures(
  history: MonitorState["history"],
  results: readonly Pick<CheckResult, "id" | "measure">[],
  now: Date,
): MonitorState["history"] {
  const today = now.toISOString().slice(0, 10);
  const oldest = new Date(now.getTime() - historyDays * 86_400_000).toISOString().slice(0, 10);
  const kept = Object.entries(history).map(([id, values]) => {
    return [id, values.filter(({ day }) => day > oldest && day <= today)] as const;
  });
  const all = new Map(kept);
  for (const { id, measure } of results) {
    if (measure === undefined) continue;
    const before = (all.get(id) ?? []).filter(({ day }) => day < today);
    all.set(id, [...before, { day: today, value: measure.value }]);
  }
  const filled = [...all].filter(([, values]) => values.length > 0).slice(-mostChecks);
  return Object.fromEntries(filled.map(([id, values]) => [id, values.slice(-historyDays)]));
}
