import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import {
  type ConnectionSettings,
  isLoopback,
  normalHost,
  normalUrl,
  refOfAddress,
  refOfUrl,
} from "../../config/connection-url.ts";
import {
  optional,
  type ProjectStorage,
  readConnection,
  readRestoreTestEnvironment,
  refsOfDatabase,
  type Target,
} from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { Problems } from "../../config/problems.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { isSameDatabase } from "../../postgres/connect/same-database.ts";
import { openManagementApi } from "../../supabase/management-api.ts";
import { assertProjectAllowed } from "../../supabase/project.ts";
import { targetConnector } from "./sessions.ts";

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
  await admitRegion(config, log, signal);
  return whose;
}

/** Asks the Management API where the target's project is, where a token is set. Its address may have told already. */
async function admitRegion({ env, target, policy }: Config<"target">, log: Log, signal?: AbortSignal): Promise<void> {
  const [ref] = refsOfDatabase(target);
  const { api } = readRestoreTestEnvironment(env);
  if (ref === undefined || api === undefined) return;
  try {
    const patience = { attempts: 2, baseMillis: 500, capMillis: 2000 };
    await assertProjectAllowed(openManagementApi({ ...api, signal, patience }), ref, policy.regions);
  } catch (error) {
    if (!(error instanceof LifeboatError) || error.code === "region-refused") throw error;
    log.warn(`In which region project ${ref} is could not be asked: ${error.message}`);
  }
}

/** DATABASE_URL where it is set and can be read; another command says what is wrong with it. */
export function productionSettings({ env }: Pick<Config, "env">): ConnectionSettings | undefined {
  return optional(env, "DATABASE_URL") === undefined ? undefined : readConnection(env, "DATABASE", new Problems());
}

/** Production may be what was lost: nobody waits for it. */
const onceOnly = { attempts: 1, attemptSeconds: 15, baseMillis: 0, capMillis: 0 };

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

/** What settings tell of a project before anybody has asked it. */
export interface ProjectNames {
  readonly refs: readonly string[];
  readonly database: Address | undefined;
  /** Of its Storage. */
  readonly endpoint: string | undefined;
}

/** Whether a target is production: by which ref, where one is known. `untold`: its names and sessions do not say. */
export type Whose =
  | { readonly kind: "production"; readonly ref: string | undefined }
  | { readonly kind: "other" }
  | { readonly kind: "untold" };

/** The project that backups come from, by everything that is known of it. @param projectRef of the set or snapshot */
export function productionNames(
  { projectRef, env }: Pick<Config, "projectRef" | "env">,
  database: ConnectionSettings | undefined,
  fromSet: string | null,
): ProjectNames {
  const endpoint = env["SUPABASE_STORAGE_ENDPOINT"]?.trim() || undefined;
  const ofDatabase = database && refOfAddress(database.host, database.user);
  return {
    refs: known(fromSet?.trim().toLowerCase(), projectRef, ofDatabase, endpoint && refOfUrl(endpoint)),
    database,
    endpoint,
  };
}

export function targetNames(
  target: Pick<Target, "projectRef" | "database">,
  storage?: Pick<ProjectStorage, "endpoint">,
): ProjectNames {
  const { database } = target;
  const endpoint = storage?.endpoint;
  return { refs: known(...refsOfDatabase(target), endpoint && refOfUrl(endpoint)), database, endpoint };
}

function known(...refs: readonly (string | null | undefined)[]): string[] {
  return [...new Set(refs.filter((ref) => typeof ref === "string" && ref !== ""))].map(String);
}

/**
 * Judges by names, and by the one exact test where both databases were reached. Names decide for production whenever one
 * of them does; that a target is another project they only say when both have a ref. Pure.
 *
 * @param same what `isSameDatabase` found; undefined when it could not be asked
 */
export function whoseTarget(target: ProjectNames, production: ProjectNames, same: boolean | undefined): Whose {
  const shared = target.refs.find((ref) => production.refs.includes(ref));
  if (shared !== undefined) return { kind: "production", ref: shared };
  if (same === true || sameAddress(target.database, production.database) || sameEndpoint(target, production)) {
    return { kind: "production", ref: target.refs[0] ?? production.refs[0] };
  }
  if (same === false) return { kind: "other" };
  return target.refs.length > 0 && production.refs.length > 0 ? { kind: "other" } : { kind: "untold" };
}

type Address = Pick<ConnectionSettings, "host" | "port" | "user" | "database">;

/** The pooler has one address for all projects of a region: there the user tells them apart. */
export function sameAddress(a: Address | undefined, b: Address | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const refs = [refOfAddress(a.host, a.user), refOfAddress(b.host, b.user)];
  if (refs[0] !== undefined && refs[1] !== undefined) return refs[0] === refs[1];
  return place(a.host) === place(b.host) && a.port === b.port && a.database === b.database;
}

function place(host: string): string {
  const one = normalHost(host);
  return isLoopback(one) ? "localhost" : one;
}

function sameEndpoint({ endpoint: a }: ProjectNames, { endpoint: b }: ProjectNames): boolean {
  return a !== undefined && b !== undefined && normalUrl(a) === normalUrl(b);
}

/** What a command that writes needs to know whether it may. */
export interface Admission {
  readonly target: Pick<Target, "name">;
  /** Prefix of the target's settings, for messages. */
  readonly prefix: string;
  /** What production is to this command, e.g. `the project that the backups come from`. */
  readonly what: string;
  /** What `--production` was given. */
  readonly typed: string | undefined;
}

/**
 * The one gate to production: its ref must be typed, and may be typed for nothing else.
 * @throws ConfigurationError `target-is-production`, `production-not-meant`
 */
export function admitWhose(whose: Whose, { target, prefix, what, typed }: Admission): void {
  const given = typed?.trim().toLowerCase();
  if (whose.kind !== "production") {
    if (given === undefined) return;
    throw new ConfigurationError(
      "production-not-meant",
      `--production ${given} was given, but target ${target.name} is not ${what}.`,
      "Leave --production out, or choose the target that is meant.",
    );
  }
  if (whose.ref === undefined) {
    throw new ConfigurationError(
      "target-is-production",
      `Target ${target.name} is ${what}.`,
      `Take another target; or, if production is meant, set ${prefix}_PROJECT_REF to its ref and type it: --production <ref>.`,
    );
  }
  if (given === whose.ref) return;
  throw new ConfigurationError(
    "target-is-production",
    `Target ${target.name} is ${what} (${whose.ref}).`,
    `Take another target; or, if production is meant, type its ref: --production ${whose.ref}.`,
  );
}

/** @throws ConfigurationError `target-unknown` */
export function refuseUntold(whose: Whose, { target, prefix, what }: Admission): void {
  if (whose.kind !== "untold") return;
  throw new ConfigurationError(
    "target-unknown",
    `Whether target ${target.name} is ${what} cannot be told: its settings name no project, and both databases could not be reached.`,
    `Set ${prefix}_PROJECT_REF and SUPABASE_PROJECT_REF to the refs of the two projects, or DATABASE_URL to production's database, so that it can be asked.`,
  );
}
