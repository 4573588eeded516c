import type { IncomingMessage, ServerResponse } from "node:http";
import { StorageError } from "./answer.ts";
import type { FaultKind } from "./faults.ts";

/** One request, taken apart. */
export interface Call {
  /** The S3 operation that Supabase takes it for, whatever the client meant. */
  readonly operation: string;
  readonly method: string;
  readonly bucket: string;
  /** Empty for a request to the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  /** Parameters or headers that Supabase does not know and that name another operation: tagging, acl, … */
  readonly misunderstood: string | undefined;
}

/** A call and what is needed to answer it. */
export interface Exchange {
  readonly call: Call;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly fault: FaultKind | undefined;
}

export const prefix = "/storage/v1/s3";

/** Sub-resources of AWS's API that no route of Supabase matches: the request falls through to the plain operation. */
const unknownParts = [
  "acl",
  "retention",
  "legal-hold",
  "torrent",
  "restore",
  "versionId",
  "policy",
  "cors",
  "lifecycle",
];

/** @param base of every path, before the prefix @throws StorageError 404 for what no route matches */
export function readCall(request: IncomingMessage, base = ""): Call {
  const [path = "", search = ""] = (request.url ?? "").split(/\?(.*)/s);
  if (!path.startsWith(base + prefix)) throw new StorageError(404, "NotFound", "no such route");
  const [, bucket = "", key = ""] = /^\/?([^/]*)\/?(.*)$/s.exec(path.slice(base.length + prefix.length)) ?? [];
  const query = new URLSearchParams(search);
  const method = request.method ?? "GET";
  const copying = request.headers["x-amz-copy-source"] !== undefined;
  const operation =
    bucket === "" ? "ListBuckets" : key === "" ? onBucket(method, query) : onObject(method, query, copying);
  if (operation === undefined) throw new StorageError(404, "NotFound", "no such route");
  const tagging = method !== "GET" && query.has("tagging") ? "tagging" : undefined;
  return {
    ...{ operation, method, query },
    bucket: decodeURIComponent(bucket),
    key: decodeURIComponent(key),
    misunderstood: tagging ?? unknownParts.find((part) => query.has(part)),
  };
}

function onBucket(method: string, query: URLSearchParams): string | undefined {
  if (method === "PUT") return "CreateBucket";
  if (method === "DELETE") return "DeleteBucket";
  if (method === "HEAD") return "HeadBucket";
  if (method === "POST") return query.has("delete") ? "DeleteObjects" : undefined;
  if (query.has("location")) return "GetBucketLocation";
  if (query.has("versioning")) return "GetBucketVersioning";
  return query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects";
}

function onObject(method: string, query: URLSearchParams, copying: boolean): string | undefined {
  if (copying) return undefined;
  if (method === "HEAD") return "HeadObject";
  if (method === "PUT") return query.has("uploadId") && query.has("partNumber") ? "UploadPart" : "PutObject";
  if (method === "DELETE") return query.has("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
  if (method === "POST" && query.has("uploads")) return "CreateMultipartUpload";
  if (method === "POST") return query.has("uploadId") ? "CompleteMultipartUpload" : undefined;
  if (query.has("tagging")) return "GetObjectTagging";
  return query.has("uploadId") ? "ListParts" : "GetObject";
}
