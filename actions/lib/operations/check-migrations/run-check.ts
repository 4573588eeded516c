import { ConfigurationError } from "../../base/errors.ts";
import { readConnection } from "../../config/environment.ts";
import { Problems } from "../../config/problems.ts";
import { renderMarkdown } from "../../report/page.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { checkMigrations } from "./check-migrations.ts";
import { type Catalogue, keptIn } from "./kept-in.ts";
import { migrationCheckPage, reportCheck } from "./page.ts";

interface Inputs {
  readonly migrations: string | undefined;
  readonly base: string;
}

const setting = "CHECK_DATABASE_URL";

/** Reads the settings, checks, and writes the page. @throws ConfigurationError as `checkMigrations`; `migrations-none` */
export async function runCheck(context: Context, { migrations, base }: Inputs): Promise<Told> {
  const { log, signal, env } = context;
  const { policy } = context.config();
  const folder = migrations ?? policy.recovery.migrations.folder;
  if (folder === null) {
    throw new ConfigurationError(
      "migrations-none",
      "There is no folder of migrations to check: the policy names none.",
      "Name it: --migrations supabase/migrations, or recovery.migrations.folder in lifeboat.config.ts.",
    );
  }
  const problems = new Problems();
  const server = readConnection(env, "CHECK_DATABASE", problems);
  problems.throwIfAny();
  if (server === undefined) throw new Error(`${setting} has to be read.`);
  const result = await checkMigrations({ folder, base, server, setting, log, signal });
  const sets = await keptIn(policy, await catalogueOf(context), Date.now());
  const page = migrationCheckPage(result, sets);
  return { result: { ...result, sets }, ...reportCheck(result, page, renderMarkdown(page)) };
}

/** The vault, where it is set: a job for pull requests holds nothing that opens one. */
async function catalogueOf(context: Context): Promise<Catalogue | undefined> {
  if (!context.has("vault")) return undefined;
  const { manifestVerifier } = await import("../../vault/configured.ts");
  return { vault: await context.vault(), verify: await manifestVerifier(context.config()) };
}
