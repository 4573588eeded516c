import { inspect } from "node:util";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { Interrupted } from "../../../actions/lib/base/flow/stages.ts";
import { loadConfig } from "../../../actions/lib/config/load.ts";
import type { RestoreResult } from "../../../actions/lib/operations/restore/result.ts";
import { runRestore } from "../../../actions/lib/operations/restore/run-restore.ts";
import { backUp } from "../../integration/backup-lab.ts";
import { isUntouched } from "../../integration/restore-lab.ts";
import { compareDatabases, execute } from "../../lab/index.ts";
import { quickRetry } from "../proxy/test-bucket.ts";
import { codeOf, type Ending, endingOf, whatWasSaid } from "./ending.ts";
import { leaksIn } from "./inspect-vault.ts";
import type { FaultRow, Seen } from "./row.ts";
import { ServedScene, startSceneServers } from "./served-scene.ts";
import { type WatchedLog, watchedLog } from "./watched-log.ts";

const planted = "planted.61fa@personal.example";
const seed = `
  create table pupils (id int primary key, email text not null unique, filler text);
  insert into pupils select n, n || '${planted}', md5(n::text) from generate_series(1, 3000) n;
  create table marks (pupil int references pupils, mark numeric);
  insert into marks select 1 + n % 3000, n / 7.0 from generate_series(1, 4000) n;
  create index marks_mark on marks (mark);
  create materialized view best as select pupil, max(mark) as mark from marks group by pupil;
  create view answers as select 1 as answer;
  create sequence tickets start 7;
  select lo_from_bytea(0, 'an object');`;

/** What was committed before a crash is there after it, as on any real server. */
const settings = { synchronous_commit: "on" };

/** What a row lays under one restore. */
export interface RestoreInjection {
  /** The target; default: the real one. */
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly log?: WatchedLog;
  readonly signal?: AbortSignal;
  /** Whether it really happened. */
  hit(): boolean;
  /** Takes it away again; the next restore must be clean. */
  end?(): unknown;
}

/** One empty target of its own for each row. */
export interface Target {
  readonly name: string;
  readonly url: string;
  /** The same through the proxy. */
  readonly throughProxy: string;
}

export type RestoreRow = FaultRow<{ readonly scene: RestoreScene; readonly target: Target }, RestoreInjection>;

/** A vault with one set, and a server with targets. */
export class RestoreScene extends ServedScene {
  #targets = 0;

  static async open(): Promise<RestoreScene> {
    const scene = new RestoreScene(await startSceneServers(settings, seed));
    await backUp(scene.lab, scene.url);
    return scene;
  }

  async newTarget(): Promise<Target> {
    const name = `target_${++this.#targets}`;
    await execute(this.server.superuserUrl(), `create database ${name} template template0`);
    const url = this.server.superuserUrl(name);
    return { name, url, throughProxy: this.throughProxy(url) };
  }

  /** One restore under the fault into a new target, and, when it failed there, one without, which must prove it. */
  async run(row: RestoreRow): Promise<Seen> {
    const target = await this.newTarget();
    const injection = await row.inject({ scene: this, target });
    const log = injection.log ?? watchedLog();
    const ended = await this.#ended(injection.url ?? target.url, { ...injection, log }, injection.env);
    const hit = injection.hit();
    await injection.end?.();
    this.store.clear();
    const broken = leaksIn(whatWasSaid(log, ended), this.#secrets());
    const success = ended !== "hangs" && !("error" in ended) && ended.outcome === "equal";
    if (success) broken.push(...(await this.#differences(target)));
    const falseSuccess = success && broken.length > 0;
    const untouched = !success && (await isUntouched(target.url).catch(() => false));
    const outcome = outcomeOf(ended, falseSuccess, untouched);
    const goesOn = outcome !== "refused, target untouched" || this.isFollowed({ stage: row.stage, outcome });
    if (!success && outcome !== "differs by name" && goesOn) broken.push(...(await this.#next(target)));
    await execute(this.server.superuserUrl(), `drop database if exists ${target.name} with (force)`);
    return { outcome: hit ? outcome : "no fault was injected", code: codeOf(ended), broken, falseSuccess };
  }

  async #ended(
    url: string,
    { log, signal }: { readonly log: WatchedLog; readonly signal?: AbortSignal },
    change: Readonly<Record<string, string>> = { AWS_ENDPOINT_URL: this.store.url },
  ): Promise<Ending<RestoreResult>> {
    const env = {
      ...this.lab.env("postgres://nobody@127.0.0.1/unused"),
      RESTORE_PRIVATE_KEY: this.lab.operations.key.armor(),
      TARGET_DATABASE_URL: url,
      ...change,
    };
    const attempt = async (): Promise<RestoreResult> => {
      const config = await loadConfig({ needs: ["vault", "opening", "target"], env });
      const patience = { ...quickRetry, stallSeconds: 1 };
      const quick = { ...config, vault: { ...config.vault, retry: patience } };
      return runRestore({ config: quick, ref: "latest", log, ...(signal && { signal }) });
    };
    return endingOf(attempt());
  }

  /** The restore after one that failed. */
  async #next(target: Target): Promise<string[]> {
    const ended = await this.#ended(target.url, { log: watchedLog() });
    if (ended === "hangs" || "error" in ended || ended.outcome !== "equal")
      return [`the next restore failed: ${inspect(ended, { depth: 4 })}`];
    return this.#differences(target);
  }

  /** Compared by the lab's own means, which know nothing of inventories and fingerprints. */
  async #differences(target: Target): Promise<string[]> {
    // Roles are the server's: the source is read with the target, each time.
    return (await compareDatabases(this.url, target.url)).map((found) => inspect(found));
  }

  #secrets(): string[] {
    const env = this.lab.env("");
    return [planted, this.server.password, env["AWS_SECRET_ACCESS_KEY"] ?? "", this.lab.operations.key.armor()];
  }
}

function outcomeOf(ended: Ending<RestoreResult>, falseSuccess: boolean, untouched: boolean): Seen["outcome"] {
  if (ended === "hangs") return "hangs";
  if (!("error" in ended)) {
    if (ended.outcome !== "equal") return "differs by name";
    return falseSuccess ? "false success" : "success";
  }
  if (!(ended.error instanceof LifeboatError || ended.error instanceof Interrupted)) return "ends without a name";
  return untouched ? "refused, target untouched" : "fails, then resumes and proves";
}
