import { setTimeout as sleep } from "node:timers/promises";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { clip } from "../../base/measures.ts";
import type { CheckResult, Finding } from "../../policy/monitor/check.ts";
import { ApiRefusal } from "../../supabase/api-refusal.ts";
import type { Check } from "./check.ts";

interface TableOptions {
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The last net under texts that everybody may read. */
  readonly clean: (text: string) => string;
  /** For each check; they look side by side, so it is how long the table takes at most. Default: 40 s. */
  readonly milliseconds?: number;
}

/**
 * What every check finds, in their order. None stops another: one that cannot look is `unknown`, one that fails in a way nobody
 * expected is critical.
 */
export async function runTable(
  checks: readonly Check[],
  { log, signal, clean, milliseconds = 40_000 }: TableOptions,
): Promise<CheckResult[]> {
  const results = await Promise.all(
    checks.map(async ({ id, group, title, runbook, look }): Promise<CheckResult> => {
      const finding = await found(look, milliseconds).catch((error: unknown) => {
        if (error instanceof LifeboatError && !isUnset(error)) log.info(`${id}: ${error.message}`);
        return findingOf(error);
      });
      return { id, group, title, runbook, ...presentable(finding, clean) };
    }),
  );
  signal.throwIfAborted();
  return results;
}

async function found(look: Check["look"], milliseconds: number): Promise<Finding> {
  const done = new AbortController();
  const late = sleep(milliseconds, "late" as const, { signal: done.signal, ref: false });
  late.catch(() => {});
  try {
    const first = await Promise.race([look(), late]);
    return first === "late" ? notInTime(milliseconds / 1000) : first;
  } finally {
    done.abort();
  }
}

const blind = "The state of this is not known, so it does not count as ok.";

function notInTime(seconds: number): Finding {
  return {
    state: "unknown",
    found: `No answer came within ${seconds} seconds.`,
    means: blind,
    next: "Wait for the next run; when it stays so, run `lifeboat monitor --verbose` at a terminal.",
  };
}

/** What an error says of the check that threw it. Our own errors say that it could not look; any other is a fault. */
export function findingOf(error: unknown): Finding {
  if (error instanceof ApiRefusal) {
    const missing = error.missingPermissions;
    const lacks = missing.length === 0 ? "" : ` The token lacks: ${missing.join(", ")}.`;
    return {
      state: "unknown",
      found: `Supabase's Management API refused to answer (status ${error.status}).${lacks}`,
      means: blind,
      next: error.next ?? "Check SUPABASE_ACCESS_TOKEN and its permissions.",
    };
  }
  if (error instanceof LifeboatError) {
    return {
      state: "unknown",
      found: isUnset(error) ? error.message : `The check could not look (${error.code}).`,
      means: blind,
      next: error.next ?? "Run `lifeboat monitor --verbose` at a terminal to see why.",
    };
  }
  return {
    state: "critical",
    found: `This check itself failed: ${reasonOf(error)}.`,
    means: "A fault in Lifeboat itself hides what this check looks for.",
    next: "Run `lifeboat monitor --verbose` at a terminal, and report it.",
  };
}

/** Our own words; of any other error only its class, because its message may hold anything. */
export function reasonOf(error: unknown): string {
  if (error instanceof LifeboatError) return error.message;
  return error instanceof Error ? error.constructor.name : typeof error;
}

/** The table says itself what is not set. */
function isUnset(error: LifeboatError): boolean {
  return error instanceof ConfigurationError && error.code === "configuration";
}

const longest = 500;

/** Texts on one line and not long, figures that are figures, times that are times; what is not well says what to do. */
function presentable(finding: Finding, clean: (text: string) => string): Finding {
  const { state, found, means, next, dueAt, measure } = finding;
  const text = (words: string): string => clip(clean(words.replaceAll(/\s+/g, " ").trim()), longest);
  const { value, limit, unit } = measure ?? { value: Number.NaN, limit: null, unit: "bytes" };
  return {
    state,
    found: text(found),
    ...(means === undefined ? {} : { means: text(means) }),
    ...(next === undefined ? (state === "ok" ? {} : { next: "Read its runbook." }) : { next: text(next) }),
    ...(dueAt !== undefined && !Number.isNaN(Date.parse(dueAt)) && { dueAt: new Date(dueAt).toISOString() }),
    ...(Number.isFinite(value) && {
      measure: { value, limit: limit !== null && Number.isFinite(limit) ? limit : null, unit },
    }),
  };
}
