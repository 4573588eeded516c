import type { Log } from "../base/log.ts";
import type { Environment } from "../config/environment.ts";
import { loadConfig } from "../config/load.ts";
import { Context } from "../operations/context.ts";
import type { Operation, Told } from "../operations/operation.ts";
import { runIdentity } from "./job-report.ts";

interface Surrounded {
  readonly env: Environment;
  readonly log: Log;
  /** Aborted by Ctrl-C, or when the job is cancelled. */
  readonly signal: AbortSignal;
}

/** Loads what the operation needs, opens its context, runs it, and closes what was opened. */
export async function runOperation(
  operation: Operation,
  inputs: Readonly<Record<string, unknown>>,
  { env: given, log, signal }: Surrounded,
): Promise<Told> {
  const file = operation.policyFile?.(inputs);
  const env = file === undefined ? given : { ...given, LIFEBOAT_POLICY: file };
  const named = typeof inputs["target"] === "string" ? inputs["target"] : "default";
  const config = await loadConfig({
    ...{ needs: operation.needs?.(inputs, env) ?? [], env },
    target: (policy) => operation.target?.(inputs, policy) ?? named,
  });
  using context = new Context({ config, log, signal, run: runIdentity(env), retry: operation.retry });
  return await operation.run(context, inputs);
}
