import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../../actions/lib/base/flow/clock.ts";
import type { Log } from "../../../actions/lib/base/log.ts";
import { loadConfig } from "../../../actions/lib/config/load.ts";
import { runIdentity } from "../../../actions/lib/edge/job-report.ts";
import { reportedRun } from "../../../actions/lib/edge/reported-run.ts";
import { Context } from "../../../actions/lib/operations/context.ts";
import { backupChecks } from "../../../actions/lib/operations/monitor/backups/backup-checks.ts";
import { vaultStanding } from "../../../actions/lib/operations/monitor/catalogue/checks.ts";
import type { Look } from "../../../actions/lib/operations/monitor/check.ts";
import { githubChecks } from "../../../actions/lib/operations/monitor/github/github-checks.ts";
import monitor from "../../../actions/lib/operations/monitor/operation.ts";
import { outsideChecks } from "../../../actions/lib/operations/monitor/outside/outside-checks.ts";
import { watch } from "../../../actions/lib/operations/monitor/run-monitor.ts";
import { supabaseChecks } from "../../../actions/lib/operations/monitor/supabase/checks.ts";
import { jobsBranch } from "../../../actions/lib/operations/publish/reports-branch.ts";
import { dashboardPath } from "../../../actions/lib/report/branch/fold-runs.ts";
import { statusSchema } from "../../../actions/lib/report/dashboard/status.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../../faults/proxy/http-proxy.ts";
import { makeOrigin } from "../../integration/reports-lab.ts";
import { type HeartbeatServer, startHeartbeats } from "../channels/heartbeat-server.ts";
import { type MailServer, startMailServer } from "../channels/mail-server.ts";
import { type SlackServer, startSlack } from "../channels/slack-server.ts";
import { type LabActionsApi, startActionsApi } from "../servers/actions-api.ts";
import {
  addDailyBackups,
  addProject,
  addToken,
  type Project,
  type SupabaseApi,
  startSupabaseApi,
} from "../supabase-api/index.ts";
import { inOrder, type WatchedVault } from "./watched-project.ts";

const hour = 3_600_000;
const repository = "qimma/lifeboat";
const statusPath = "dashboard/status.json";

/** The watcher outside of GitHub rings when it has heard nothing good for so long: a period of three hours, and thirteen of grace. */
export const watcherHours = 16;

/** A message that somebody got. */
export interface Heard {
  readonly by: "slack" | "email";
  readonly hours: number;
  readonly text: string;
}

/** The clock of the world: it moves when somebody waits, and when the next run comes. */
class SceneClock implements Clock {
  readonly begun = Date.now();
  #hours = 0;
  #waited = 0;

  get hours(): number {
    return this.#hours;
  }

  moveTo(hours: number): void {
    this.#hours = hours;
    this.#waited = 0;
  }

  now(): number {
    return this.begun + this.#hours * hour + this.#waited;
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#waited += milliseconds;
    await sleep(0);
  }
}

interface Servers {
  readonly slack: SlackServer;
  readonly mail: MailServer;
  readonly heartbeats: HeartbeatServer;
  readonly github: LabActionsApi;
  readonly supabase: SupabaseApi;
  /** Between the monitor and the vault's store. */
  readonly store: HttpFaultProxy;
}

/**
 * The monitor with all its checks over a project that is well: its vault, a simulated Supabase and GitHub, Slack, a mail server, a watcher
 * outside, a repository for the page. A run is made at the hour that is asked for; the servers are real, only the clock is moved.
 */
export class SilenceScene implements Servers, AsyncDisposable {
  readonly clock: SceneClock;
  readonly origin = makeOrigin();
  /** The settings of the job. */
  env: Record<string, string> = {};
  readonly heard: Heard[] = [];
  /** Supabase makes its daily backups. */
  supabaseBacksUp = true;
  /** The job's process is killed as soon as it has begun. */
  dies = false;
  #served: ReadonlyMap<string, string> | undefined;
  #pages: Server | undefined;
  readonly #beats: { readonly hours: number; readonly path: string }[] = [];
  readonly log: Log;

  readonly slack: SlackServer;
  readonly mail: MailServer;
  readonly heartbeats: HeartbeatServer;
  readonly github: LabActionsApi;
  readonly supabase: SupabaseApi;
  readonly store: HttpFaultProxy;
  readonly project: Project;
  readonly vault: WatchedVault;

  private constructor(
    servers: Servers,
    { clock, project, vault, log }: Pick<SilenceScene, "clock" | "project" | "vault" | "log">,
  ) {
    ({ slack: this.slack, mail: this.mail, heartbeats: this.heartbeats } = servers);
    ({ github: this.github, supabase: this.supabase, store: this.store } = servers);
    [this.clock, this.project, this.vault, this.log] = [clock, project, vault, log];
  }

