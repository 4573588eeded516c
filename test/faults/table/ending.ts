import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import type { WatchedLog } from "./watched-log.ts";

/** How a run ended under which something broke. */
export type Ending<Result extends object> = Result | { readonly error: unknown } | "hangs";

/** Waits a minute for it, and no longer. */
export async function endingOf<Result extends object>(run: Promise<Result>): Promise<Ending<Result>> {
  const ended = run.catch((error: unknown) => ({ error }));
  return await Promise.race([ended, delay(60_000, "hangs" as const, { ref: false })]);
}

/** The code of its error, when that is one of ours. */
export function codeOf(ending: Ending<object>): string | undefined {
  const error = ending !== "hangs" && "error" in ending ? ending.error : undefined;
  return error instanceof LifeboatError ? error.code : undefined;
}

/** All that anybody could read of it. */
export function whatWasSaid(log: WatchedLog, ending: unknown): string {
  return `${log.lines.join("\n")}\n${inspect(ending, { depth: 8 })}`;
}
