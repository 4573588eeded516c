import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { AnyStatement } from "../../lab/iam/evaluate.ts";
import { allows } from "../../lab/iam/role-policy.ts";
import type { S3Facts } from "../../lab/iam/s3-request.ts";

/** What one request asks to be allowed. */
interface Asked {
  readonly action: string;
  readonly resource: string;
  readonly facts?: S3Facts;
}

/** An S3 server that lets pass what a role's policy allows, and answers everything else as AWS does. */
export interface RoleGate {
  /** To be used as the endpoint. */
  readonly url: string;
  /** What was refused, each `<action> <resource>`. */
  readonly refused: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param target the server's URL; it knows nothing of roles */
export async function startRoleGate(target: string, policy: readonly AnyStatement[]): Promise<RoleGate> {
  const { hostname, port } = new URL(target);
  const refused: string[] = [];
  const server = createServer((request, response) => {
    pass(request, response).catch(() => request.socket.destroy());
  });
  server.requestTimeout = 0;
  const refuse = ({ action, resource }: Asked): void => void refused.push(`${action} ${resource}`);

  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", target);
    const deletes = request.method === "POST" && url.searchParams.has("delete");
    const locks = request.method === "PUT" && url.searchParams.has("retention");
    const body = deletes || locks ? await buffer(request) : undefined;
    const asked = deletes ? deletedBy(String(body), url) : askedBy(request, url, String(body));
    const denied = asked.filter(({ action, resource, facts }) => !allows(policy, action, resource, facts));
    denied.forEach(refuse);
    if (denied.length > 0) {
      request.resume();
      // A list of deletions is answered key by key.
      const keys = denied.map(
        ({ resource }) => `<Error><Key>${keyOf(resource)}</Key><Code>AccessDenied</Code></Error>`,
      );
      const error = "<Error><Code>AccessDenied</Code><Message>not authorized</Message></Error>";
      response.writeHead(deletes ? 200 : 403, { "content-type": "application/xml" });
      response.end(
        request.method === "HEAD" ? undefined : deletes ? `<DeleteResult>${keys.join("")}</DeleteResult>` : error,
      );
      return;
    }
    const { method, headers } = request;
    const onwards = httpRequest({ host: hostname, port, method, path: request.url, headers, agent: false });
    onwards.on("error", () => request.socket.destroy());
    response.once("close", () => onwards.destroy());
    onwards.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    if (body === undefined) request.pipe(onwards);
    else onwards.end(body);
  };

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** As the Service Authorization Reference has it, "Actions, resources, and condition keys for Amazon S3". */
function askedBy(
  { method = "", headers }: IncomingMessage,
  { pathname, searchParams: query }: URL,
  body: string,
): Asked[] {
  const [bucket = "", ...rest] = decodeURIComponent(pathname).slice(1).split("/");
  const key = rest.join("/");
  const resource = `arn:aws:s3:::${key === "" ? bucket : `${bucket}/${key}`}`;
  const until = headers["x-amz-object-lock-retain-until-date"] ?? /<RetainUntilDate>([^<]+)</.exec(body)?.[1];
  const facts = typeof until === "string" ? { lockDays: (Date.parse(until) - Date.now()) / 86_400_000 } : {};
  const ask = (...actions: string[]): Asked[] => actions.map((action) => ({ action: `s3:${action}`, resource, facts }));
  const has = (name: string): boolean => query.has(name);
  if (key === "") {
    if (method === "HEAD" || has("list-type")) return ask("ListBucket");
    for (const [name, action] of bucketQuestions) if (method === "GET" && has(name)) return ask(action);
    return ask(`Unknown ${method} of a bucket`);
  }
  if (has("retention")) return ask(method === "GET" ? "GetObjectRetention" : "PutObjectRetention");
  if (has("legal-hold")) return ask(method === "GET" ? "GetObjectLegalHold" : "PutObjectLegalHold");
  if (method === "GET" || method === "HEAD") return ask(has("versionId") ? "GetObjectVersion" : "GetObject");
  if (method === "DELETE" && has("uploadId")) return ask("AbortMultipartUpload");
  if (method === "DELETE") return ask(has("versionId") ? "DeleteObjectVersion" : "DeleteObject");
  if (has("restore")) return ask("RestoreObject");
  const locks = headers["x-amz-object-lock-mode"] === undefined ? [] : ["PutObjectRetention"];
  const tags = headers["x-amz-tagging"] === undefined ? [] : ["PutObjectTagging"];
  return ask("PutObject", ...locks, ...tags);
}

const bucketQuestions = [
  ["location", "GetBucketLocation"],
  ["versioning", "GetBucketVersioning"],
  ["object-lock", "GetBucketObjectLockConfiguration"],
  ["lifecycle", "GetLifecycleConfiguration"],
  ["versions", "ListBucketVersions"],
  ["uploads", "ListBucketMultipartUploads"],
] as const;

function deletedBy(body: string, { pathname }: URL): Asked[] {
  const bucket = pathname.split("/")[1] ?? "";
  return [...body.matchAll(/<Object>(.*?)<\/Object>/gs)].map(([, one = ""]) => ({
    action: one.includes("<VersionId>") ? "s3:DeleteObjectVersion" : "s3:DeleteObject",
    resource: `arn:aws:s3:::${bucket}/${/<Key>(.*?)<\/Key>/s.exec(one)?.[1] ?? ""}`,
  }));
}

function keyOf(resource: string): string {
  return resource.slice(resource.indexOf("/") + 1);
}
