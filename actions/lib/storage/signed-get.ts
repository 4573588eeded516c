import { createHash } from "node:crypto";
import type { StallWatch } from "../base/flow/retry.ts";
import { bodyOf, encodePart, type Transport } from "../s3/transport.ts";

export interface FileHead {
  /** Content-Length of what comes, in bytes; undefined when the endpoint does not say. */
  readonly bytes: number | undefined;
  readonly etag: string | undefined;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly lastModified: string | undefined;
}

export interface FileAnswer extends FileHead {
  readonly status: number;
  /** Size of the whole file, also where a range was asked for. */
  readonly wholeBytes: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** @param range e.g. `bytes=5-` @throws what `readAnswer` reads */
type SignedGet = (
  file: { readonly bucket: string; readonly name: string },
  range: string | undefined,
  watch: StallWatch,
) => Promise<FileAnswer>;

const emptyHash = createHash("sha256").digest("hex");

/**
 * GET by the SDK's signer and connections, past the layers between: they take two thirds of the processor time of a request,
 * and files come by the ten thousand (decision 0007).
 */
export function signedGet({ client }: Transport, endpoint: string): SignedGet {
  const { protocol, hostname, port, host, pathname } = new URL(endpoint);
  const root = pathname.replace(/\/+$/, "");
  const address = { method: "GET", protocol, hostname, query: {}, ...(port !== "" && { port: Number(port) }) };
  let signer: ReturnType<typeof client.config.signer> | undefined;
  return async ({ bucket, name }, range, watch) => {
    signer ??= client.config.signer();
    const headers = { host, "x-amz-content-sha256": emptyHash, ...(range !== undefined && { range }) };
    // Slashes, also doubled ones, stay where they are.
    const path = `${root}/${encodePart(bucket)}/${name.split("/").map(encodePart).join("/")}`;
    const request = await (await signer).sign({ ...address, path, headers });
    // The signer makes the SDK's own form of a request of it, which its types do not tell.
    const sent = request as Parameters<typeof client.config.requestHandler.handle>[0];
    const { response } = await client.config.requestHandler.handle(sent, { abortSignal: watch.signal });
    const { statusCode: status, headers: told, body } = response;
    if (status < 200 || status > 299) {
      const refusal = { name: await codeOf(bodyOf(body)), $metadata: { httpStatusCode: status }, $response: response };
      throw Object.assign(new Error("the endpoint refuses"), refusal);
    }
    const length = told["content-length"];
    const bytes = length === undefined ? undefined : Number(length);
    const whole = /\/(\d+)$/.exec(told["content-range"] ?? "")?.[1];
    return {
      ...{ status, bytes, wholeBytes: whole === undefined ? bytes : Number(whole), body: bodyOf(body) },
      ...{ etag: told["etag"], contentType: told["content-type"], cacheControl: told["cache-control"] },
      lastModified: told["last-modified"],
    };
  };
}

/** S3's code stands at the beginning of a refusal, of which no more is read: it could be without an end. */
async function codeOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  try {
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString("latin1");
      if (text.length > 4096) break;
    }
  } catch {
    // The status says enough.
  }
  return /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? "Unknown";
}
