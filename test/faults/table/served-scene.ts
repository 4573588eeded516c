import type { S3Client } from "@aws-sdk/client-s3";
import { type BackupLab, openBackupLab } from "../../integration/backup-lab.ts";
import { execute } from "../../lab/index.ts";
import { type PostgresOptions, type RunningPostgres, startPostgres } from "../../lab/servers/postgres.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../proxy/http-proxy.ts";
import { startTcpFaultProxy, type TcpFaultProxy } from "../proxy/tcp-proxy.ts";
import { type InspectedVault, inspectVault, problemsOf } from "./inspect-vault.ts";
import { tableWanted } from "./reporter.ts";
import type { FaultRow } from "./row.ts";

interface SceneServers {
  readonly lab: BackupLab;
  readonly server: RunningPostgres;
  readonly store: HttpFaultProxy;
  readonly network: TcpFaultProxy;
}

/** @param seed SQL for the database `source` */
export async function startSceneServers(settings: PostgresOptions["settings"], seed: string): Promise<SceneServers> {
  const s3 = sharedS3();
  const [server, lab] = await Promise.all([startPostgres(17, { ...(settings && { settings }) }), openBackupLab(s3)]);
  await execute(server.superuserUrl(), "create database source");
  await execute(server.superuserUrl("source"), seed);
  const network = await startTcpFaultProxy({ host: "127.0.0.1", port: server.port });
  return { lab, server, store: await startHttpFaultProxy(s3.endpoint), network };
}

/** What scenes of the table stand on: a database server of their own, a vault, and a proxy before each. */
export class ServedScene implements AsyncDisposable {
  readonly lab: BackupLab;
  readonly server: RunningPostgres;
  readonly store: HttpFaultProxy;
  readonly network: TcpFaultProxy;
  /** For looking into the store behind the proxy. */
  protected readonly client: S3Client = sharedS3().client();

  readonly #followed = new Set<string>();

  protected constructor({ lab, server, store, network }: SceneServers) {
    this.lab = lab;
    this.server = server;
    this.store = store;
    this.network = network;
  }

  /** The seeded database. */
  get url(): string {
    return this.server.superuserUrl("source");
  }

  /** A database of the server, through the proxy. */
  throughProxy(url = this.url): string {
    const through = new URL(url);
    through.port = String(this.network.port);
    return through.href;
  }

  /**
   * Whether the run after this row's is made, too. What a failed run leaves to the next is decided by how far it came, so
   * the first row of each stage and outcome tells; `npm run faults` makes it after every row.
   */
  isFollowed({ stage, outcome }: Pick<FaultRow<never, unknown>, "stage" | "outcome">): boolean {
    const kind = `${stage} → ${outcome}`;
    const first = !this.#followed.has(kind);
    this.#followed.add(kind);
    return first || process.env[tableWanted] === "1";
  }

  look(): Promise<InspectedVault> {
    return inspectVault(this.client, this.lab.bucket);
  }

  /** What is wrong with these sets. @param deep false where each was opened before */
  async problems(prefixes: readonly string[], deep = true): Promise<string[]> {
    const found: string[] = [];
    for (const prefix of prefixes) found.push(...(await problemsOf(this.client, this.lab, prefix, deep)));
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.store[Symbol.asyncDispose]();
    await this.network[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
    await this.server.stop();
  }
}
