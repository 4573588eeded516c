import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { type ConnectionSettings, refOfAddress } from "../../../config/connection-url.ts";
import { readRestoreTestEnvironment } from "../../../config/environment.ts";
import type { Config } from "../../../config/load.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { type ManagementApi, openManagementApi } from "../../../supabase/management-api.ts";
import { targetConnector } from "../../target/sessions.ts";
import { compareDatabases, sameAddress } from "../../target/whose.ts";
import { type DatabaseIdentity, type Marker, readIdentity } from "./marker.ts";

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

/** Everything by which staging and production are told apart before anything is asked of a database. */
export interface RefFacts {
  /** `restoreTest.projectRef` of the policy. */
  readonly policyRef: string | null;
  readonly targetName: string;
  /** `<prefix>_PROJECT_REF`. */
  readonly targetRef: string | null;
  readonly target: ConnectionSettings;
  /** SUPABASE_PROJECT_REF. */
  readonly productionRef: string | null;
  /** DATABASE_URL, where it is set. */
  readonly production: ConnectionSettings | undefined;
}

const untouched = "Nothing has been touched.";

/**
 * The gate that needs no database. Pure.
 * @returns staging's ref
 * @throws ConfigurationError `staging-unset`, `staging-ref-differs`, `staging-is-production`
 */
export function admitRefs(facts: RefFacts): string {
  const { targetName, targetRef, target, productionRef, production } = facts;
  const policyRef = facts.policyRef?.trim().toLowerCase();
  if (policyRef === undefined) {
    throw new ConfigurationError(
      "staging-unset",
      "The policy names no staging project.",
      "Set restoreTest.projectRef in lifeboat.config.ts to the ref of a project that may be emptied, then mark it: `lifeboat test-restore --mark-staging <ref>`.",
    );
  }
  const addressed = refOfAddress(target.host, target.user);
  for (const [where, ref] of [
    [`the environment of target ${targetName}`, targetRef],
    ["its connection string", addressed],
  ] as const) {
    if (ref === null || ref === undefined || ref === policyRef) continue;
    throw new ConfigurationError(
      "staging-ref-differs",
      `The policy's staging project is ${policyRef}, but ${where} names ${ref}. ${untouched}`,
      "Correct whichever is wrong: a restore test empties the project that it is pointed at.",
    );
  }
  const refs = [productionRef, production && refOfAddress(production.host, production.user)];
  if (refs.includes(policyRef)) throw isProduction(`its ref ${policyRef} is production's`);
  if (production !== undefined && sameAddress(production, target)) throw isProduction("DATABASE_URL leads to it");
  return policyRef;
}

/**
 * Whether a reached database is another than production's, whatever the addresses say. Pure.
 * @param same what asking both has shown; undefined when it showed nothing
 * @throws ConfigurationError `staging-is-production`
 */
export function admitOther(same: boolean | undefined): void {
  if (same === true) throw isProduction("it is the very database that DATABASE_URL leads to");
  if (same === false) return;
  throw new ConfigurationError(
    "staging-unknown",
    `Whether the database is production's cannot be told: a pooler hands DATABASE_URL's session on between statements. ${untouched}`,
    "Use the session pooler or the direct host in DATABASE_URL, or leave it out of the environment of the restore test.",
  );
}

/**
 * Whether the database says of itself that it is staging, and still is the one that said so. Pure.
 * @throws ConfigurationError `staging-unmarked`, `staging-marker-differs`
 */
export function admitMarker(marker: Marker | undefined, ref: string, identity: DatabaseIdentity): Marker {
  if (marker === undefined) {
    throw new ConfigurationError(
      "staging-unmarked",
      `The database does not bear the marker of staging. ${untouched}`,
      `When it is an empty project that may be emptied every month, mark it: \`lifeboat test-restore --mark-staging ${ref}\`.`,
    );
  }
  const differs = (how: string) =>
    new ConfigurationError(
      "staging-marker-differs",
      `The database bears a marker of staging that ${how}. ${untouched}`,
      "It may be a copy of staging that serves something else by now. If it is staging, empty it and mark it again.",
    );
  if (marker.projectRef !== ref) throw differs(`was set for project ${marker.projectRef}, not for ${ref}`);
  if (
    marker.identity.systemIdentifier !== identity.systemIdentifier ||
    marker.identity.database !== identity.database
  ) {
    throw differs("was set in another database");
  }
  return marker;
}

function isProduction(why: string): ConfigurationError {
  return new ConfigurationError(
    "staging-is-production",
    `The staging project is production: ${why}. ${untouched}`,
    "Point the target's environment and restoreTest.projectRef at a project of its own: a restore test empties it.",
  );
}
