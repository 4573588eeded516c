import { createServer } from "node:http";

export interface HeartbeatServer {
  /** Of one check; add its name. */
  readonly url: string;
  /** Paths in order, e.g. `/backup/start`. */
  readonly beats: string[];
  /** It answers with this status from now on; `undefined`: never. */
  answerWith(status: number | undefined): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A watcher outside of GitHub. */
export async function startHeartbeats(): Promise<HeartbeatServer> {
  const beats: string[] = [];
  let status: number | undefined = 200;
  const server = createServer((request, response) => {
    beats.push(request.url ?? "");
    if (status !== undefined) response.writeHead(status).end("OK");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    beats,
    answerWith(given) {
      status = given;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
