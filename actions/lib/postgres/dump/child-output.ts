import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a child writes and where we read it. */
interface ChildOutput {
  /** For `spawn` as the child's stdout; to be destroyed as soon as the child has been started. */
  readonly childEnd: Socket;
  /** What the child writes, in blocks of 256 KiB. A block is valid until the next but one is asked for. To be read once. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
  /** Hangs up: the child's next write fails, a reader gets the end. */
  close(): void;
}

const blockBytes = 256 * 1024;
/** Two in the consumer's hands, one that waits for it, one that is being filled. */
const blocksAtOnce = 4;
/** Memory that the output needs, in bytes. */
export const childOutputBytes = blocksAtOnce * blockBytes;

/**
 * A pipe that is read into the same memory over and over. Node gives an ordinary child's every 64 KiB a buffer of its own,
 * and collecting those is what a backup then spends its time with (measured: a mark-compact for every 30 MB); only sockets
 * that we connect ourselves can be given a buffer. The folder keeps everybody else away from the socket.
 * @param memory `childOutputBytes` long, where whoever reads the output wants it; until `close` it is the output's own
 */
export async function openChildOutput(
  memory: Uint8Array = Buffer.allocUnsafeSlow(childOutputBytes),
): Promise<ChildOutput> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-"));
  const path = join(folder, "out");
  const server = createServer({ pauseOnConnect: true });
  try {
    server.listen(path);
    await once(server, "listening");
    const reader = new Reader(memory);
    const accepted = once(server, "connection");
    reader.attach(connect({ path, onread: { buffer: () => reader.room(), callback: (bytes) => reader.take(bytes) } }));
    const [childEnd] = await accepted;
    return { childEnd, chunks: () => reader.chunks(), close: () => reader.close() };
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Lets the socket fill one block after the other, and read on only as long as the consumer is done with the next. */
class Reader {
  readonly #memory: Uint8Array;
  #socket: Socket | undefined;
  /** Bytes of the block that is being filled. */
  #filled = 0;
  /** How many blocks have been filled, and how many of them the consumer is done with. */
  #full = 0;
  #done = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(memory: Uint8Array) {
    this.#memory = memory;
  }

  attach(socket: Socket): void {
    this.#socket = socket;
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    // A connection that breaks is an end like another: how the child ended tells whether it was a good one.
    for (const event of ["end", "close", "error"]) socket.on(event, end);
  }

  /** Where the socket is to put what it reads next. Node asks after every read, also when it was told to pause. */
  room(): Uint8Array {
    return this.#block(this.#full).subarray(this.#filled);
  }

  /** @returns false: read nothing more until `resume` */
  take(bytes: number): boolean {
    this.#filled += bytes;
    if (this.#filled === blockBytes) {
      this.#filled = 0;
      this.#full += 1;
      this.#wake?.();
    }
    return this.#hasRoom;
  }

  get #hasRoom(): boolean {
    return this.#full - this.#done < blocksAtOnce;
  }

  #block(number: number): Uint8Array {
    const from = (number % blocksAtOnce) * blockBytes;
    return this.#memory.subarray(from, from + blockBytes);
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let next = 0; ; next += 1) {
        // The one before the last is in nobody's hands any more.
        this.#done = Math.max(0, next - 1);
        if (this.#hasRoom) this.#socket?.resume();
        while (next === this.#full && !this.#ended) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (next < this.#full) yield this.#block(next);
        else {
          if (this.#filled > 0) yield this.#block(next).subarray(0, this.#filled);
          return;
        }
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#socket?.destroy();
  }
}
