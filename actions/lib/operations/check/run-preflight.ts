import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { type ClientTools, findClientTools } from "../../postgres/connect/client-tools.ts";
import { connect } from "../../postgres/connect/connect.ts";
import type { PinnedKeys } from "../../seal/keys/pins.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import type { Tier } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { type CheckRow, checkKeysSet, failed } from "./check-row.ts";
import { checkConnectionKind, checkReadAccess, checkServer, readServerFacts } from "./source-rows.ts";
import { checkBucket, checkLifecycle, checkReplicaPlace, tryBucket } from "./vault-rows.ts";

/** What a backup can start with, because it was just looked at. */
export interface Ready {
  readonly tools: ClientTools;
  readonly keys: PinnedKeys;
  readonly signing: UnlockedKey;
  /** Whether the bucket can lock objects. */
  readonly bucketLocks: boolean;
}

export interface PreflightReport {
  readonly rows: readonly CheckRow[];
  /** Undefined when any row failed. */
  readonly ready: Ready | undefined;
}

/**
 * Looks at everything that a backup needs: the database, the vault, the keys. Writes nothing but a probe, and that only when
 * all else is well. Every check is
 * made, whatever the others found, so that one look tells all.
 *
 * @param tier what is about to be made: only archives need the bucket's lifecycle; all is looked at when it is not told
 */
export async function runPreflight(
  config: Config<"source" | "vault" | "signing">,
  vault: Vault,
  log: Log,
  signal?: AbortSignal,
  tier?: Tier,
): Promise<PreflightReport> {
  const archives = tier === undefined || tier === "monthly";
  const [source, bucket, keys, replica, lifecycle] = await Promise.all([
    checkSource(config, log, signal),
    checkBucket(config.policy, vault, config.vault.region),
    checkKeysSet(config),
    checkReplicaPlace(config),
    archives ? checkLifecycle(config.policy, vault) : undefined,
  ]);
  const reached = bucket.rows.every(({ check, status }) => check !== "bucket" || status === "ok");
  const archive = lifecycle !== undefined && reached ? [lifecycle] : [];
  const rows = [...source.rows, ...bucket.rows, ...replica, ...archive, ...keys.rows];
  // The one look that writes comes last, and only into a bucket that is the right one.
  if (rows.every(({ status }) => status !== "fail")) rows.push(...(await tryBucket(vault)));
  const good = rows.every(({ status }) => status !== "fail");
  const { tools } = source;
  const { pinned, signing } = keys;
  if (!good || tools === undefined || pinned === undefined || signing === undefined) return { rows, ready: undefined };
  return { rows, ready: { tools, keys: pinned, signing, bucketLocks: bucket.locks } };
}

async function checkSource(
  config: Config<"source">,
  log: Log,
  signal: AbortSignal | undefined,
): Promise<{ rows: CheckRow[]; tools: ClientTools | undefined }> {
  const rows = checkConnectionKind(config.source, config.policy.regions);
  let tools: ClientTools | undefined;
  const attempt = async <T>(check: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      rows.push(failed(check, error));
      return undefined;
    }
  };
  const client = await attempt("connection", () =>
    connect(config.source, { applicationName: "lifeboat/check", log, ...(signal === undefined ? {} : { signal }) }),
  );
  if (client === undefined) return { rows, tools };
  try {
    const facts = await readServerFacts(client);
    tools = await attempt("versions", () => findClientTools(facts.major, config.env));
    rows.push(...checkServer(facts, tools, config.policy.source), ...(await checkReadAccess(client)));
  } finally {
    await client.end().catch(() => {});
  }
  return { rows, tools };
}
