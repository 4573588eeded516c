import { ConfigurationError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { optional } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { notesSchema } from "../../postgres/platform-owned.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { brokenOff, targetConnector } from "../target/sessions.ts";
import { admitTarget, refuseUntold } from "../target/whose.ts";
import {
  bringUpToDate,
  type MigrationResult,
  type Migrations,
  migrationsFor,
  planForDatabase,
  planForSet,
  rehearsed,
} from "./bring-up-to-date.ts";

export type { Migrations };

interface MigrateRequest {
  readonly config: Config<"target">;
  readonly asked: NonNullable<Parameters<typeof migrationsFor>[1]>;
  /** Ref of the project that the backups come from, typed, when it is the target. */
  readonly production: string | undefined;
  readonly dryRun: boolean;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Brings the configured target up to date, see `bringUpToDate`.
 * @throws ConfigurationError when target, folder or a file are refused: nothing was written
 */
export async function migrate(request: MigrateRequest): Promise<MigrationResult> {
  const { config, asked, production, dryRun, log, signal } = request;
  const migrations = migrationsFor(config.policy, asked);
  if (migrations === undefined) {
    throw new ConfigurationError(
      "migrations-none",
      "There are no migrations to apply: the policy names no folder and no program.",
      "Name the folder: --migrations supabase/migrations, or recovery.migrations.folder in lifeboat.config.ts.",
    );
  }
  const what = "the project that the backups come from";
  const whose = await admitTarget({ config, fromSet: null, typed: production, what, log, signal });
  const prefix = config.policy.targets[config.target.name]?.env ?? "TARGET";
  refuseUntold(whose, { target: config.target, prefix, what, typed: production });
  await refuseUnfinished(config, log, signal);
  if (!dryRun) return bringTargetUpToDate(migrations, config, log, signal);
  const client = await targetConnector(config, "migrate", { log, signal })();
  try {
    return rehearsed(migrations, await planForDatabase(client, migrations));
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * For a restore: names what refuses before the first write, and gives what has to be done when the restore has ended.
 * @throws as `planForSet`; what it gives throws as `bringUpToDate`
 */
export async function migrationsAfter(
  open: OpenSet,
  migrations: Migrations | undefined,
  config: Config<"target">,
  { log, signal }: { readonly log: Log; readonly signal?: AbortSignal | undefined },
): Promise<(outcome: "equal" | "dry-run" | "differs" | "unverified") => Promise<{ migrations?: MigrationResult }>> {
  if (migrations === undefined) return async () => ({});
  const plan = await planForSet(open, migrations);
  if (plan === undefined) log.info("Which migrations the set lacks shows when it is restored: it is an archive.");
  return async (outcome) => {
    if (outcome === "dry-run") return plan === undefined ? {} : { migrations: rehearsed(migrations, plan) };
    if (outcome !== "equal") return {};
    return { migrations: await log.group("migrations", () => bringTargetUpToDate(migrations, config, log, signal)) };
  };
}

/** The target that this configuration names, once it is restored. @throws as `bringUpToDate` */
async function bringTargetUpToDate(
  migrations: Migrations,
  config: Config<"target">,
  log: Log,
  signal: AbortSignal | undefined,
): Promise<MigrationResult> {
  const prefix = config.policy.targets[config.target.name]?.env ?? "TARGET";
  const databaseUrl = optional(config.env, `${prefix}_DATABASE_URL`);
  const connect = targetConnector(config, "migrate", { log, signal });
  try {
    return await bringUpToDate(migrations, { connect, databaseUrl, env: config.env, log, signal });
  } catch (error) {
    throw brokenOff(error);
  }
}

async function refuseUnfinished(config: Config<"target">, log: Log, signal: AbortSignal): Promise<void> {
  const client = await targetConnector(config, "migrate", { log, signal })();
  try {
    const found = await client.query("select pg_catalog.to_regnamespace($1) is not null as found", [notesSchema]);
    if (found.rows[0]?.found !== true) return;
  } finally {
    await client.end().catch(() => undefined);
  }
  throw new ConfigurationError(
    "restore-unfinished",
    `Target ${config.target.name} holds a restore that has not ended: its schema is not whole.`,
    "Run `lifeboat restore` again until it says equal; then run this.",
  );
}
