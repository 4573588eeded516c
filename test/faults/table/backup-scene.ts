import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { DeleteObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { BackupRequest } from "../../../actions/lib/backup/run-backup.ts";
import { LifeboatError } from "../../../actions/lib/runtime/errors.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/client.ts";
import { type BackupLab, backUp } from "../../integration/backup-lab.ts";
import type { RunningPostgres } from "../../lab/servers/postgres.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import type { HttpFaultProxy } from "../proxy/http-proxy.ts";
import type { TcpFaultProxy } from "../proxy/tcp-proxy.ts";
import { quickRetry } from "../proxy/test-bucket.ts";
import type { FaultRow, Seen } from "./row.ts";
import { openSceneServers, type SceneServers } from "./scene-servers.ts";
import { leaksIn, lookInto, problemsOf, type VaultLook } from "./vault-look.ts";
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
  /** The source; the real one unless told. */
  readonly url?: string;
  /** Where the fault comes by the run's own progress. */
  readonly log?: WatchedLog;
  readonly signal?: AbortSignal;
  readonly vault?: Vault;
  /** Whether it really happened. */
  hit(): boolean;
  /** Takes it away again; the next run must be clean. */
  end?(): unknown;
}

export type BackupRow = FaultRow<BackupScene, BackupInjection>;

/** A small database on a server of its own, a vault, and the two proxies before them. */
export class BackupScene implements AsyncDisposable {
  readonly lab: BackupLab;
  readonly server: RunningPostgres;
  readonly store: HttpFaultProxy;
  readonly network: TcpFaultProxy;
  readonly #client: S3Client;
  readonly #servers: SceneServers;

  private constructor(servers: SceneServers) {
    this.#servers = servers;
    this.lab = servers.lab;
    this.server = servers.server;
    this.store = servers.store;
    this.network = servers.network;
    this.#client = servers.client;
  }

  static async open(): Promise<BackupScene> {
    const servers = await openSceneServers(settings, seed);
    return new BackupScene(servers);
  }

  get url(): string {
    return this.server.superuserUrl("source");
  }

  /** The same database through the proxy. */
  get throughProxy(): string {
    const url = new URL(this.url);
    url.port = String(this.network.port);
    return url.href;
  }

  /** The same bucket through the proxy, with little patience. */
  vault(): Vault {
    const { region, accessKeyId, secretAccessKey } = sharedS3();
    const retry = { ...quickRetry, stallSeconds: 1 };
    const credentials = { accessKeyId, secretAccessKey };
    return openVault({ bucket: this.lab.bucket, region, endpoint: this.store.url, credentials, retry });
  }

  look(): Promise<VaultLook> {
    return lookInto(this.#client, this.lab.bucket);
  }

  /** What is wrong with the sets of this vault; every visible one is looked through. */
  async problems(prefixes: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    for (const prefix of prefixes) found.push(...(await problemsOf(this.#client, this.lab, prefix)));
    return found;
  }

  /** One backup under the fault, and, when it failed, one without. */
  async run(row: BackupRow): Promise<Seen> {
    const before = await this.look();
    const injection = await row.inject(this);
    const log = injection.log ?? watchedLog();
    using vault = injection.vault ?? this.vault();
    const { url = this.url, signal } = injection;
    const ended = await this.#ended(url, { log, vault, ...(signal && { signal }) });
    const hit = injection.hit();
    await injection.end?.();
    this.store.clear();
    const after = await this.look();
    const appeared = after.visible.filter((prefix) => !before.visible.includes(prefix));
    const broken = await this.problems(appeared);
    if (before.visible.some((prefix) => !after.visible.includes(prefix))) broken.push("an earlier set is gone");
    const said = `${log.lines.join("\n")}\n${inspect(ended, { depth: 8 })}`;
    broken.push(...leaksIn(said, this.secrets()));
    const success = ended !== "hangs" && !("error" in ended);
    const falseSuccess = success && (broken.length > 0 || appeared.length !== 1 || !appeared[0]?.includes(ended.set));
    if (!success) broken.push(...(await this.#next()));
    else if (after.strays.length + after.unfinishedUploads > 0) broken.push(`left over: ${after.strays.join(", ")}`);
    const code = success || ended === "hangs" || !(ended.error instanceof LifeboatError) ? undefined : ended.error.code;
    const outcome = hit ? outcomeOf(ended, falseSuccess, before, after, appeared) : "no fault was injected";
    return { outcome, code, broken, falseSuccess };
  }

  async #ended(url: string, request: Partial<BackupRequest>): Promise<Ended> {
    const run = backUp(this.lab, url, { acceptShrinkage: true, ...request }).catch((error: unknown) => ({ error }));
    return await Promise.race([run, delay(60_000, "hangs" as const, { ref: false })]);
  }

  /** The run after one that failed: it makes a set, and nothing is left that is in no set. */
  async #next(): Promise<string[]> {
    // A real run's process is gone by now, and its lease with it (vault-lease.test.ts); this process lives.
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.lab.bucket, Key: "leases/backup-database.json" }));
    const ended = await this.#ended(this.url, {});
    if (ended === "hangs" || "error" in ended) return [`the next run failed: ${inspect(ended)}`];
    const { strays, unfinishedUploads } = await this.look();
    return strays.length + unfinishedUploads > 0 ? [`left over by the next run: ${strays.join(", ")}`] : [];
  }

  secrets(): readonly string[] {
    const env = this.lab.env(this.url);
    const names = ["AWS_SECRET_ACCESS_KEY", "BACKUP_SIGNING_PASSPHRASE", "BACKUP_SIGNING_KEY"];
    return [planted, this.server.password, ...names.map((name) => env[name] ?? "")];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers[Symbol.asyncDispose]();
  }
}

type Ended = Awaited<ReturnType<typeof backUp>> | { readonly error: unknown } | "hangs";

function outcomeOf(
  ended: Ended,
  falseSuccess: boolean,
  before: VaultLook,
  after: VaultLook,
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
