import type { S3Client } from "@aws-sdk/client-s3";
import { type BackupLab, openBackupLab } from "../../integration/backup-lab.ts";
import { execute } from "../../lab/index.ts";
import { type PostgresOptions, type RunningPostgres, startPostgres } from "../../lab/servers/postgres.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../proxy/http-proxy.ts";
import { startTcpFaultProxy, type TcpFaultProxy } from "../proxy/tcp-proxy.ts";

/** What every scene of the table stands on: a database server of its own, a vault, and a proxy before each. */
export interface SceneServers extends AsyncDisposable {
  readonly lab: BackupLab;
  readonly server: RunningPostgres;
  readonly store: HttpFaultProxy;
  readonly network: TcpFaultProxy;
  /** For looking into the store behind the proxy. */
  readonly client: S3Client;
}

/** @param seed SQL for the database `source` */
export async function openSceneServers(settings: PostgresOptions["settings"], seed: string): Promise<SceneServers> {
  const s3 = sharedS3();
  const [server, lab] = await Promise.all([startPostgres(17, { ...(settings && { settings }) }), openBackupLab(s3)]);
  await execute(server.superuserUrl(), "create database source");
  await execute(server.superuserUrl("source"), seed);
  const network = await startTcpFaultProxy({ host: "127.0.0.1", port: server.port });
  const store = await startHttpFaultProxy(s3.endpoint);
  const client = s3.client();
  return {
    ...{ lab, server, store, network, client },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await store[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
      await lab[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}
