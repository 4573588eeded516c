import { ConfigurationError, OperationError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Environment } from "../config/environment.ts";
import { loadConfig } from "../config/load.ts";
import { hasReplica } from "../config/vault-location.ts";
import { Context } from "../operations/context.ts";
import { canReadReplica, readsReplica } from "../operations/field.ts";
import type { Operation, Told } from "../operations/operation.ts";
import type { Head } from "../vault/audit/entry.ts";
import { auditedRun } from "./audited-run.ts";
import { runIdentity } from "./job-report.ts";

interface Surrounded {
  readonly env: Environment;
  readonly log: Log;
  /** Aborted by Ctrl-C, or when the job is cancelled. */
  readonly signal: AbortSignal;
  /** Told the end of the audit trail, as soon as the run's own entry is it. */
  readonly anchored?: ((head: Head) => void) | undefined;
}

/** Loads what the operation needs, opens its context, runs it, and closes what was opened. */
export async function runOperation(
  operation: Operation,
  inputs: Readonly<Record<string, unknown>>,
  { env: given, log, signal, anchored }: Surrounded,
): Promise<Told> {
  const file = operation.policyFile?.(inputs);
  const env = file === undefined ? given : { ...given, LIFEBOAT_POLICY: file };
  const named = typeof inputs["target"] === "string" ? inputs["target"] : "default";
  const config = await loadConfig({
    ...{ needs: operation.needs?.(inputs, env) ?? [], env },
    from: readsReplica(operation.inputs, inputs) ? "replica" : "vault",
    target: (policy) => operation.target?.(inputs, policy) ?? named,
  });
  const run = runIdentity(env);
  using context = new Context({ config, log, signal, run, retry: operation.retry });
  const forgets = inputs["dryRun"] === true ? undefined : operation.forgets?.(inputs);
  if (forgets !== undefined) await context.assertNoIncident(`${operation.name} ${forgets}`);
  try {
    return await auditedRun({ operation, inputs, config, env, log, signal, run, anchored }, () =>
      operation.run(context, inputs),
    );
  } catch (error) {
    throw canReadReplica(operation.inputs) && hasReplica(env) ? namingReplica(error, inputs) : error;
  }
}

/** What a vault that is lost, or damaged, answers. */
const lost = new Set(["s3-unavailable", "s3-bucket-missing", "s3-missing", "artifact-damaged"]);

/** The same error, with the other place where the same data lies. */
function namingReplica(error: unknown, { from }: Readonly<Record<string, unknown>>): unknown {
  if (!(error instanceof OperationError || error instanceof ConfigurationError)) return error;
  if (!lost.has(error.code) || from === "replica") return error;
  const next = `${error.next ?? "Run again."} Or read the replica: the same command with \`--from replica\` (runbooks/replica.md).`;
  const Same = error instanceof OperationError ? OperationError : ConfigurationError;
  return new Same(error.code, error.message, next, error);
}
