import { Agent, createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** Requests by S3's own name of the operation, e.g. `PutObject`. */
export type RequestCounts = Readonly<Record<string, number>>;

/** Stands between an S3 client and its server (plain HTTP), changes nothing, and counts as S3's bill does. */
export interface Meter extends AsyncDisposable {
  /** To be used as the endpoint. */
  readonly url: string;
  /** What was asked since the last time. */
  take(): RequestCounts;
}

/** @param target the server's URL, e.g. `http://127.0.0.1:8333` */
export async function startMeter(target: string): Promise<Meter> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  let counts: Record<string, number> = {};
  const server = createServer((request, response) => {
    const operation = operationOf(request);
    counts[operation] = (counts[operation] ?? 0) + 1;
    const { method, headers, url } = request;
    const onwards = httpRequest({ host: hostname, port, method, path: url, headers, agent });
    onwards.on("error", () => request.socket.destroy());
    response.once("close", () => onwards.destroy());
    onwards.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onwards);
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take() {
      const taken = counts;
      counts = {};
      return taken;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      agent.destroy();
    },
  };
}

/** As Amazon S3's API Reference calls it: told by method, query and the headers that make a copy of a write. */
function operationOf({ method = "", url = "/", headers }: IncomingMessage): string {
  const { pathname, searchParams: query } = new URL(url, "http://store");
  const ofBucket = pathname.slice(1).split("/").filter(Boolean).length <= 1;
  const has = (name: string): boolean => query.has(name);
  if (ofBucket) {
    if (method === "POST" && has("delete")) return "DeleteObjects";
    if (method === "HEAD") return "HeadBucket";
    if (has("versions")) return "ListObjectVersions";
    if (has("uploads")) return "ListMultipartUploads";
    if (has("list-type")) return "ListObjectsV2";
    for (const [name, asked] of bucketQuestions) if (has(name)) return asked;
    return `${method} of a bucket`;
  }
  for (const [name, asked] of [
    ["tagging", "ObjectTagging"],
    ["retention", "ObjectRetention"],
    ["legal-hold", "ObjectLegalHold"],
  ] as const)
    if (has(name)) return `${method === "GET" ? "Get" : "Put"}${asked}`;
  if (has("restore")) return "RestoreObject";
  if (has("uploads")) return "CreateMultipartUpload";
  if (has("uploadId"))
    return method === "PUT" ? "UploadPart" : method === "POST" ? "CompleteMultipartUpload" : "AbortMultipartUpload";
  if (method === "PUT") return headers["x-amz-copy-source"] === undefined ? "PutObject" : "CopyObject";
  if (method === "DELETE") return "DeleteObject";
  return method === "HEAD" ? "HeadObject" : "GetObject";
}

const bucketQuestions = [
  ["location", "GetBucketLocation"],
  ["versioning", "GetBucketVersioning"],
  ["object-lock", "GetObjectLockConfiguration"],
  ["lifecycle", "GetBucketLifecycleConfiguration"],
  ["replication", "GetBucketReplication"],
  ["encryption", "GetBucketEncryption"],
] as const;
