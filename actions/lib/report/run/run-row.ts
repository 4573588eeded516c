import { z } from "zod";
import {
  auditHead,
  conclusionSchema,
  type OperationReport,
  operationSchema,
  type RunReport,
  time,
} from "./run-report.ts";

const number = z.number().nonnegative();

const operationRowSchema = z.strictObject({
  operation: operationSchema,
  conclusion: conclusionSchema,
  seconds: number,
  set: z.string().optional(),
  tier: z.string().optional(),
  snapshotAt: time.optional(),
  bucket: z.string().optional(),
  plainBytes: number.optional(),
  storedBytes: number.optional(),
  rows: number.optional(),
  fileBytes: number.optional(),
  restoreSeconds: number.optional(),
  outcome: z.string().optional(),
  code: z.string().optional(),
  untold: z.array(z.string()).optional(),
  audit: auditHead.optional(),
});
export type OperationRow = z.infer<typeof operationRowSchema>;

/** What is left of a run when its month is folded, and all that pages about many runs need: one line of NDJSON. */
const runRowSchema = z.strictObject({
  at: time,
  workflow: z.string(),
  run: z.string(),
  attempt: z.number(),
  event: z.string(),
  url: z.string().optional(),
  conclusion: conclusionSchema,
  seconds: number,
  operations: z.array(operationRowSchema),
});
export type RunRow = z.infer<typeof runRowSchema>;

/** What tells one attempt of one run from all others. */
export function runKey(run: string, attempt: number): string {
  return `${run}/${attempt}`;
}

export function rowOf({ run, triggeredAt, startedAt, endedAt, conclusion, operations }: RunReport): RunRow {
  return {
    at: triggeredAt,
    workflow: run.workflow,
    run: run.runId,
    attempt: run.attempt,
    event: run.event,
    ...(run.url === null ? {} : { url: run.url }),
    conclusion,
    seconds: secondsBetween(startedAt, endedAt),
    operations: operations.map(operationRow),
  };
}

function operationRow({
  operation,
  conclusion,
  startedAt,
  endedAt,
  facts,
  failure,
  untold,
}: OperationReport): OperationRow {
  const { set, tier, snapshotAt, bucket, plainBytes, storedBytes, rows, files, restoreSeconds, outcome, audit } = facts;
  const row = {
    set,
    tier,
    snapshotAt,
    bucket,
    plainBytes,
    storedBytes,
    rows,
    fileBytes: files?.bytes,
    restoreSeconds,
    outcome,
    audit,
  };
  return {
    operation,
    conclusion,
    seconds: secondsBetween(startedAt, endedAt),
    ...Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)),
    ...(failure === null ? {} : { code: failure.code }),
    ...(untold.length === 0 ? {} : { untold }),
  };
}

function secondsBetween(from: string, to: string): number {
  return Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
}

/** Oldest first; runs of one moment by their number. */
export function byTime(a: RunRow, b: RunRow): number {
  const [left, right] = [`${a.at} ${a.run} ${a.attempt}`, `${b.at} ${b.run} ${b.attempt}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

export function encodeRows(rows: readonly RunRow[]): string {
  return [...rows]
    .sort(byTime)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join("");
}

/** Lines that are no rows are passed over; how many there were is told. */
export function decodeRows(text: string): { readonly rows: RunRow[]; readonly foreign: number } {
  const lines = text.split("\n").filter((line) => line !== "");
  const rows = lines.flatMap((line) => readRow(line) ?? []);
  return { rows, foreign: lines.length - rows.length };
}

function readRow(line: string): RunRow | undefined {
  try {
    return runRowSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
