import type { Client } from "pg";
import { describeCode, LifeboatError, OperationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { connect } from "../../postgres/connect/connect.ts";

/**
 * Opens sessions of the configured target, one a call.
 *
 * @param purpose what the sessions are called at the server: `lifeboat/<purpose>`
 * @throws ConfigurationError, OperationError as `connect`
 */
export function targetConnector(
  { target, policy }: Pick<Config<"target">, "target" | "policy">,
  purpose: string,
  { log, signal }: { readonly log: Log; readonly signal?: AbortSignal | undefined },
): () => Promise<Client> {
  return () =>
    connect(target.database, {
      applicationName: `lifeboat/${purpose}`,
      setting: `${policy.targets[target.name]?.env ?? "TARGET"}_DATABASE_URL`,
      lockWaitSeconds: policy.source.lockWaitSeconds,
      log,
      ...(signal && { signal }),
    });
}

/** A cut session as one of our errors: a driver's error may quote what the server said, and that may quote rows. */
export function brokenOff(error: unknown): unknown {
  if (error instanceof LifeboatError || (error instanceof Error && error.name === "AbortError")) return error;
  const lost =
    error instanceof Error && /^(Connection terminated|Client was closed|Client has encountered)/.test(error.message);
  if (!lost && !(typeof error === "object" && error !== null && "code" in error)) return error;
  return new OperationError(
    "restore-interrupted",
    `The restore broke off (${describeCode(error)}).`,
    "Run the same command again: it takes up what is done already.",
  );
}
