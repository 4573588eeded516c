import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import pg from "pg";
import { Faults } from "../faults.ts";
import type { LabProject } from "../project.ts";
import { type Elements, StorageError, sendXml } from "./answer.ts";
import { FileBytes } from "./bytes.ts";
import { type Call, type Exchange, prefix, readCall } from "./call.ts";
import { beforeAnswer, type Fault } from "./faults.ts";
import { listObjects } from "./listing.ts";
import { Uploads } from "./multipart.ts";
import { deleteObject, deleteObjects, getObject, headObject, type Place, putObject } from "./objects.ts";
import { StorageRows } from "./rows.ts";
import { type Credentials, checkSignature } from "./signature.ts";

/** How to get at a project's files over S3: what a user of the project has. */
export interface StorageAccess extends Credentials {
  /** Ends in /storage/v1/s3. */
  readonly endpoint: string;
}

/** A request that the server has answered. */
export interface Answered extends Pick<Call, "operation" | "bucket" | "key" | "misunderstood"> {
  /** 0: cut off before an answer. */
  readonly status: number;
}

/** Supabase's storage of one lab project, on the loopback. */
export interface RunningStorage extends StorageAccess {
  /** Every request with an answer, in the order of the answers. */
  readonly answered: Answered[];
  /** Where the bytes lie, one file a version. */
  readonly files: FileBytes;
  /** Makes requests fail until the returned function is called, which tells how many did. */
  inject(fault: Fault): () => number;
  client(): S3Client;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StorageOptions {
  readonly region?: string;
  /** Where the bytes lie; default: a new temporary folder, which is removed when the server stops. */
  readonly folder?: string;
  /** Default: a pair of random keys, as the dashboard makes them. */
  readonly credentials?: Omit<Credentials, "region">;
  /** Of every path: where a whole project is served below one address. */
  readonly base?: string;
}

/**
 * Serves a lab project's files as Supabase's S3 endpoint does, its faults included: metadata lives in the rows of
 * `storage.objects` and `storage.buckets`, bytes in a folder. Other tests never meet it: its port and keys are its own.
 */
export async function startStorage(project: LabProject, options: StorageOptions = {}): Promise<RunningStorage> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "lifeboat-lab-storage-")));
  const files = await new FileBytes(folder).open();
  const credentials: Credentials = {
    accessKeyId: randomBytes(16).toString("hex"),
    secretAccessKey: randomBytes(32).toString("hex"),
    ...options.credentials,
    region: options.region ?? "eu-west-1",
  };
  const pool = new pg.Pool({ connectionString: project.superuserUrl, max: 6, application_name: "lab storage" });
  // An idle session that a test ends, by dropping the project for one, is no failure of ours.
  pool.on("error", () => {});
  const place: Place = { rows: new StorageRows(pool), files };
  const uploads = new Uploads(place);
  const faults = new Faults<Fault>();
  const answered: Answered[] = [];

  const server = createServer({ keepAlive: true }, (request, response) => {
    void serve(request, response);
  });
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let call: Call | undefined;
    try {
      const asked = readCall(request, options.base);
      call = asked;
      checkSignature(request, credentials);
      const fault = faults.meet(({ on }) => on?.(asked) ?? true);
      await beforeAnswer(fault);
      if (fault === "reset" && call.operation !== "GetObject") request.socket.destroy();
      else await answer(place, uploads, credentials, { call, request, response, fault });
    } catch (error) {
      refuse(response, error);
    } finally {
      const { operation = "unknown", bucket = "", key = "", misunderstood } = call ?? {};
      const cut = request.socket.destroyed && !response.writableFinished;
      answered.push({ operation, bucket, key, misunderstood, status: cut ? 0 : response.statusCode });
    }
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A listening socket has no port.");
  const endpoint = `http://127.0.0.1:${address.port}${options.base ?? ""}${prefix}`;

  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await pool.end().catch(() => undefined);
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  };
  return {
    ...credentials,
    ...{ endpoint, answered, files, stop, [Symbol.asyncDispose]: stop },
    inject: (fault) => faults.inject(fault),
    client: () => storageClient({ endpoint, ...credentials }),
  };
}

export function storageClient({ endpoint, region, ...keys }: StorageAccess): S3Client {
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials });
}

async function answer(place: Place, uploads: Uploads, { region }: Credentials, exchange: Exchange): Promise<void> {
  const { call, response } = exchange;
  const { rows } = place;
  const xml = (document: Elements): void => sendXml(response, 200, document);
  switch (call.operation) {
    case "PutObject":
      return putObject(place, exchange);
    case "GetObject":
      return getObject(place, exchange);
    case "HeadObject":
      return headObject(place, exchange);
    case "DeleteObject":
      return deleteObject(place, exchange);
    case "DeleteObjects":
      return deleteObjects(place, exchange);
    case "GetObjectTagging":
      return xml({ Tagging: { TagSet: "" } });
    case "CreateMultipartUpload":
      return uploads.create(exchange);
    case "UploadPart":
      return uploads.part(exchange);
    case "CompleteMultipartUpload":
      return uploads.complete(exchange);
    case "AbortMultipartUpload":
      return uploads.abort(exchange);
    case "ListParts":
      return uploads.list(exchange);
    case "ListBuckets":
      return xml({
        ListAllMyBucketsResult: {
          Buckets: {
            Bucket: (await rows.buckets()).map(({ id, created_at }) => ({
              Name: id,
              CreationDate: created_at?.toISOString(),
            })),
          },
        },
      });
    case "CreateBucket":
      await rows.createBucket(call.bucket);
      response.writeHead(200, { location: `/${call.bucket}` }).end();
      return;
    case "DeleteBucket":
      if ((await rows.objects(call.bucket, "", "", 1)).length > 0)
        throw new StorageError(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty");
      await rows.deleteBucket(call.bucket);
      response.writeHead(204).end();
      return;
    case "HeadBucket":
      await rows.bucket(call.bucket);
      response.writeHead(200, { "x-amz-bucket-region": region }).end();
      return;
    case "GetBucketLocation":
      return xml({ LocationConstraint: region });
    case "GetBucketVersioning":
      return xml({ VersioningConfiguration: { Status: "Suspended" } });
    default:
      return listObjects(rows, exchange);
  }
}

/** After the first byte of an answer nothing can be said any more: the connection is cut. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, code, message } =
    error instanceof StorageError ? error : new StorageError(500, "InternalError", "Internal Server Error");
  // What the client still sends would be taken for its next request.
  response.setHeader("connection", "close");
  sendXml(response, status, { Error: { Code: code, Message: message } });
}
