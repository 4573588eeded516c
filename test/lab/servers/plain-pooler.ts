import { randomInt } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";
import pg from "pg";
import { parseConnectionUrl } from "../../../actions/lib/config/connection-url.ts";
import { int32, message, readMessage } from "./wire.ts";

/** A session at the server, and whom it works for now. */
interface Lent {
  readonly stream: Socket;
  to: Visitor | undefined;
}

interface Visitor {
  readonly socket: Socket;
  /** What was asked and has not been answered yet, in requests of which each ends with ReadyForQuery. */
  pending: number;
}

/**
 * A pooler as PgBouncer is one: it lets everybody in, has a key of its own for each, and lends sessions at the server, for as long as
 * a visitor stays or for a transaction each; the one that was given back last goes first.
 * @param url whom it signs in as at the server
 */
export async function startPlainPooler(
  url: string,
  { mode, sessions }: { readonly mode: "session" | "transaction"; readonly sessions: number },
): Promise<{ readonly url: string } & AsyncDisposable> {
  const free: Lent[] = [];
  const waiting: (() => void)[] = [];
  const streams: Socket[] = [];
  const visitors = new Set<Socket>();
  const giveBack = (lent: Lent): void => {
    lent.to = undefined;
    free.push(lent);
    waiting.shift()?.();
  };
  for (let at = 0; at < sessions; at += 1) {
    const client = new pg.Client(url);
    await client.connect();
    const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
    streams.push(stream.removeAllListeners());
    const lent: Lent = { stream, to: undefined };
    const take = framed((type, whole) => {
      lent.to?.socket.write(whole);
      if (lent.to === undefined || type !== "Z") return;
      lent.to.pending -= 1;
      if (mode === "transaction" && lent.to.pending === 0 && whole.toString("latin1", 5) === "I") giveBack(lent);
    });
    stream.on("error", () => undefined).on("data", take);
    free.push(lent);
  }
  const borrow = async (visitor: Visitor): Promise<Lent> => {
    while (free.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    const lent = free.pop() as Lent;
    lent.to = visitor;
    return lent;
  };
  const serve = async (socket: Socket): Promise<void> => {
    await readMessage(socket, 4, 0);
    const key = message("K", Buffer.concat([int32(randomInt(2 ** 31)), int32(randomInt(2 ** 31))]));
    socket.write(Buffer.concat([message("R", int32(0)), key, message("Z", Buffer.from("I"))]));
    const visitor: Visitor = { socket, pending: 0 };
    let lent: Lent | undefined;
    const bySync = new Set(["Q", "S"]);
    let queue = Promise.resolve();
    const forward = framed((type, whole) => {
      queue = queue.then(async () => {
        if (type === "X") return;
        if (lent === undefined || lent.to !== visitor) lent = await borrow(visitor);
        if (bySync.has(type)) visitor.pending += 1;
        lent.stream.write(whole);
      });
    });
    socket.on("data", forward).on("close", () => {
      if (lent?.to === visitor && visitor.pending === 0) giveBack(lent);
    });
  };
  const server = createServer((socket) => {
    visitors.add(socket);
    socket.on("error", () => undefined).on("close", () => visitors.delete(socket));
    serve(socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { user, database } = parseConnectionUrl(url);
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgresql://${encodeURIComponent(user)}:any@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    async [Symbol.asyncDispose]() {
      for (const socket of visitors) socket.destroy();
      for (const stream of streams) stream.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Cuts a stream into messages, each with its head. */
function framed(heard: (type: string, whole: Buffer) => void): (chunk: Buffer) => void {
  let kept = Buffer.alloc(0);
  return (chunk) => {
    kept = Buffer.concat([kept, chunk]);
    while (kept.length >= 5 && kept.length > kept.readInt32BE(1)) {
      const whole = kept.subarray(0, 1 + kept.readInt32BE(1));
      kept = kept.subarray(whole.length);
      heard(whole.toString("latin1", 0, 1), whole);
    }
  };
}