  /** @param vault shared by scenes that come one after the other */
  static async open(vault: WatchedVault, log: Log): Promise<SilenceScene> {
    const clock = new SceneClock();
    const [slack, mail, heartbeats, github, supabase, store] = await Promise.all([
      startSlack(),
      startMailServer(),
      startHeartbeats(),
      startActionsApi(repository),
      startSupabaseApi({ clock }),
      startHttpFaultProxy(vault.endpoint),
    ]);
    // The lab's store does not replicate by itself, and says nothing of it.
    const all = { method: "HEAD", url: /\/database\//, times: Number.POSITIVE_INFINITY };
    store.replaceAnswerHeader(all, "x-amz-replication-status", "COMPLETED");
    const project = addProject(supabase.world);
    const token = addToken(supabase.world, { projects: [project.ref] });
    const scene = new SilenceScene(
      { slack, mail, heartbeats, github, supabase, store },
      { clock, project, vault, log },
    );
    scene.env = {
      ...{ ...vault.env, AWS_ENDPOINT_URL: store.url },
      ...{ GITHUB_WORKSPACE: scene.origin.workspace, GITHUB_SERVER_URL: "https://github.com" },
      ...{ GITHUB_REPOSITORY: repository, GITHUB_API_URL: github.url, GITHUB_TOKEN: "ghs_lab" },
      ...{ GITHUB_WORKFLOW: "monitor", GITHUB_JOB: "monitor", GITHUB_EVENT_NAME: "schedule" },
      ...{ SUPABASE_PROJECT_REF: project.ref, SUPABASE_ACCESS_TOKEN: token.value, SUPABASE_API_URL: supabase.url },
      ...{ SUPABASE_PROJECT_URL: supabase.projectUrl, SUPABASE_STATUS_URL: supabase.statusUrl },
      ...{ SLACK_BOT_TOKEN: slack.token, SLACK_CHANNEL: slack.channel, SLACK_API_URL: slack.apiUrl },
      ...{ SMTP_URL: mail.url, ALERT_EMAIL_TO: "on-call@example.org" },
      HEARTBEAT_URL_MONITOR: `${heartbeats.url}/monitor`,
    };
    return scene;
  }

  /** The time so many hours after the beginning. */
  at(hours: number): Date {
    return new Date(this.clock.begun + hours * hour);
  }

  /** One run of the workflow's job, from its settings to its last word. @returns the code of its failure; undefined: it ended well */
  async look(hours: number): Promise<string | undefined> {
    this.clock.moveTo(hours);
    inOrder(this.github, this.at(hours));
    if (this.supabaseBacksUp) {
      this.project.backups = [];
      addDailyBackups(this.supabase.world, this.project, 7);
    }
    const env = { ...this.env, GITHUB_RUN_ID: String(this.clock.now()), GITHUB_RUN_ATTEMPT: "1" };
    if (this.dies) return await this.#die(env, hours);
    const { signal } = new AbortController();
    const { ending } = await reportedRun({
      ...{ operation: monitor, env, log: this.log, signal, inputs: () => ({ tell: true }) },
      work: async (log) => {
        const config = await loadConfig({ needs: monitor.needs?.({ tell: true }, env) ?? [], env });
        using context = new Context({ config, log, signal, run: runIdentity(env), retry: monitor.retry });
        return await watch(
          { context, now: this.at(hours), checks: this.#checks, standing: vaultStanding },
          await jobsBranch(context, undefined),
        );
      },
    });
    this.#hear(hours);
    return ending.failure?.code;
  }

  /** The same as a process, which nobody lets end. */
  async #die(env: Readonly<Record<string, string>>, hours: number): Promise<string> {
    const main = new URL("../../../actions/monitor/main.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [main], { env, stdio: "ignore", detached: true });
    const closed = once(child, "close");
    while (this.heartbeats.beats.length === 0 && child.exitCode === null) await sleep(20);
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await closed;
    this.#hear(hours);
    return "killed";
  }

  /** Shows the page to readers by a server, as GitHub Pages does, after a first look. */
  async publish(): Promise<void> {
    await this.look(-3);
    this.#pages = createServer((request, response) => {
      const text = this.#page(`dashboard${request.url}`);
      response.writeHead(text === undefined ? 404 : 200).end(text);
    });
    await new Promise<void>((resolve) => this.#pages?.listen(0, "127.0.0.1", resolve));
    const { port } = this.#pages.address() as AddressInfo;
    this.env["DASHBOARD_URL"] = `http://127.0.0.1:${port}/`;
  }

  /** Readers get what is there now, for ever. */
  freeze(): void {
    this.#served = new Map([dashboardPath, statusPath].map((path) => [path, this.#file(path)]));
  }

  #file(path: string): string {
    return this.origin.branch()?.read(path) ?? "";
  }

  #page(path: string): string | undefined {
    if (this.#served !== undefined) return this.#served.get(path);
    return path === dashboardPath || path === statusPath ? this.#file(path) : undefined;
  }

  readonly #checks = (look: Look) => [
    ...supabaseChecks(look, { clock: this.clock }),
    ...backupChecks(look),
    ...githubChecks(look),
    ...outsideChecks(look),
  ];

  #hear(hours: number): void {
    for (const { text, blocks } of this.slack.messages.splice(0))
      this.heard.push({ by: "slack", hours, text: `${text} ${JSON.stringify(blocks)}` });
    for (const { source } of this.mail.mails.splice(0)) this.heard.push({ by: "email", hours, text: source });
    for (const path of this.heartbeats.beats.splice(0)) this.#beats.push({ hours, path });
  }

  /** What the watcher outside does: it rings at once when a run says that it failed, else when it hears nothing good for too long. */
  rings(hours: number): boolean {
    const last = this.#beats.findLast(
      (beat) => beat.hours <= hours && (beat.path === "/monitor" || beat.path === "/monitor/fail"),
    );
    if (last === undefined || last.path === "/monitor/fail") return true;
    return hours - last.hours >= watcherHours;
  }

  /** The page as readers get it. */
  page(): string {
    return this.#page(dashboardPath) ?? "";
  }

  /** What people call a check. */
  titleOf(check: string): string {
    const { checks } = statusSchema.parse(JSON.parse(this.#file(statusPath)));
    return checks.find(({ id }) => id === check)?.title ?? `no check ${check}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.origin[Symbol.dispose]();
    this.#pages?.closeAllConnections();
    this.#pages?.close();
    await Promise.all(
      [this.slack, this.mail, this.heartbeats, this.github, this.supabase, this.store].map((each) =>
        each[Symbol.asyncDispose](),
      ),
    );
  }
}
