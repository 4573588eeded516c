import { z } from "zod";
import { checkIdPattern } from "../../config/policy/monitor.ts";
import { scenarios } from "../../config/policy/promises.ts";
import { checkGroups, checkStates } from "../../policy/monitor/check.ts";
import { answers } from "../../policy/monitor/recoverable.ts";
import { setId, tierSchema } from "../../vault/format/manifest.ts";

/**
 * What the dashboard shows, as the document that lies beside it: `dashboard/status.json`. Anybody may read it, so it names no table, file,
 * bucket or person. All times are ISO 8601, all texts are bounded.
 */

const time = z.iso.datetime();
const day = z.iso.date();
const amount = z.number().nonnegative();
const minutes = amount.nullable();
export const mostText = 600;
const text = z.string().max(mostText);
const name = z.string().max(100);
/** A page of the checkout, and a place in it. */
export const runbookPattern: RegExp = /^[\w-]+(?:\/[\w-]+)*\.md(?:#[\w-]+)?$/;
export const repositoryPattern: RegExp = /^https:\/\/[\w.-]+(?::\d+)?\/[\w.-]+\/[\w.-]+$/;
const units = ["bytes", "seconds", "minutes", "rows"] as const;

const checkSchema = z.strictObject({
  id: z.string().regex(checkIdPattern),
  group: z.enum(checkGroups),
  title: name,
  state: z.enum(checkStates),
  found: text,
  means: text.optional(),
  next: text.optional(),
  runbook: z.string().regex(runbookPattern).nullable(),
  /** Since when it is in this state; null: since this run, or nobody knows. */
  since: time.nullable(),
  /** From then on the page shows it as critical, although nobody has looked again. */
  dueAt: time.optional(),
  /** Who heard of it last, by which channels; null: nobody yet. */
  told: z.strictObject({ at: time, by: z.array(name).max(5) }).nullable(),
  silence: z.strictObject({ until: day, reason: text }).nullable(),
});
export type StatusCheck = z.infer<typeof checkSchema>;

const scenarioSchema = z.strictObject({
  scenario: z.enum(scenarios),
  answer: z.enum(answers),
  why: text,
  dueAt: time.optional(),
  /** In minutes. `now` and `atWorst` are null where they are not known; infinite losses are left out as well, `answer` says them. */
  loss: z.strictObject({ promised: amount, now: minutes, atWorst: minutes }),
  time: z.strictObject({ promised: amount, measured: minutes }),
  drill: z.strictObject({ at: time, minutes: amount }).nullable(),
});
export type StatusScenario = z.infer<typeof scenarioSchema>;

const setSchema = z.strictObject({
  set: setId,
  tier: tierSchema,
  snapshotAt: time,
  plainBytes: amount,
  provenAt: time.nullable(),
});

/** A mark a day, week or month: `m`ade, `v`erified, `p`roven, `x` missing, `.` before the first, `-` not over yet. */
const calendarSchema = z.strictObject({
  what: z.enum(["days", "weeks", "months", "files"]),
  /** The day on which each begins. */
  from: z.array(day).max(380),
  marks: z
    .string()
    .max(380)
    .regex(/^[mvpx.-]*$/),
});
export type StatusCalendar = z.infer<typeof calendarSchema>;

const pointSchema = z.strictObject({ at: z.number(), value: amount });
const chartSchema = z.strictObject({
  file: name,
  title: name,
  unit: z.enum(["bytes", "seconds", "bytes per second"]),
  series: z.array(z.strictObject({ name, points: z.array(pointSchema).max(90) })).max(8),
});

const limitSchema = z.strictObject({
  id: z.string().regex(checkIdPattern),
  title: name,
  unit: z.enum(units),
  value: amount,
  limit: z.number().positive(),
  /** The day on which it is reached at the present pace; null: not within two years, or nothing is known of the pace. */
  reachedOn: day.nullable(),
  days: z.array(z.strictObject({ day, value: z.number() })).max(60),
});
export type StatusLimit = z.infer<typeof limitSchema>;

export const statusSchema = z.strictObject({
  format: z.literal("lifeboat-status/1"),
  project: name,
  /** Where runbooks are read, e.g. `https://github.com/owner/name`; null: nowhere that can be linked. */
  repository: z.string().regex(repositoryPattern).nullable(),
  /** When it was looked. */
  madeAt: time,
  /** When the next news is expected at the latest, if GitHub starts the monitor on time. */
  nextDueAt: time,
  /** From then on nothing here is valid any more: the page says so by itself. */
  validUntil: time,
  /** Whether the vault itself was asked for its sets; else they are known from reports. */
  vaultAsked: z.boolean(),
  checks: z.array(checkSchema).max(200),
  scenarios: z.array(scenarioSchema).max(scenarios.length),
  sets: z.array(setSchema).max(60),
  calendars: z.array(calendarSchema).max(4),
  charts: z.array(chartSchema).max(6),
  limits: z.array(limitSchema).max(30),
  runs: z.array(z.strictObject({ workflow: name, at: time })).max(40),
  /** Channels that took nothing when they were last tried. */
  unreached: z.array(z.strictObject({ channel: name, since: time })).max(5),
});
/** @public The document, format `lifeboat-status/1`. */
export type StatusDocument = z.infer<typeof statusSchema>;
