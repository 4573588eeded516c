import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { openRestoreTestLab } from "../../integration/restore-test-lab.ts";
import { openSyncLab, type SyncLab } from "../../integration/sync-lab.ts";
import { lifeboat } from "../../lab/command-line.ts";
import { createProject, execute, type LabProject } from "../../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../../lab/servers/postgres.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { seedFiles, startStorage, storageSettings } from "../../lab/storage/index.ts";
import type { Matching } from "../proxy/http-faults.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../proxy/http-proxy.ts";
import { leaksIn } from "./inspect-vault.ts";
import type { FaultRow, Seen } from "./row.ts";

const commandLine = fileURLToPath(new URL("../../../scripts/lifeboat.mjs", import.meta.url));

export type InterruptingSignal = "SIGINT" | "SIGTERM";

export interface InterruptedRow extends FaultRow<void, void> {
  /** `$folder` is a new one for each row. */
  readonly args: readonly string[];
  readonly signal: InterruptingSignal;
  /** The request of which no answer comes: there the process is when it is interrupted. */
  readonly on: Matching;
  /** What it must say that it leaves. */
  readonly left: RegExp;
  /** Whether its report must be in the vault. */
  readonly reported: boolean;
  /** Whether the same command ends well after it. */
  readonly again: boolean;
}

interface Ended {
  readonly code: number | null;
  readonly said: string;
  readonly seconds: number;
}

/** Longer than GitHub leaves a cancelled job: it sends SIGTERM then, and kills. */
const longestSeconds = 7.5;

/** A project with files, sets and snapshots of it, a target and a staging project, and every command that is interrupted in a process of its own. */
export class InterruptedScene implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #sync: SyncLab;
  readonly #store: HttpFaultProxy;
  readonly #servers: RunningPostgres;
  readonly #staging: LabProject;
  #targets = 0;

  private constructor(
    stack: AsyncDisposableStack,
    sync: SyncLab,
    store: HttpFaultProxy,
    servers: RunningPostgres,
    staging: LabProject,
  ) {
    this.#stack = stack;
    this.#sync = sync;
    this.#store = store;
    this.#servers = servers;
    this.#staging = staging;
  }

  static async open(): Promise<InterruptedScene> {
    await using stack = new AsyncDisposableStack();
    const sync = stack.use(await openSyncLab());
    const servers = stack.adopt(await startPostgres(17), (one) => one.stop());
    const store = stack.use(await startHttpFaultProxy(sharedS3().endpoint));
    await execute(
      sync.project.postgresUrl,
      "create table marks as select n as id, md5(n::text) as mark from generate_series(1, 500) n",
    );
    await seedFiles(sync.project, sync.storage, { count: 12, bytes: 60_000, seed: 3 });
    const staging = await createProject(servers.superuserUrl(), "staging");
    await openRestoreTestLab(sync.lab, staging.postgresUrl).mark();
    const scene = new InterruptedScene(stack.move(), sync, store, servers, staging);
    for (const args of [["backup", "--tier", "weekly"], ["backup", "--tier", "daily"], ["sync"]]) {
      const { code, said } = await scene.#start(args, {});
      if (code !== 0) throw new Error(`lifeboat ${args.join(" ")} failed: ${said}`);
    }
    return scene;
  }

  async run(row: InterruptedRow): Promise<Seen> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.adopt(await mkdtemp(join(tmpdir(), "interrupted-")), (made) => rm(made, { recursive: true }));
    const args = row.args.map((arg) => arg.replace("$folder", folder));
    const target = await createProject(this.#servers.superuserUrl(), `interrupted_${++this.#targets}`);
    const files = stack.adopt(await startStorage(target), (one) => one.stop());
    const env = { TARGET_DATABASE_URL: target.postgresUrl, ...storageSettings(files, "TARGET") };
    if (args[0] === "repair") await execute(target.postgresUrl, "create table marks (id int, mark text)");
    const before = new Set(await this.#reports());
    const trap = this.#store.hold(row.on);
    const { code, said, seconds } = await this.#start(args, env, (kill) => void trap.hit.then(() => kill(row.signal)));
    const hit = trap.hits > 0;
    this.#store.clear();
    trap.release();
    const broken = leaksIn(said, this.#secrets());
    if (code !== (row.signal === "SIGINT" ? 130 : 143)) broken.push(`it ended with ${code}: ${said}`);
    if (seconds > longestSeconds) broken.push(`it took ${seconds.toFixed(1)} s to end`);
    if (!/^interrupted: .+\nnext: {2}.+$/m.test(said) || !row.left.test(said)) broken.push(`it said: ${said}`);
    const reports = (await this.#reports()).filter((key) => !before.has(key));
    const told = await Promise.all(reports.map((key) => this.#conclusion(key)));
    if (told.join() !== (row.reported ? "cancelled" : "")) broken.push(`its reports say: ${told.join() || "nothing"}`);
    if (row.again) {
      const next = await this.#start(args, env);
      if (next.code !== 0) broken.push(`the same again ended with ${next.code}: ${next.said}`);
    }
    const outcome = hit ? "ends as interrupted" : "no fault was injected";
    return { outcome, code: undefined, broken, falseSuccess: code === 0 };
  }

  async #start(
    args: readonly string[],
    change: Readonly<Record<string, string>>,
    onStart?: (kill: (signal: InterruptingSignal) => void) => void,
  ): Promise<Ended> {
    const { lab } = this.#sync;
    const env = {
      ...this.#sync.env(),
      AWS_ENDPOINT_URL: this.#store.url,
      // A proof is signed by the prover.
      RESTORE_PRIVATE_KEY: (args[0] === "test-restore" ? lab.prover : lab.operations).key.armor(),
      STAGING_DATABASE_URL: this.#staging.postgresUrl,
      STAGING_PROJECT_REF: "stagingref",
      ...change,
    };
    if (onStart === undefined) {
      const { code, stdout, stderr } = await lifeboat(args, env);
      return { code, said: `${stdout}\n${stderr}`, seconds: 0 };
    }
    const child = spawn(process.execPath, [commandLine, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let killed = 0;
    onStart((signal) => {
      killed = performance.now();
      child.kill(signal);
    });
    const ended = once(child, "close");
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await ended;
    return { code, said: `${out}\n${err}`, seconds: (performance.now() - killed) / 1000 };
  }

  async #reports(): Promise<string[]> {
    return (await Array.fromAsync(this.#sync.lab.vault.list("reports/"))).map(({ key }) => key);
  }

  async #conclusion(key: string): Promise<string> {
    const { body } = await this.#sync.lab.vault.get(key);
    const note = JSON.parse(Buffer.from(body).toString("utf8"));
    return String((note.document === undefined ? note : JSON.parse(note.document)).conclusion);
  }

  #secrets(): readonly string[] {
    const env = this.#sync.env();
    return ["AWS_SECRET_ACCESS_KEY", "BACKUP_SIGNING_PASSPHRASE", "BACKUP_SIGNING_KEY"].map((name) => env[name] ?? "");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
