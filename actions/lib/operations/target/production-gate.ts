import { ConfigurationError } from "../../base/errors.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import type { Config } from "../../config/load.ts";
import { isLoopback, normalHost, normalUrl, refOfAddress, refOfUrl } from "../../config/project-names.ts";
import type { ProjectStorage } from "../../config/project-storage.ts";
import { refsOfDatabase, type Target } from "../../config/targets.ts";

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
      `Restore into another project; or, if production is meant, set ${prefix}_PROJECT_REF to its ref and type it: --production <ref>.`,
    );
  }
  if (given === whose.ref) return;
  throw new ConfigurationError(
    "target-is-production",
    `Target ${target.name} is ${what} (${whose.ref}).`,
    `Restore into another project; or, if production is meant, type its ref: --production ${whose.ref}.`,
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
