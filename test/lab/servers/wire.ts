import type { Socket } from "node:net";

/** PostgreSQL's protocol, as far as poolers of the lab speak it. */

export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
};
export const message = (type: string, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);

/** One message, its head of `head` bytes included; its length stands at byte `at`. */
export async function readMessage(socket: Socket, head: number, at: number): Promise<Buffer> {
  const first = await take(socket, head);
  const rest = first.readInt32BE(at) - (head - at);
  if (rest < 0 || rest > 1e6) throw new Error("no message of PostgreSQL's");
  return Buffer.concat([first, rest === 0 ? Buffer.alloc(0) : await take(socket, rest)]);
}

async function take(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = socket.read(bytes);
    if (chunk !== null && chunk.length === bytes) return chunk;
    if (socket.readableEnded || socket.destroyed) throw new Error("ended");
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        for (const event of ["readable", "end", "close"]) socket.off(event, done);
        resolve();
      };
      for (const event of ["readable", "end", "close"]) socket.on(event, done);
      socket.once("error", reject);
    });
  }
}
