import { ConfigurationError, LifeboatError } from "../../base/errors.ts";

/** One line of the preflight's table. `next` says what to do when `status` is not ok. */
export interface CheckRow {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly found: string;
  readonly next: string | undefined;
}

export function ok(check: string, found: string): CheckRow {
  return { check, status: "ok", found, next: undefined };
}

export function warn(check: string, found: string, next: string): CheckRow {
  return { check, status: "warn", found, next };
}

export function fail(check: string, found: string, next: string | undefined): CheckRow {
  return { check, status: "fail", found, next };
}

/** A row for an error of ours. Anything else is a fault of the program and goes on its way. */
export function failed(check: string, error: unknown): CheckRow {
  if (!(error instanceof LifeboatError)) throw error;
  return fail(check, error.message, error.next);
}

/**
 * What a run throws when any check failed: all of them at once, before anything was written.
 * The code is the failed check's own name when it is alone, so that a caller can tell.
 */
export function refusal(rows: readonly CheckRow[]): ConfigurationError | undefined {
  const fails = rows.filter(({ status }) => status === "fail");
  if (fails.length === 0) return undefined;
  const lines = fails.map(({ check, found, next }) => `  ${check}: ${found}${next === undefined ? "" : ` → ${next}`}`);
  return new ConfigurationError(
    "preflight-failed",
    `${fails.length === 1 ? "A check" : `${fails.length} checks`} failed; nothing was written:\n${lines.join("\n")}`,
    "Mend what is listed and look again with `npx lifeboat check`.",
  );
}
