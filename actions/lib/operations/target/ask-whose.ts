import type { Client } from "pg";
import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import { optional, readConnection } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { Problems } from "../../config/problems.ts";
import type { ProjectStorage } from "../../config/project-storage.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { isSameDatabase } from "../../postgres/connect/same-database.ts";
import { targetConnector } from "./connect-target.ts";
import { admitWhose, productionNames, targetNames, type Whose, whoseTarget } from "./production-gate.ts";

export interface WhoseQuestion {
  readonly config: Config<"target">;
  /** Where files are written too. */
  readonly storage?: Pick<ProjectStorage, "endpoint">;
  /** Ref of the set's or the snapshot's project, where there is one. */
  readonly fromSet: string | null;
  /** What production is to this command, for messages. */
  readonly what: string;
  /** What `--production` was given. */
  readonly typed: string | undefined;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds out whether the target is production before anything is written to it: by every name that the settings have, and by
 * asking both databases where DATABASE_URL leads to production. Its ref must then have been typed.
 *
 * @returns what was found, for a command that must not write where nobody can tell
 * @throws ConfigurationError `target-is-production`, `production-not-meant`
 */
export async function admitTarget(question: WhoseQuestion): Promise<Whose> {
  const { config, storage, fromSet, what, typed, log, signal } = question;
  const { target, policy } = config;
  const settings = productionSettings(config);
  const [names, production] = [targetNames(target, storage), productionNames(config, settings, fromSet)];
  const byName = whoseTarget(names, production, undefined);
  const same =
    byName.kind === "production" || settings === undefined
      ? undefined
      : await askBoth(settings, targetConnector(config, "identity", { log, signal }), log, signal);
  const whose = whoseTarget(names, production, same);
  admitWhose(whose, { target, prefix: policy.targets[target.name]?.env ?? "TARGET", what, typed });
  return whose;
}

/** DATABASE_URL where it is set and can be read; another command says what is wrong with it. */
export function productionSettings({ env }: Pick<Config, "env">): ConnectionSettings | undefined {
  return optional(env, "DATABASE_URL") === undefined ? undefined : readConnection(env, "DATABASE", new Problems());
}

/** Production may be what was lost: nobody waits for it. */
const onceOnly = { attempts: 1, attemptSeconds: 15, pauseSeconds: 0 };

async function askBoth(
  settings: ConnectionSettings,
  connectTarget: () => Promise<Client>,
  log: Log,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> {
  const options = { applicationName: "lifeboat/identity", log, patience: onceOnly, ...(signal && { signal }) };
  let production: Client;
  try {
    production = await connect(settings, options);
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    log.debug("DATABASE_URL could not be reached, so whether the target is another database is told by names alone.");
    return undefined;
  }
  try {
    const target = await connectTarget();
    try {
      return await compareDatabases(production, target, log);
    } finally {
      await target.end().catch(() => undefined);
    }
  } finally {
    await production.end().catch(() => undefined);
  }
}

/** Equal system identifiers decide nothing, but are said: the target may be a physical copy that serves something else. */
export async function compareDatabases(production: Client, target: Client, log: Log): Promise<boolean | undefined> {
  const same = await isSameDatabase(production, target);
  if (same !== true && (await clusterOf(production)) === (await clusterOf(target))) {
    log.info(
      "The target's server bears the system identifier of production's: a copy of it, or made of the same image.",
    );
  }
  return same;
}

async function clusterOf(client: Client): Promise<string> {
  const answer = await client.query("select (select system_identifier from pg_control_system())::text as id");
  return z.object({ id: z.string() }).parse(answer.rows[0]).id;
}
