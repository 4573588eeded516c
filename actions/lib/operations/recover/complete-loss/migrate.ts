import type { ConnectionSettings } from "../../../config/connection-url.ts";
import type { Policy } from "../../../config/policy/policy.ts";
import { bringUpToDate, migrationsFor, planForSet } from "../../migrate/bring-up-to-date.ts";
import { targetConnector } from "../../target/sessions.ts";
import { openSourceSet, type Sources } from "../sources.ts";
import type { Candidate, LossRequest, Migrated } from "./facts.ts";
import { type LossWork, restoredOf } from "./work.ts";

const wanted = (policy: Policy, { migrations }: LossRequest) =>
  migrationsFor(policy, migrations === null ? {} : { asked: migrations });

/**
 * Opens the set, so that a key that does not is found before anything is made, and looks what would be applied to it.
 * @returns files that would be applied; undefined where the restored database alone can tell
 * @throws ConfigurationError what the set, the key and the migrations refuse
 */
export async function planMigrationsOf(
  sources: Sources,
  request: LossRequest,
  candidate: Candidate,
): Promise<string[] | undefined> {
  const open = await openSourceSet(sources, candidate);
  const migrations = wanted(sources.config.policy, request);
  const plan = migrations === undefined ? { pending: [] } : await planForSet(open, migrations);
  return plan?.pending.map(({ file }) => file);
}

/** Brings what was restored up to today's migrations. @throws as `bringUpToDate` */
export async function migrateRestored(work: LossWork, signal: AbortSignal): Promise<Migrated> {
  const { log, env } = work;
  const { policy } = work.context.config();
  const migrations = wanted(policy, work.facts().request);
  const none = (why: string): Migrated => {
    log.info(`No migrations are applied: ${why}.`);
    return { outcome: "none", why, applied: [], own: [], findings: [] };
  };
  if (migrations === undefined) return none("the policy names no folder and no program, or none were wanted");
  if (restoredOf(work).outcome === "differs") return none("what was restored differs from the set");
  const { target } = await work.place();
  const connect = targetConnector({ target, policy }, "migrate", { log, signal });
  const databaseUrl = addressOf(target.database);
  const result = await bringUpToDate(migrations, { connect, databaseUrl, env, log, signal });
  return {
    ...{ outcome: result.outcome === "doubtful" ? "doubtful" : "current", why: null },
    applied: result.applied.map(({ file }) => file),
    own: result.own.map(({ table, before, after }) => ({ table, before, after })),
    findings: result.findings
      .filter(({ severity }) => severity !== "told")
      .map(({ file, what }) => `${file} ${what}`.slice(0, 1000)),
  };
}

/** As the application's programs take it. */
function addressOf({ host, port, user, password, database, tls }: ConnectionSettings): string {
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password?.reveal() ?? "")}`;
  const mode = tls.mode === "off" ? "" : "?sslmode=require";
  return `postgresql://${login}@${host}:${port}/${encodeURIComponent(database)}${mode}`;
}
