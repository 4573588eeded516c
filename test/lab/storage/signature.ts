import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { StorageError } from "./answer.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  /** Of a temporary login: the project's ref and anon key are then the pair, and this is a JWT of the project's. */
  readonly sessionToken?: string | undefined;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * Checks the SigV4 header of a request as Supabase does: the region counts, the body's hash is taken as it is told.
 *
 * (Supabase itself also takes `us-east-1` and `auto` for any region unless S3_PROTOCOL_ENFORCE_REGION is set: here a wrong
 * region is always told.)
 *
 * @throws StorageError `AccessDenied` without a signature, `InvalidAccessKeyId`, `SignatureDoesNotMatch`
 */
export function checkSignature(request: IncomingMessage, credentials: Credentials): void {
  const header = request.headers.authorization ?? "";
  const parts = /^AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]+)$/.exec(header);
  if (parts === null) throw new StorageError(403, "AccessDenied", "Missing signature");
  const [, credential = "", signedHeaders = "", signature = ""] = parts;
  const [accessKeyId, date = "", region = "", service = ""] = credential.split("/");
  if (accessKeyId !== credentials.accessKeyId)
    throw new StorageError(403, "InvalidAccessKeyId", "The Access Key Id you provided does not exist in our records.");
  if (request.headers["x-amz-security-token"] !== credentials.sessionToken)
    throw new StorageError(403, "AccessDenied", "Invalid session token");
  const [path = "", query = ""] = (request.url ?? "").split(/\?(.*)/s);
  const headers = signedHeaders.split(";").map(
    (name) =>
      `${name}:${String(request.headers[name] ?? "")
        .trim()
        .replaceAll(/ +/g, " ")}\n`,
  );
  const canonical = [
    request.method,
    path,
    canonicalQuery(query),
    headers.join(""),
    signedHeaders,
    request.headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD",
  ].join("\n");
  const scope = `${date}/${credentials.region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const dateKey = hmac(`AWS4${credentials.secretAccessKey}`, date);
  const key = hmac(hmac(hmac(dateKey, credentials.region), service), "aws4_request");
  const expected = hmac(key, text);
  const given = Buffer.from(signature, "hex");
  if (region !== credentials.region || given.length !== expected.length || !timingSafeEqual(given, expected))
    throw mismatch();
}

function mismatch(): StorageError {
  return new StorageError(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
  );
}

function canonicalQuery(query: string): string {
  return query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => pair.split(/=(.*)/s).slice(0, 2))
    .map(([name = "", value = ""]) => `${encode(decodeURIComponent(name))}=${encode(decodeURIComponent(value))}`)
    .sort()
    .join("&");
}
