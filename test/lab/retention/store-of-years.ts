import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { timeOfSet } from "../../../actions/lib/vault/format/manifest.ts";

/** A way to a store whose objects seem to have come over years. */
export interface StoreOfYears {
  /** To be used as the endpoint. */
  readonly url: string;
  close(): Promise<void>;
}

/** Minutes from the time in an id to that at which the store had the object. */
const minutesLater = 10;

function timeOf(key: string): Date | undefined {
  const id = key.match(/\d{8}T\d{6}Z-[0-9a-f]{8}/g)?.at(-1);
  return id === undefined ? undefined : new Date(timeOfSet(id) + minutesLater * 60_000);
}

/**
 * Passes everything on to a store (plain HTTP) and changes one thing of what it answers: an object that is named after the id of a
 * set, or of a proof, was stored when the id says. A store takes the time from its own clock, and nobody wants to wait for seven years.
 * @param target e.g. `http://127.0.0.1:8333`
 */
export async function openStoreOfYears(target: string): Promise<StoreOfYears> {
  const { hostname, port } = new URL(target);
  const server = createServer((request, response) => {
    const onwards = httpRequest({
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    });
    onwards.on("error", () => request.socket.destroy());
    onwards.on("response", (answer) => {
      const key = decodeURIComponent(new URL(request.url ?? "/", target).pathname);
      if (request.method === "GET" && answer.headers["content-type"]?.includes("xml"))
        return void listed(answer, response);
      const time = timeOf(key)?.toUTCString();
      const known = answer.headers["last-modified"] !== undefined && time !== undefined;
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...(known && { "last-modified": time }) });
      answer.pipe(response);
    });
    request.pipe(onwards);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** A list of versions or objects, in which each entry tells its key before its time. */
async function listed(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = Buffer.concat(await answer.toArray()).toString("utf8");
  const changed = text.replaceAll(/<(Version|Contents)>.*?<\/\1>/gs, (entry) => {
    const key = /<Key>(.*?)<\/Key>/s.exec(entry)?.[1] ?? "";
    const time = timeOf(decodeURIComponent(key))?.toISOString();
    return time === undefined ? entry : entry.replace(/(<LastModified>).*?(<\/LastModified>)/s, `$1${time}$2`);
  });
  const headers = { ...answer.headers, "content-length": String(Buffer.byteLength(changed)) };
  delete headers["transfer-encoding"];
  response.writeHead(answer.statusCode ?? 502, headers).end(changed);
}
