import { countOf } from "../../base/measures.ts";
import { readChannels, readHeartbeat } from "../../config/channels.ts";
import type { Environment } from "../../config/environment.ts";
import { Problems } from "../../config/problems.ts";
import { failureOf } from "../../notify/channel.ts";
import { tryServer } from "../../notify/email.ts";
import { tryToken } from "../../notify/slack.ts";
import type { Page } from "../../report/page.ts";
import { manifestVerifier, releaseVerifier } from "../../vault/configured.ts";
import { loadOperations, namesOf } from "../catalogue.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { type CheckRow, ok, warn } from "./check-row.ts";
import { checkConfiguration } from "./configuration-row.ts";
import { runPreflight } from "./run-preflight.ts";
import { checkStorage, ofFiles } from "./run-storage-preflight.ts";
import { checkSentinels } from "./sentinel-row.ts";
import { checkDeletion, checkIncident, checkKeysLock, checkReplica, runnerRow } from "./standing-rows.ts";

/** Whether a backup could run now: the database and its vault, the files and theirs, whoever would be told. */
export async function checkEverything(context: Context): Promise<Told & { readonly page: Page }> {
  const { log, signal, env } = context;
  const config = context.config("source", "vault", "signing");
  const vault = await context.vault();
  const [database, files, channels, configuration] = await Promise.all([
    runPreflight(config, vault, log, signal),
    checkFiles(context),
    checkChannels(env),
    checkConfiguration(config, signal),
  ]);
  const replica = await checkReplica(context);
  const deletion = database.ready === undefined ? [] : [await checkDeletion(vault, "database")];
  // A vault that does not answer says so once.
  const reached = database.rows.some(({ check, status }) => check === "bucket" && status === "ok");
  const incident = reached ? await checkIncident(vault, await releaseVerifier(config)) : [];
  const sentinels = database.ready === undefined ? [] : await checkSentinels(config, log, signal);
  const keys = reached ? await checkKeysLock(vault, config.policy, await manifestVerifier(config)) : [];
  const rows = [
    ...database.rows,
    ...incident,
    ...deletion,
    ...keys,
    ...sentinels,
    configuration,
    ...files,
    ...replica,
    runnerRow(env),
    ...channels,
  ];
  const ready = rows.every(({ status }) => status !== "fail");
  return { result: { ready, checks: rows }, page: preflightPage(rows), exitCode: ready ? 0 : 2 };
}

async function checkFiles(context: Context): Promise<readonly CheckRow[]> {
  const { log, signal } = context;
  if (!context.has("storageVault")) {
    const next = "Set S3_STORAGE_BUCKET and SUPABASE_STORAGE_* (see .env.example) when the project has files.";
    return [warn("files", "no storage vault is set: files of the project are in no backup", next)];
  }
  const config = context.config("source", "storageVault", "sourceStorage");
  const vault = await context.files();
  const { rows } = await checkStorage({ config, vault, log, signal, buckets: undefined });
  if (rows.some(({ status }) => status === "fail")) return rows;
  return [...rows, ofFiles(await checkDeletion(vault, "files"))];
}

/** The preflight's table, and what to do about what is not ok. */
export function preflightPage(rows: readonly CheckRow[]): Page {
  const fails = rows.filter(({ status }) => status === "fail").length;
  const warnings = rows.filter(({ status }) => status === "warn").length;
  const beside = warnings === 0 ? "" : `, with ${countOf(warnings, "warning")}`;
  return {
    title: "Preflight",
    sentence:
      fails === 0 ? `A backup can run${beside}.` : `A backup cannot run: ${countOf(fails, "check")} failed${beside}.`,
    tables: [
      {
        header: ["status", "check", "found"],
        rows: rows.map(({ check, status, found }) => [status === "ok" ? "ok" : status.toUpperCase(), check, found]),
      },
    ],
    notes: rows.flatMap(({ check, next, status }) =>
      next === undefined || status === "ok" ? [] : [`${check}: ${next}`],
    ),
  };
}

const seconds = 10;

/**
 * Whether the channels that are set would be heard. Nothing is posted: Slack's token is tried, the mail server logged in to. A
 * backup can run without any of them, so nothing here fails.
 */
export async function checkChannels(env: Environment): Promise<CheckRow[]> {
  const problems = new Problems();
  const { slack, email } = readChannels(env, problems);
  const rows: CheckRow[] = [];
  if (slack?.kind === "token")
    rows.push(await trial("slack", "the token is accepted", (signal) => tryToken(slack, signal)));
  if (slack?.kind === "webhook") rows.push(ok("slack", "a webhook is set; only a message could try it"));
  if (email !== undefined)
    rows.push(await trial("email", "the mail server lets us in", (signal) => tryServer(email, signal)));
  const { watched: all } = namesOf(await loadOperations());
  const watched = all.filter((each) => readHeartbeat(env, each, problems) !== undefined);
  if (watched.length > 0) rows.push(ok("heartbeat", `set for ${watched.join(", ")}`));
  for (const { setting, text } of problems.list()) {
    rows.push(warn("channels", `${setting} ${text}`, "Correct it: until then nobody is told this way."));
  }
  if (slack === undefined && email === undefined) {
    const next =
      "Set SLACK_BOT_TOKEN and SLACK_CHANNEL, SLACK_WEBHOOK_URL, or SMTP_URL and ALERT_EMAIL_TO (.env.example).";
    rows.push(warn("channels", "neither Slack nor email is set: nobody is told when a backup fails", next));
  }
  if (watched.length === 0) {
    const next = "Make a check at a service outside of GitHub and set HEARTBEAT_URL to its address.";
    rows.push(warn("heartbeat", "none is set: nobody notices when backups stop running", next));
  }
  return rows;
}

async function trial(check: string, found: string, work: (signal: AbortSignal) => Promise<void>): Promise<CheckRow> {
  try {
    await work(AbortSignal.timeout(seconds * 1000));
    return ok(check, found);
  } catch (error) {
    const { reason } = failureOf(error);
    return warn(check, `not reached: ${reason}`, "Correct its settings: until then nobody is told this way.");
  }
}
