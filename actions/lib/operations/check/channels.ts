import { readChannels, readHeartbeat } from "../../config/channels.ts";
import type { Environment } from "../../config/environment.ts";
import { Problems } from "../../config/problems.ts";
import { failureOf } from "../../notify/channel.ts";
import { tryServer } from "../../notify/email.ts";
import { tryToken } from "../../notify/slack.ts";
import { loadOperations, namesOf } from "../catalogue.ts";
import { type CheckRow, ok, warn } from "./check-row.ts";

const seconds = 10;

/**
 * Whether the channels that are set would be heard. Nothing is posted: Slack's token is tried, the mail server logged in to. A
 * backup can run without any of them, so nothing here fails.
 */
export async function lookAtChannels(env: Environment): Promise<CheckRow[]> {
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
