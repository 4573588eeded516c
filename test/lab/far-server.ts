import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A PostgreSQL server, without TLS, and how often one would wait for it if it were far away. */
export interface FarServer extends AsyncDisposable {
  readonly port: number;
  /** How often a client has asked when everything before was answered: that many times it has waited for the link. Over all sessions. */
  readonly waits: number;
}

export async function startFarServer(serverPort: number): Promise<FarServer> {
  const sockets = new Set<Socket>();
  let waits = 0;
  const listener = createServer((client) => {
    const server = connect(serverPort, "127.0.0.1");
    let unanswered = 0;
    const asked = frames(true, (type) => {
      if (type !== "Q" && type !== "S") return;
      if (unanswered === 0) waits += 1;
      unanswered += 1;
    });
    const answered = frames(false, (type) => {
      if (type === "Z") unanswered = Math.max(0, unanswered - 1);
    });
    pass(client, server, asked);
    pass(server, client, answered);
    for (const socket of [client, server]) sockets.add(socket.on("close", () => sockets.delete(socket)));
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    get waits() {
      return waits;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

function pass(from: Socket, to: Socket, look: (chunk: Buffer) => void): void {
  from.on("data", look).on("error", () => to.destroy());
  from.on("close", () => to.destroy()).pipe(to);
}

/** Tells the type of each message; a client's first has none (PostgreSQL's manual, "Message Flow"). */
function frames(startup: boolean, tell: (type: string) => void): (chunk: Buffer) => void {
  let head = Buffer.alloc(0);
  let size = startup ? 4 : 5;
  let body = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (body > 0) {
        const some = Math.min(body, chunk.length - at);
        [body, at] = [body - some, at + some];
        continue;
      }
      const part = chunk.subarray(at, at + size - head.length);
      head = Buffer.concat([head, part]);
      at += part.length;
      if (head.length < size) return;
      body = head.readUInt32BE(size - 4) - 4;
      if (size === 5) tell(String.fromCharCode(head[0] ?? 0));
      [head, size] = [Buffer.alloc(0), 5];
    }
  };
}
