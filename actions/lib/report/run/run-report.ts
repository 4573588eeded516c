import { z } from "zod";
import { countOf } from "../../base/measures.ts";
import { type Environment, optional } from "../../config/environment.ts";
import { setIdPattern, tierSchema } from "../../vault/format/manifest.ts";
import type { Page } from "../page.ts";

const count = z.number().int().nonnegative();
const seconds = z.number().nonnegative();
export const time = z.iso.datetime();

/** What a job does, by the name that the verb is reported as. `publish` is the committing of reports itself. */
export const operationSchema = z.string().regex(/^[a-z][a-z-]{0,39}$/);

/**
 * How something ended. `skipped`: there was nothing to do. `timed-out`: GitHub ended it. `lost`: it never said, and GitHub
 * does not know either.
 */
export const conclusionSchema = z.enum(["success", "skipped", "failure", "cancelled", "timed-out", "lost"]);
export type Conclusion = z.infer<typeof conclusionSchema>;

/** How many entries the trail has, and the SHA-256 of the last one. */
export const auditHead = z.strictObject({
  count: z.number().int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** What an operation measured and found. Names, counts, bytes and seconds; each is left out where it does not apply. */
const runFactsSchema = z.strictObject({
  set: z.string().regex(setIdPattern).optional(),
  tier: tierSchema.optional(),
  /** When the set's data was read at the source. */
  snapshotAt: time.optional(),
  /** In which a set was published: which vault it can be missed in. */
  bucket: z.string().max(63).optional(),
  /** In order. */
  stages: z.array(z.strictObject({ name: z.string().max(80), seconds })).optional(),
  /** Bytes before compression and sealing, and sealed in the vault. */
  plainBytes: count.optional(),
  storedBytes: count.optional(),
  tables: count.optional(),
  rows: count.optional(),
  /** Storage's files: how many there are and how many bytes, and what this run moved of them. */
  files: z.strictObject({ count, bytes: count, moved: count.optional(), movedBytes: count.optional() }).optional(),
  /** Tables of which much is gone or changed since the set before: each in a sentence without its full stop, the largest first. */
  jumps: z
    .strictObject({ since: z.string().regex(setIdPattern), what: z.array(z.string().max(400)).max(10), more: count })
    .optional(),
  /** From the first byte of the set to the end of the comparison. */
  restoreSeconds: seconds.optional(),
  /** The verdict in one word, e.g. `proven`, `differs`, `whole`, `damaged`, `dry-run`. */
  outcome: z
    .string()
    .regex(/^[a-z-]{1,40}$/)
    .optional(),
  /** Key of the signed proof in the vault. */
  proof: z.string().max(200).optional(),
  differences: z.strictObject({ failed: count, expected: count, unverified: count }).optional(),
  /** The end of the audit trail after this run: what was in it then can be told for ever from what somebody makes of it. */
  audit: auditHead.optional(),
});
export type RunFacts = z.infer<typeof runFactsSchema>;

const failureSchema = z.strictObject({
  /** Stable kebab-case name of the problem. */
  code: z
    .string()
    .max(80)
    .regex(/^[a-z0-9-]+$/),
  message: z.string().max(2000),
  next: z.string().max(2000),
  /** Page below the repository's root. */
  runbook: z
    .string()
    .max(200)
    .regex(/^[\w./-]+$/),
});

/** What one job did. */
const operationReportSchema = z.strictObject({
  operation: operationSchema,
  /** The job's id in its workflow, `backup`, or with the step's, `backup.weekly`. */
  job: z
    .string()
    .max(100)
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u),
  startedAt: time,
  endedAt: time,
  conclusion: conclusionSchema,
  /** What there is to say about it, in one sentence. */
  sentence: z.string().max(2000),
  facts: runFactsSchema,
  warnings: z.array(z.string().max(1000)).max(50),
  failure: failureSchema.nullable(),
  /** Channels that could not be told, e.g. `slack`. */
  untold: z.array(z.string().max(40)),
});
export type OperationReport = z.infer<typeof operationReportSchema>;
export type Failure = z.infer<typeof failureSchema>;

/** Why people hear of what went well: something began, or is over, or what was read has changed much. */
export type News = "begun" | "over" | "jumps";

/** What a run came to, for everybody who hears of it. */
export interface Outcome {
  /** By the names that the operation declares. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** For the terminal and for a job's summary; its sentence stands in the report. */
  readonly page: Page;
  /** For reports; default: none. */
  readonly facts?: RunFacts;
  /** There was nothing to do. */
  readonly skipped?: boolean;
  /** Another job of the run goes on with it: that this one went well is no news to anybody yet. */
  readonly unfinished?: boolean;
  /** People hear of it at once although it went well: something began that they have to know of, or it is over. */
  readonly news?: News;
  /** Why the run failed although its work was done, e.g. a set that was found damaged. */
  readonly failure?: { readonly code: string; readonly message: string; readonly next: string };
}

/** Why a run fails although its work was done: somebody else has written to the vault. Undefined without an alarm. */
export function meddlingFailure(alarms: readonly string[]): Outcome["failure"] {
  if (alarms.length === 0) return undefined;
  return {
    code: "vault-meddled",
    message: alarms.join(" "),
    next: "Nothing was removed from the vault. Find out who can write to it and did, then put back what was there: runbooks/vault-meddled.md.",
  };
}

/** Which run of which workflow. */
const runIdentitySchema = z.strictObject({
  workflow: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u),
  /** GitHub's number of the run, or a name of its own for what ran elsewhere. */
  runId: z.string().regex(/^[\w.-]{1,60}$/),
  attempt: z.number().int().positive(),
  /** Where its log is; null for what ran elsewhere. */
  url: z.url({ protocol: /^https?$/ }).nullable(),
  /** `schedule`, `workflow_dispatch` … */
  event: z.string().max(40),
});
export type RunIdentity = z.infer<typeof runIdentitySchema>;

