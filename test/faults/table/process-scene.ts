import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { isUntouched } from "../../integration/restore-lab.ts";
import { lifeboat } from "../../lab/command-line.ts";
import { compareDatabases, execute } from "../../lab/index.ts";
import { BackupScene } from "./backup-scene.ts";
import { leaksIn, retentionLater } from "./inspect-vault.ts";
import type { FaultRow, Seen } from "./row.ts";

const commandLine = fileURLToPath(new URL("../../../scripts/lifeboat.mjs", import.meta.url));

/** How one process is started, and what is done to it. */
export interface ProcessInjection {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Called with what sends it a signal. */
  onStart?(kill: (signal: NodeJS.Signals) => void): void;
  hit(): boolean;
}

export type ProcessRow = FaultRow<ProcessScene, ProcessInjection>;

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** The command line itself, in a process of its own that can be killed or starved. */
export class ProcessScene implements AsyncDisposable {
  readonly backups: BackupScene;
  #targets = 0;

  private constructor(backups: BackupScene) {
    this.backups = backups;
  }

  static async open(): Promise<ProcessScene> {
    const scene = new ProcessScene(await BackupScene.open());
    const first = await scene.#start({ args: ["backup", "--tier", "daily"], hit: () => true }, {});
    if (first.code !== 0) throw new Error(`The first backup failed: ${first.said}`);
    return scene;
  }

  async run(row: ProcessRow): Promise<Seen> {
    const injection = await row.inject(this);
    return injection.args[0] === "restore" ? this.#restore(injection) : this.#backup(row, injection);
  }

  async #backup(row: ProcessRow, injection: ProcessInjection): Promise<Seen> {
    const { backups } = this;
    const before = await backups.look();
    const { code, said } = await this.#start(injection, {});
    const hit = injection.hit();
    backups.store.clear();
    const after = await backups.look();
    const appeared = after.visible.filter((prefix) => !before.visible.includes(prefix));
    const broken = [...(await backups.problems(appeared)), ...leaksIn(said, backups.secrets())];
    const falseSuccess = code === 0 && (broken.length > 0 || appeared.length !== 1);
    if (code !== 0) broken.push(...(await this.#afterwards(row)));
    const wrote = after.strays.some((key) => !before.strays.includes(key)) || appeared.length > 0;
    return {
      outcome: hit ? backupOutcome(code, falseSuccess, wrote) : "no fault was injected",
      ...told(said),
      broken,
      falseSuccess,
    };
  }

  async #afterwards(row: ProcessRow): Promise<string[]> {
    if (this.backups.isFollowed(row)) {
      const { code, said } = await this.#start({ args: ["backup", "--tier", "daily"], hit: () => true }, {});
      if (code !== 0) return [`the next run failed: ${said}`];
    }
    await retentionLater(this.backups.lab);
    const { strays, unfinishedUploads } = await this.backups.look();
    return strays.length + unfinishedUploads > 0 ? [`left over by retention: ${strays.join(", ")}`] : [];
  }

  async #restore(injection: ProcessInjection): Promise<Seen> {
    const { server, url } = this.backups;
    const name = `process_target_${++this.#targets}`;
    await execute(server.superuserUrl(), `create database ${name} template template0`);
    const target = server.superuserUrl(name);
    const { code, said } = await this.#start(injection, { TARGET_DATABASE_URL: target });
    const hit = injection.hit();
    this.backups.store.clear();
    const broken = leaksIn(said, this.backups.secrets());
    const untouched = await isUntouched(target);
    if (code !== 0) {
      const next = await this.#start({ args: injection.args, hit: () => true }, { TARGET_DATABASE_URL: target });
      if (next.code !== 0) broken.push(`the next restore failed: ${next.said}`);
    }
    broken.push(...(await compareDatabases(url, target)));
    const falseSuccess = code === 0 && broken.length > 0;
    await execute(server.superuserUrl(), `drop database ${name} with (force)`);
    const failed = untouched ? "refused, target untouched" : "fails, then resumes and proves";
    const outcome = code !== 0 ? failed : falseSuccess ? "false success" : "success";
    return { outcome: hit ? outcome : "no fault was injected", ...told(said), broken, falseSuccess };
  }

  async #start(injection: ProcessInjection, change: Readonly<Record<string, string>>): Promise<Ended> {
    const { lab, store, url } = this.backups;
    const env: Readonly<Record<string, string>> & { readonly NODE_OPTIONS?: string } = {
      ...lab.env(url),
      AWS_ENDPOINT_URL: store.url,
      RESTORE_PRIVATE_KEY: lab.operations.key.armor(),
      ...change,
      ...injection.env,
    };
    // What neither a signal nor Node's own settings meet needs no process of its own.
    if (injection.onStart === undefined && env.NODE_OPTIONS === undefined) {
      const { code, stdout, stderr } = await lifeboat(injection.args, env);
      return { code, said: `${stdout}\n${stderr}` };
    }
    const child = spawn(process.execPath, [commandLine, ...injection.args], { env, stdio: ["ignore", "pipe", "pipe"] });
    injection.onStart?.((signal) => child.kill(signal));
    const ended = once(child, "close");
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await ended;
    return { code, said: `${out}\n${err}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backups[Symbol.asyncDispose]();
  }
}

function told(said: string): { readonly code: string | undefined } {
  return { code: /^error: (.{0,160})/m.exec(said)?.[1] };
}

/** @param code null and 130 when it was ended by a signal, 134 and the like when it could not go on */
function backupOutcome(code: number | null, falseSuccess: boolean, wrote: boolean): Seen["outcome"] {
  if (code === 0) return falseSuccess ? "false success" : "success";
  if (code === 1) return "failed, no manifest";
  if (code === 2) return wrote ? "ends without a name" : "refused before writing";
  return "died, nothing half-made";
}
