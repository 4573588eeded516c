import { createServer, type Socket } from "node:net";

/** Something outside that notes by what name it was called. */
export interface NamedListener {
  readonly port: number;
  /** How often somebody called by that name. */
  calls(name: string): number;
  /** Names that anybody has called by. */
  readonly names: readonly string[];
  clear(): void;
  close(): void;
}

/** Takes a line (`name\n`), and hangs up. */
export async function startNamedListener(): Promise<NamedListener> {
  let heard: string[] = [];
  const hear = (socket: Socket, data: Buffer): void => {
    heard.push(data.toString("latin1").trim());
    socket.destroy();
  };
  const server = createServer((socket) => {
    socket.on("data", (data) => hear(socket, data));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listener on the loopback has a port");
  return {
    port: address.port,
    calls: (name) => heard.filter((one) => one === name).length,
    get names() {
      return [...new Set(heard)];
    },
    clear: () => {
      heard = [];
    },
    close: () => void server.close(),
  };
}
