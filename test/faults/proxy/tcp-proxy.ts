import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { Line } from "./line.ts";

/** A way that takes time, as each connection has it for itself. */
export interface Link {
  /** Also what it takes to connect. */
  readonly roundTripMs: number;
  /** Of each direction. */
  readonly bytesPerSecond: number;
}

/** Stands between a client and any TCP server, Postgres above all. TLS passes through untouched. */
export interface TcpFaultProxy {
  readonly host: string;
  readonly port: number;
  /** Connections open now. */
  readonly open: number;
  /** Bytes that came from the server, over all connections. */
  readonly received: number;
  /** Resets every open connection. */
  cut(): void;
  /** Resets the connection over which the server's bytes pass this count, all counted from now. Resolves when it has. */
  cutAfter(serverBytes: number): Promise<void>;
  /** New connections are reset at once while true. */
  refuse(yes: boolean): void;
  /** Nothing passes until `release`, in either direction, on old and new connections. */
  hold(): { release(): void };
  /** Pace of the server's bytes on connections made from now on; undefined for as fast as they come. */
  slow(bytesPerSecond: number | undefined): void;
  /** Lets so many connections be open at a time; more are refused as Supabase's session pooler refuses them. */
  admit(most: number): void;
  /** How many were refused so. */
  readonly refused: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** PostgreSQL's ErrorResponse, as Supavisor writes it. */
function poolIsFull(): Buffer {
  const fields =
    "SFATAL\0VFATAL\0CXX000\0M(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15\0\0";
  const head = Buffer.from("E\0\0\0\0");
  head.writeUInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, Buffer.from(fields)]);
}

/**
 * @param target a host and port, or a Unix socket's path
 * @param link what lies between; default: nothing
 */
export async function startTcpFaultProxy(
  target: { readonly host: string; readonly port: number } | { readonly path: string },
  link?: Link,
): Promise<TcpFaultProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let received = 0;
  let refusing = false;
  let pace: number | undefined;
  let held = false;
  let most = Number.POSITIVE_INFINITY;
  let refused = 0;
  let limit: { left: number; done: () => void } | undefined;

  const reset = (pair: { client: Socket; server: Socket }) => {
    pair.client.resetAndDestroy();
    pair.server.destroy();
  };
  const line = (): Line[] => {
    if (link === undefined) return [];
    const { bytesPerSecond, roundTripMs } = link;
    return [new Line({ bytesPerSecond, delayMs: roundTripMs / 2, opensAt: performance.now() + roundTripMs })];
  };
  // What is still on its way arrives, though its sender has gone: each direction ends by itself.
  const ways = { noDelay: true, allowHalfOpen: true };
  const listener = createServer(ways, (client) => {
    if (refusing) return void client.resetAndDestroy();
    if (pairs.size >= most) {
      refused += 1;
      return void client.on("error", () => {}).once("data", () => client.end(poolIsFull()));
    }
    const server = connect({ ...target, ...ways });
    const pair = { client, server };
    pairs.add(pair);
    // A reset that comes when both directions have ended is nobody's any more.
    for (const socket of [client, server]) socket.on("error", () => {});
    let open = 2;
    const ended = (error: unknown) => {
      open--;
      if (open > 0 && !error) return;
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    server.on("data", (chunk: Buffer) => {
      received += chunk.byteLength;
      if (limit === undefined) return;
      limit.left -= chunk.byteLength;
      if (limit.left > 0) return;
      const { done } = limit;
      limit = undefined;
      reset(pair);
      done();
    });
    pipeline([client, ...line(), server], ended);
    pipeline([server, ...(pace === undefined ? line() : [new Line({ bytesPerSecond: pace })]), client], ended);
    if (held) for (const socket of [client, server]) socket.pause();
    return undefined;
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;

  return {
    host: "127.0.0.1",
    port,
    get open() {
      return pairs.size;
    },
    get received() {
      return received;
    },
    cut: () => pairs.forEach(reset),
    cutAfter(serverBytes) {
      const { promise, resolve } = Promise.withResolvers<void>();
      limit = { left: serverBytes, done: resolve };
      return promise;
    },
    refuse(yes) {
      refusing = yes;
    },
    hold() {
      held = true;
      for (const { client, server } of pairs) for (const socket of [client, server]) socket.pause();
      return {
        release() {
          held = false;
          for (const { client, server } of pairs) for (const socket of [client, server]) socket.resume();
        },
      };
    },
    admit(connections) {
      most = connections;
    },
    get refused() {
      return refused;
    },
    slow(bytesPerSecond) {
      pace = bytesPerSecond;
    },
    async [Symbol.asyncDispose]() {
      pairs.forEach(reset);
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
