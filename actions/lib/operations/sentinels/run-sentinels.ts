import { readFile } from "node:fs/promises";
import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError, describeCode, OperationError, sqlState } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { countOf, formatDuration, formatMinute } from "../../base/measures.ts";
import type { Config } from "../../config/load.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { readSentinels, sentinelJob, sentinelSeconds } from "../../postgres/sentinels.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import type { Told } from "../operation.ts";
import { targetConnector } from "../target/sessions.ts";
import { admitTarget } from "../target/whose.ts";

/** What there is in a database. */
export interface SentinelStatus {
  /** `stopped`: there are some, and the newest is older than two minutes and a half. */
  readonly state: "running" | "stopped" | "absent";
  /** ISO 8601. */
  readonly newest: string | null;
  readonly ageSeconds: number | null;
  readonly rows: number;
  readonly job: "active" | "switched off" | "missing";
}

/** Asks the database itself, by its own clock. */
export async function readStatus(client: Client): Promise<SentinelStatus> {
  const { rows: times } = await client.query("select extract(epoch from now())::float8 as now");
  const { now } = z.object({ now: z.number() }).parse(times[0]);
  const found = await readSentinels(client, Math.floor(now));
  const job = await jobState(client);
  if (found?.newest == null) return { state: "absent", newest: null, ageSeconds: null, rows: 0, job };
  const { rows } = await client.query("select count(*)::int as rows from lifeboat.sentinels");
  const ageSeconds = Math.max(0, Math.round(now - found.newest / 1000));
  return {
    state: ageSeconds > 2.5 * sentinelSeconds ? "stopped" : "running",
    newest: new Date(found.newest).toISOString(),
    ...{ ageSeconds, job, rows: z.object({ rows: z.number() }).parse(rows[0]).rows },
  };
}

async function jobState(client: Client): Promise<SentinelStatus["job"]> {
  try {
    const { rows } = await client.query("select active from cron.job where jobname = $1", [sentinelJob]);
    if (rows.length === 0) return "missing";
    return rows.some((row) => row.active === true) ? "active" : "switched off";
  } catch (error) {
    // No pg_cron, or no right to read its jobs.
    if (["3F000", "42P01", "42501"].includes(sqlState(error))) return "missing";
    throw error;
  }
}

export async function status(config: Config<"source">, log: Log, signal: AbortSignal): Promise<Told> {
  const client = await connect(config.source, { applicationName: "lifeboat/sentinels", log, signal });
  try {
    const found = await readStatus(client);
    return { result: found, lines: [statusLine(found)] };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What is there, and what it means. Pure. */
export function statusLine({ state, newest, ageSeconds, rows, job }: SentinelStatus): string {
  if (state === "absent")
    return "There are no sentinels: a point-in-time recovery of this database can be made, and never proven. `lifeboat sentinels install` makes them.";
  const seen = `${countOf(rows, "sentinel")}, the newest of ${formatMinute(newest ?? 0)}, ${formatDuration((ageSeconds ?? 0) * 1000)} old; their job is ${job}`;
  return state === "running"
    ? `${seen}.`
    : `${seen}. None came for minutes: \`lifeboat sentinels install\` makes the job anew, or look in cron.job_run_details.`;
}

interface Change {
  readonly config: Config<"target">;
  readonly production: string | undefined;
  readonly dryRun: boolean;
  readonly gate: IncidentGate | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** As a person would run it, whole. */
const installFile = new URL("../../../../runbooks/sql/sentinels.sql", import.meta.url);

/** The schema stays where somebody has put something else into it. */
const removal = `
  do $$ begin
    perform cron.unschedule(j.jobid) from cron.job j where j.jobname = '${sentinelJob}';
  exception when undefined_table or invalid_schema_name then null; end $$;
  drop function if exists lifeboat.write_sentinel();
  drop table if exists lifeboat.sentinels;
  do $$ begin
    drop schema if exists lifeboat;
  exception when dependent_objects_still_exist then null; end $$;`;

/** @throws ConfigurationError `target-is-production`, `sentinels-refused`; OperationError `sentinels-failed` */
export async function change(action: "install" | "remove", request: Change): Promise<Told> {
  const { config, production, dryRun, gate, log, signal } = request;
  const what = "the project that is backed up";
  await admitTarget({ config, fromSet: null, what, typed: production, log, signal });
  const client = await targetConnector(config, "sentinels", { log, signal })();
  try {
    const before = await readStatus(client);
    if (dryRun) return { result: before, lines: [`Dry run: nothing was changed. ${statusLine(before)}`] };
    await gate?.("the sentinels of the target");
    await client.query("begin");
    await client.query(action === "install" ? await readFile(installFile, "utf8") : removal);
    await client.query("commit");
    const after = await readStatus(client);
    // Read back: a job that is switched off, or somebody's table of that name, writes nothing.
    const right = action === "install" ? after.state === "running" && after.job === "active" : after.state === "absent";
    if (!right)
      throw new OperationError(
        "sentinels-failed",
        `It did not take: ${statusLine(after)}`,
        "Look at the schema lifeboat and at cron.job.",
      );
    return {
      result: after,
      lines: [
        action === "install"
          ? `Installed. ${statusLine(after)}`
          : "Removed: the schema lifeboat, its table and its job.",
      ],
    };
  } catch (error) {
    throw refused(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function refused(error: unknown): unknown {
  const code = sqlState(error);
  if (code === "none") return error;
  // Raised by runbooks/sql/sentinels.sql itself.
  if (code === "LB001")
    return new ConfigurationError(
      "sentinels-refused",
      "The schema lifeboat, or what lies in it under our names, is not this role's alone: another role owns it or may change it, or it has triggers, rules, policies or heirs. What they do would be done as this role. Nothing was changed.",
      "Find out who made it. Rename or drop the schema lifeboat where nobody needs it, then run it again.",
    );
  if (code === "3F000" || code === "42883" || code === "42P01")
    return new ConfigurationError(
      "sentinels-refused",
      `The database has no pg_cron (${describeCode(error)}). Nothing was changed.`,
      "Switch the extension on: dashboard, Database, Extensions, pg_cron; then run it again.",
    );
  return new ConfigurationError(
    "sentinels-refused",
    `The database refused it (${describeCode(error)}). Nothing was changed.`,
    "Run it as postgres, the role of the target's connection string.",
  );
}
