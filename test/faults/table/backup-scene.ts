import { inspect } from "node:util";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import type { BackupRequest, BackupResult } from "../../../actions/lib/operations/backup/result.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../../actions/lib/vault/s3/delete-versions.ts";
import { versionsBelow } from "../../../actions/lib/vault/s3/versions.ts";
import { backUp } from "../../integration/backup-lab.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { quickRetry } from "../proxy/test-bucket.ts";
import { codeOf, type Ending, endingOf, whatWasSaid } from "./ending.ts";
import { type InspectedVault, leaksIn, retentionLater } from "./inspect-vault.ts";
import type { FaultRow, Seen } from "./row.ts";
import { ServedScene, startSceneServers } from "./served-scene.ts";
import { type WatchedLog, watchedLog } from "./watched-log.ts";

export const planted = "planted.5e7d@personal.example";
const seed = `
  create table pupils (id int primary key, email text not null, filler text);
  insert into pupils select n, '${planted}', md5(n::text) from generate_series(1, 300) n;
  create table marks (pupil int references pupils, mark numeric);
  insert into marks select n, n / 7.0 from generate_series(1, 100) n;
  create view answers as select 1 as answer;
  create sequence tickets;
  select lo_from_bytea(0, 'an object');`;

/** Few enough that a row can use them all. */
const settings = { max_connections: "30" };

/** What a row lays under one run. */
export interface BackupInjection {
  /** The source; default: the real one. */
  readonly url?: string;
  /** Where the fault comes by the run's own progress. */
  readonly log?: WatchedLog;
  readonly signal?: AbortSignal;
  readonly vault?: Vault;
  /** For how long the backup may start over; default: it may not. */
  readonly startOverMinutes?: number;
  /** Whether it really happened. */
  hit(): boolean;
  /** Takes it away again; the next run must be clean. */
  end?(): unknown;
}

export type BackupRow = FaultRow<BackupScene, BackupInjection>;

/** A small database that is backed up into the vault. */
export class BackupScene extends ServedScene {
  static async open(): Promise<BackupScene> {
    return new BackupScene(await startSceneServers(settings, seed));
  }

  /** The same bucket through the proxy, with little patience. */
  vault(): Vault {
    const retry = { ...quickRetry, stallSeconds: 1 };
    return openVault({ ...sharedS3().bucketAccess(this.lab.bucket), endpoint: this.store.url, retry });
  }

  /** One backup under the fault, and, when it failed, what comes after it. */
  async run(row: BackupRow): Promise<Seen> {
    const before = await this.look();
    const injection = await row.inject(this);
    const log = injection.log ?? watchedLog();
    using vault = injection.vault ?? this.vault();
    const { url = this.url, signal, startOverMinutes = 0 } = injection;
    const config = await this.lab.config(url);
    const source = { ...config.policy.source, startOverMinutes };
    const policy = { ...config.policy, source };
    const ended = await this.#ended(url, { log, vault, config: { ...config, policy }, ...(signal && { signal }) });
    const hit = injection.hit();
    await injection.end?.();
    this.store.clear();
    const after = await this.look();
    const appeared = after.visible.filter((prefix) => !before.visible.includes(prefix));
    const broken = await this.problems(appeared);
    if (before.visible.some((prefix) => !after.visible.includes(prefix))) broken.push("an earlier set is gone");
    broken.push(...leaksIn(whatWasSaid(log, ended), this.secrets()));
    const success = ended !== "hangs" && !("error" in ended);
    const falseSuccess = success && (broken.length > 0 || appeared.length !== 1 || !appeared[0]?.includes(ended.set));
    if (!success) broken.push(...(await this.#afterwards(row)));
    else if (startOverMinutes > 0) broken.push(...(await this.#leftByRetention()));
    else if (after.strays.length + after.unfinishedUploads > 0) broken.push(`left over: ${after.strays.join(", ")}`);
    const outcome = hit ? outcomeOf(ended, falseSuccess, before, after, appeared) : "no fault was injected";
    return { outcome, code: codeOf(ended), broken, falseSuccess };
  }

  #ended(url: string, request: Partial<BackupRequest>): Promise<Ending<BackupResult>> {
    return endingOf(backUp(this.lab, url, { acceptShrinkage: true, ...request }));
  }

  /** After a run that failed the next one makes a set, and retention leaves nothing that is in no set. */
  async #afterwards(row: BackupRow): Promise<string[]> {
    // A real run's process is gone by now, and its lease with it (vault-lease.test.ts); this process lives.
    const { transport } = this.lab.vault;
    await deleteVersions(transport, await versionsBelow(transport, "leases/"));
    if (this.isFollowed(row)) {
      const ended = await this.#ended(this.url, {});
      if (ended === "hangs" || "error" in ended) return [`the next run failed: ${inspect(ended)}`];
    }
    return await this.#leftByRetention();
  }

  /** What a run has given up, and may not delete, goes with retention. */
  async #leftByRetention(): Promise<string[]> {
    await retentionLater(this.lab);
    const { strays, unfinishedUploads } = await this.look();
    return strays.length + unfinishedUploads > 0 ? [`left over by retention: ${strays.join(", ")}`] : [];
  }

  secrets(): readonly string[] {
    const env = this.lab.env(this.url);
    const names = ["AWS_SECRET_ACCESS_KEY", "BACKUP_SIGNING_PASSPHRASE", "BACKUP_SIGNING_KEY"];
    return [planted, this.server.password, ...names.map((name) => env[name] ?? "")];
  }
}

function outcomeOf(
  ended: Ending<BackupResult>,
  falseSuccess: boolean,
  before: InspectedVault,
  after: InspectedVault,
  appeared: readonly string[],
): Seen["outcome"] {
  if (ended === "hangs") return "hangs";
  if (!("error" in ended)) return falseSuccess ? "false success" : "success";
  const { error } = ended;
  if (!(error instanceof LifeboatError)) return "ends without a name";
  if (appeared.length > 0) return "published, then failed by name";
  const wrote = after.strays.some((key) => !before.strays.includes(key));
  return error.exitCode === 2 && !wrote ? "refused before writing" : "failed, no manifest";
}
