import { type Environment, isEncrypted, optional } from "./environment.ts";
import { type Problems, Secret } from "./problems.ts";

export type SlackSettings =
  | { readonly kind: "token"; readonly token: Secret; readonly channel: string; readonly apiUrl: string | undefined }
  | { readonly kind: "webhook"; readonly url: Secret };

export interface EmailSettings {
  readonly server: Secret;
  /** Addresses are personal: they are used and never printed. */
  readonly to: Secret;
  readonly from: Secret;
}

/** The ways to people that are set. What is half set, or wrong, is a problem and no way. */
export interface ChannelSettings {
  readonly slack: SlackSettings | undefined;
  readonly email: EmailSettings | undefined;
  readonly issue: IssueSettings | undefined;
}

export interface IssueSettings {
  readonly token: Secret;
  /** `owner/name` */
  readonly repository: string;
  readonly apiUrl: string;
}

export function readChannels(env: Environment, problems: Problems): ChannelSettings {
  return { slack: readSlack(env, problems), email: readEmail(env, problems), issue: readIssue(env) };
}

function readSlack(env: Environment, problems: Problems): SlackSettings | undefined {
  const [token, channel] = [optional(env, "SLACK_BOT_TOKEN"), optional(env, "SLACK_CHANNEL")];
  const webhook = optional(env, "SLACK_WEBHOOK_URL");
  if (token !== undefined && channel !== undefined) {
    return {
      kind: "token",
      token: new Secret(token.trim()),
      channel: channel.trim(),
      apiUrl: optional(env, "SLACK_API_URL"),
    };
  }
  if (token !== undefined) problems.add("SLACK_CHANNEL", "is not set; SLACK_BOT_TOKEN needs it: the channel's id.");
  if (webhook === undefined) return undefined;
  if (!isEncrypted(webhook)) return problems.add("SLACK_WEBHOOK_URL", "is not an https URL.");
  return { kind: "webhook", url: new Secret(webhook.trim()) };
}

function readEmail(env: Environment, problems: Problems): EmailSettings | undefined {
  const [server, to] = [optional(env, "SMTP_URL"), optional(env, "ALERT_EMAIL_TO")];
  if (server === undefined && to === undefined) return undefined;
  if (server === undefined) return problems.add("SMTP_URL", "is not set; ALERT_EMAIL_TO needs it.");
  if (to === undefined) return problems.add("ALERT_EMAIL_TO", "is not set; SMTP_URL needs it.");
  if (!URL.canParse(server) || !/^smtps?:$/.test(new URL(server).protocol)) {
    return problems.add("SMTP_URL", "is not an smtp:// or smtps:// URL.");
  }
  const user = decodeURIComponent(new URL(server).username);
  const from = optional(env, "ALERT_EMAIL_FROM") ?? (user.includes("@") ? user : to.split(",")[0]);
  return { server: new Secret(server), to: new Secret(to), from: new Secret(from ?? to) };
}

/** In a job that has `issues: write` and hands its token to the step. */
function readIssue(env: Environment): IssueSettings | undefined {
  const [token, repository] = [optional(env, "GITHUB_TOKEN"), optional(env, "GITHUB_REPOSITORY")];
  if (token === undefined || repository === undefined) return undefined;
  const apiUrl = optional(env, "GITHUB_API_URL") ?? "https://api.github.com";
  return { token: new Secret(token), repository, apiUrl };
}

/** Where the address of an operation's own heartbeat stands, e.g. HEARTBEAT_URL_BACKUP. */
export function heartbeatSetting(operation: string): string {
  return `HEARTBEAT_URL_${operation.toUpperCase().replaceAll("-", "_")}`;
}

/** The address of the operation's own heartbeat, else the one for all of them. */
export function readHeartbeat(env: Environment, operation: string, problems: Problems): Secret | undefined {
  const own = heartbeatSetting(operation);
  const name = optional(env, own) === undefined ? "HEARTBEAT_URL" : own;
  const url = optional(env, name);
  if (url === undefined) return undefined;
  return isEncrypted(url) ? new Secret(url.trim()) : problems.add(name, "is not an https URL.");
}
