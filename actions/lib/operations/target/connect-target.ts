import type { Client } from "pg";
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
