import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface GapFiller {
  /** To be used as the endpoint. */
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Questions about a bucket that moto answers with something else than it was told: prefixes of replication, EventBridge. */
const kept = ["replication", "notification"];

/** moto, but for those: what was put is what is given. @param target moto's URL */
export async function startGapFiller(target: string): Promise<GapFiller> {
  const { hostname, port } = new URL(target);
  const told = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", target);
    const what = kept.find((one) => url.searchParams.has(one));
    const name = `${url.pathname}?${what}`;
    const known = what !== undefined && request.method === "GET" ? told.get(name) : undefined;
    const pass = async (): Promise<void> => {
      const body = await buffer(request);
      if (known !== undefined) {
        response.writeHead(200, { "content-type": "application/xml" });
        response.end(known);
        return;
      }
      if (what !== undefined && request.method === "PUT") told.set(name, body);
      if (what !== undefined && request.method === "DELETE") told.delete(name);
      const { method, headers } = request;
      const onwards = httpRequest({ host: hostname, port, method, path: request.url, headers, agent: false });
      onwards.on("error", () => request.socket.destroy());
      onwards.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onwards.end(body);
    };
    pass().catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
