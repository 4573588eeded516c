import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from "@aws-sdk/client-s3";
import { toolProgram } from "../../../scripts/setup/cache.mjs";
import { seaweedfs } from "../../../scripts/setup/pins.mjs";
import { type Guardian, startGuardian } from "./guardian.ts";
import { freePorts } from "./ports.ts";

/** Where the S3 server is and how to get in; plain data, so that it can be handed to another process. */
export interface S3Facts {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** One bucket and the way to it: settings of a vault. */
export interface BucketAccess {
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: Pick<S3Facts, "accessKeyId" | "secretAccessKey">;
}

export interface S3Access extends S3Facts {
  /** For a bucket that is there, or will be. */
  bucketAccess(bucket: string): BucketAccess;
  /** A client with the lab's credentials, for what tests look at behind Lifeboat's back. */
  client(): S3Client;
  /** A new bucket with versioning, and with object lock unless `lock` is false. */
  createBucket(name: string, options?: { readonly lock?: boolean }): Promise<void>;
}

/** An S3 server of our own on the loopback, its data in a temporary folder, gone when it is stopped or we are. */
export interface RunningS3 extends S3Access {
  readonly logFile: string;
  readonly pid: number;
  stop(): Promise<void>;
  /** Leaves it running after we are gone; returns the path of the script that ends it. */
  leave(): string;
}

export interface S3Options {
  readonly megabytes?: number;
}

const parts = ["s3", "master", "volume", "filer"];
const region = "us-east-1";

/** @param options.megabytes what fits into it, roughly: what comes then is refused, as by a disk that is full */
export async function startS3(options: S3Options = {}): Promise<RunningS3> {
  const guardian = startGuardian("s3");
  try {
    return await startIn(guardian, options);
  } catch (error) {
    await guardian.finish();
    throw error;
  }
}

export function s3Access(facts: S3Facts): S3Access {
  const { endpoint, region, accessKeyId, secretAccessKey } = facts;
  const way = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  const client = (): S3Client => new S3Client({ ...way, forcePathStyle: true });
  return {
    ...facts,
    bucketAccess: (bucket) => ({ bucket, ...way }),
    client,
    createBucket: (name, { lock = true } = {}) => createBucket(client(), name, lock),
  };
}

async function startIn(guardian: Guardian, options: S3Options): Promise<RunningS3> {
  const accessKeyId = `LAB${randomBytes(8).toString("hex").toUpperCase()}`;
  const secretAccessKey = randomBytes(20).toString("hex");
  const identities = join(guardian.folder, "identities.json");
  const credentials = [{ accessKey: accessKeyId, secretKey: secretAccessKey }];
  const actions = ["Admin", "Read", "Write", "List", "Tagging"];
  writeFileSync(identities, JSON.stringify({ identities: [{ name: "lab", credentials, actions }] }), { mode: 0o600 });

  const logFile = join(guardian.folder, "server.log");
  for (let attempt = 1; ; attempt++) {
    const ports = await freePorts(parts.length * 2);
    const data = join(guardian.folder, `data-${attempt}`);
    mkdirSync(data);
    const log = openSync(logFile, "a");
    const server = spawn(toolProgram(seaweedfs), flags({ ports, data, identities, ...options }), {
      cwd: guardian.folder,
      detached: true,
      // A bucket begins with one volume, not seven: many small buckets would use up the volumes, and a PUT answers 500.
      env: {
        ...{ PATH: process.env["PATH"], HOME: guardian.folder, TMPDIR: guardian.folder },
        WEED_MASTER_VOLUME_GROWTH_COPY_1: "1",
      },
      stdio: ["ignore", log, log],
    });
    // Asked to end it takes fifteen seconds, and its data is thrown away.
    guardian.watch(server.pid ?? 0, "KILL");
    for (const socket of sockets(ports)) guardian.remove(socket);
    const endpoint = `http://127.0.0.1:${ports[0] ?? 0}`;
    if (await answers(server, `${endpoint}/status`)) {
      server.unref();
      return {
        ...s3Access({ endpoint, region, accessKeyId, secretAccessKey }),
        logFile,
        pid: server.pid ?? 0,
        stop: () => guardian.finish(),
        leave: () => guardian.leave(),
      };
    }
    const said = readFileSync(logFile, "utf8");
    if (attempt === 5 || !said.includes("address already in use")) {
      throw new Error(`SeaweedFS did not start:\n${said.slice(-2000)}`);
    }
  }
}

interface Layout extends S3Options {
  /** Two for each part: its own and its gRPC one. */
  readonly ports: readonly number[];
  readonly data: string;
  readonly identities: string;
}

function flags({ ports, data, identities, megabytes }: Layout): string[] {
  const listening = parts.flatMap((part, index) => [
    `-${part}.port=${ports[index * 2]}`,
    `-${part}.port.grpc=${ports[index * 2 + 1]}`,
  ]);
  const unused = ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-master.telemetry=false"];
  const volumes = megabytes === undefined ? { size: 256, most: 10_000 } : { size: megabytes, most: 1 };
  const small = [
    `-master.volumeSizeLimitMB=${volumes.size}`,
    `-volume.max=${volumes.most}`,
    "-volume.preStopSeconds=0",
  ];
  // A piece of 4 MiB, the default, and its frame outgrow the buffer of 4 MiB that the server lays out for it: zeroed and copied
  // again, twice the memory.
  const pieces = "-filer.maxMB=3";
  const here = [`-dir=${data}`, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", `-s3.config=${identities}`];
  return ["-logtostderr=true", "server", "-filer", "-s3", ...here, ...listening, ...unused, ...small, pieces];
}

/** SeaweedFS lays sockets beside its ports into /tmp, whatever TMPDIR says, and leaves them there when killed. */
function sockets(ports: readonly number[]): string[] {
  const names = parts.flatMap((part, index) => [
    `seaweedfs-${part}-${ports[index * 2]}.sock`,
    `seaweedfs-${part}-grpc-${ports[index * 2 + 1]}.sock`,
  ]);
  return [...new Set(["/tmp", tmpdir()])].flatMap((folder) => names.map((name) => join(folder, name)));
}

async function answers(server: ChildProcess, url: string): Promise<boolean> {
  for (let waited = 0; waited < 60_000; waited += 50) {
    if (server.exitCode !== null || server.signalCode !== null) return false;
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return true;
    await sleep(50);
  }
  return false;
}

async function createBucket(client: S3Client, name: string, lock: boolean): Promise<void> {
  try {
    await client.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: lock }));
    const VersioningConfiguration = { Status: "Enabled" } as const;
    if (!lock) await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
  } finally {
    client.destroy();
  }
}
