import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a child writes and where we read it. */
export interface ChildOutput {
  /** For `spawn` as the child's stdout; to be destroyed as soon as the child has been started. */
  readonly childEnd: Socket;
  /** What the child writes. A chunk is valid only until the next one is asked for. To be read once. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
  /** Hangs up: the child's next write fails, a reader gets the end. */
  close(): void;
}

/** Three for the reader's one: the kernel's buffer between the two ends is smaller than this (net.core.wmem_default). */
const chunkBytes = 256 * 1024;

/**
 * A pipe that is read into the same memory over and over. Node gives an ordinary child's every 64 KiB a buffer of its own,
 * and collecting those is what a backup then spends its time with (measured: a mark-compact for every 30 MB); only sockets
 * that we connect ourselves can be given a buffer. The folder keeps everybody else away from the socket.
 */
export async function openChildOutput(): Promise<ChildOutput> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-"));
  const path = join(folder, "out");
  const server = createServer({ pauseOnConnect: true });
  try {
    server.listen(path);
    await once(server, "listening");
    const reader = new Reader();
    const accepted = once(server, "connection");
    reader.attach(
      connect({
        path,
        onread: {
          buffer: Buffer.allocUnsafeSlow(chunkBytes),
          callback: (bytes, buffer) => reader.take(buffer.subarray(0, bytes)),
        },
      }),
    );
    const [childEnd] = await accepted;
    return { childEnd, chunks: () => reader.chunks(), close: () => reader.close() };
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Takes what the socket puts into its one buffer and lets it read on only when the consumer is done with that. */
class Reader {
  #socket: Socket | undefined;
  #chunk: Uint8Array | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  attach(socket: Socket): void {
    this.#socket = socket;
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    // A connection that breaks is an end like another: how the child ended tells whether it was a good one.
    for (const event of ["end", "close", "error"]) socket.on(event, end);
  }

  /** @returns false: read nothing more until `resume` */
  take(chunk: Uint8Array): boolean {
    this.#chunk = chunk;
    this.#wake?.();
    return false;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        while (this.#chunk === undefined && !this.#ended) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        const chunk = this.#chunk;
        if (chunk === undefined) return;
        yield chunk;
        this.#chunk = undefined;
        this.#socket?.resume();
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#socket?.destroy();
  }
}
