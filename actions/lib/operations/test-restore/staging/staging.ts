import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { readRestoreTestEnvironment } from "../../../config/environment.ts";
import type { Config } from "../../../config/load.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { type ManagementApi, openManagementApi } from "../../../supabase/project.ts";
import { targetConnector } from "../../target/sessions.ts";
import { compareDatabases } from "../../target/whose.ts";
import { admitOther, admitRefs } from "./gates.ts";
import { type DatabaseIdentity, readIdentity } from "./identity.ts";

/** Staging by name only: what can be said before its database is asked anything. */
export interface StagingPlace {
  readonly ref: string;
  /** Undefined without SUPABASE_ACCESS_TOKEN. */
  readonly api: ManagementApi | undefined;
  connect(): Promise<Client>;
}

/** Staging's database, reached and found to be another than production's. Nobody else runs a restore test in it. */
export interface ReachedStaging extends AsyncDisposable {
  readonly client: Client;
  readonly identity: DatabaseIdentity;
}

export type StagingConfig = Config<"target">;

interface Watch {
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The gates that need no database: refs and addresses.
 * @throws ConfigurationError as `admitRefs`
 */
export function placeOfStaging(config: StagingConfig, { log, signal }: Watch): StagingPlace {
  const { policy, target, projectRef, env } = config;
  const { production, api } = readRestoreTestEnvironment(env);
  const ref = admitRefs({
    ...{ policyRef: policy.restoreTest.projectRef, targetName: target.name, targetRef: target.projectRef },
    ...{ target: target.database, productionRef: projectRef, production },
  });
  return {
    ref,
    api: api === undefined ? undefined : openManagementApi({ ...api, signal }),
    connect: targetConnector(config, "restore-test", { log, signal }),
  };
}

/** Any number: it only has to be the same for everybody who empties this database. */
const oneAtATime = 720_190_318;

/**
 * Reaches the database, sees that it is not production's, and takes it for this run alone.
 * @throws ConfigurationError `staging-is-production`, `staging-unknown`, `staging-busy`; of `connect`
 */
export async function reachStaging(place: StagingPlace, config: StagingConfig, watch: Watch): Promise<ReachedStaging> {
  const client = await place.connect();
  try {
    const identity = await readIdentity(client);
    await refuseProductions(client, config, watch);
    const lock = await client.query("select pg_try_advisory_lock($1) as mine", [oneAtATime]);
    if (lock.rows[0]?.mine !== true) {
      throw new ConfigurationError(
        "staging-busy",
        "Another restore test is at work in the staging project. Nothing has been touched.",
        "Wait until it has ended, then run again.",
      );
    }
    return { client, identity, [Symbol.asyncDispose]: () => leave(client) };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** The lock is given back by name: a pooler may hand the session on to somebody else as it is. */
async function leave(client: Client): Promise<void> {
  await client.query("select pg_advisory_unlock_all()").catch(() => undefined);
  await client.end().catch(() => undefined);
}

/** Nothing where the environment does not know production's database; then its ref and the marker have to do. */
async function refuseProductions(
  client: Client,
  { env, policy }: StagingConfig,
  { log, signal }: Watch,
): Promise<void> {
  const { production } = readRestoreTestEnvironment(env);
  if (production === undefined) return;
  const source = await connect(production, {
    applicationName: "lifeboat/restore-test",
    lockWaitSeconds: policy.source.lockWaitSeconds,
    log,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    admitOther(await compareDatabases(source, client, log));
  } finally {
    await source.end().catch(() => undefined);
  }
}