/**
 * One attempt of one run of a workflow. The action of a job writes it with its own operation alone; whoever publishes puts
 * the jobs of a run together. Nothing in it is personal or secret: it is committed for everybody to read.
 */
export const runReportSchema = z.strictObject({
  format: z.literal("lifeboat-run/1"),
  run: runIdentitySchema,
  /** When GitHub was asked to start it, when it began and when it ended. */
  triggeredAt: time,
  startedAt: time,
  endedAt: time,
  conclusion: conclusionSchema,
  operations: z.array(operationReportSchema),
  /** `job`: told by the job itself. `actions`: all that is known is what GitHub's API says. */
  source: z.enum(["job", "actions"]),
});
export type RunReport = z.infer<typeof runReportSchema>;

/** A report as it lies on the branch. @returns undefined for bytes that are no report of a format we know */
export function parseReport(bytes: Uint8Array): RunReport | undefined {
  try {
    return runReportSchema.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))).data;
  } catch {
    return undefined;
  }
}

/** What is said of `jumps`, a sentence each. */
export function jumpLines({ jumps }: RunFacts): string[] {
  if (jumps === undefined) return [];
  const more = jumps.more === 0 ? [] : [`And ${countOf(jumps.more, "more table")}.`];
  return [...jumps.what.map((what) => `Since set ${jumps.since}: ${what}.`), ...more];
}

/** What is done again and again by this name, and may fail while its neighbours go well: `restore-test`, `backup, weekly`. */
export function workOf({ run, operations: [told] }: RunReport): string {
  const step = told?.job.split(".")[1];
  return step === undefined ? run.workflow : `${run.workflow}, ${step}`;
}

/** The job's id in its workflow, and the step's where a job does several works: `backup.weekly`. No id has a dot in it. */
export function jobName(env: Environment): string {
  const job = optional(env, "GITHUB_JOB") ?? "job";
  const step = optional(env, "GITHUB_ACTION");
  // A step without an id gets a number or underscores for a name.
  const named = step !== undefined && step !== job && /^[a-z][\w-]*$/i.test(step);
  return (named ? `${job}.${step}` : job).slice(0, 100);
}
