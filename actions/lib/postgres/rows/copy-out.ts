import type { Client, Connection, Submittable } from "pg";
import { bufferUsed } from "../../base/collector.ts";
import { OperationError } from "../../base/errors.ts";
import type { RowInput } from "../row-hash/memory.ts";
import { CopyFrames } from "./copy-frames.ts";

/** What one COPY after the other gives. */
type CopyEvent =
  /** Rows of the COPY that is under way, cut anywhere; valid until two more have been asked for. */
  | { readonly text: Uint8Array }
  /** It has ended, and the server has counted so many rows. */
  | { readonly rows: string };

/**
 * Sends statements in one message, of which `COPY … TO STDOUT` answer with rows and others with nothing that is looked at: many
 * small tables cost one round trip. The rows are taken off the socket itself; through the driver, each would be an object.
 *
 * Who stops before the end hangs up on the server: what was asked for would still come.
 *
 * @param client inside a transaction, used for nothing else meanwhile
 * @param input from `copyMemory`, in which the text lies; used for nothing else until the last of it has been done with
 * @throws the server's first error, after which it does nothing more of the message; an error without SQLSTATE when the connection
 * is lost; OperationError `protocol-broken`
 */
export async function* copyOut(
  client: Client,
  statements: readonly string[],
  input: RowInput,
): AsyncGenerator<CopyEvent, void, undefined> {
  const query = client.query(new CopyOutQuery(statements.join(";\n"), new CopyFrames(input)));
  try {
    yield* query.events();
  } finally {
    query.hangUp();
  }
}

/** Bytes that may wait for a busy consumer before the server has to. */
const mostWaiting = 512 * 1024;
/** The types of messages that mean something here. */
const [commandComplete, errorResponse, readyForQuery, copyOutResponse] = ["C", "E", "Z", "H"].map((type) =>
  type.charCodeAt(0),
);
/** What the driver wants to hear of, though it is nobody's answer: notices, changed settings, notifications. */
const asides: ReadonlySet<number | undefined> = new Set(["N", "S", "A"].map((type) => type.charCodeAt(0)));

type Listener = (chunk: Buffer) => void;

/** A query of the driver's that listens to the socket in the driver's place from its sending to its end. */
class CopyOutQuery implements Submittable {
  readonly #text: string;
  readonly #frames: CopyFrames;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #connection: Connection | undefined;
  #driver: Listener | undefined;
  #refusal: unknown;
  #hasRefused = false;
  #lost: unknown;
  #wake: (() => void) | undefined;

  constructor(text: string, frames: CopyFrames) {
    this.#text = text;
    this.#frames = frames;
  }

  submit(connection: Connection): void {
    const [driver, ...others] = connection.stream.listeners("data");
    if (driver === undefined || others.length > 0) throw new Error("the driver listens in another way than it did");
    this.#driver = driver as Listener;
    this.#connection = connection;
    connection.stream.removeListener("data", this.#driver);
    connection.stream.on("data", this.#onData);
    connection.stream.on("close", this.#onClose);
    connection.query(this.#text);
  }

  /** The driver's, for an error of the server's and for the end of the connection. */
  handleError(error: unknown): void {
    // Behind an error of the server's own comes its ReadyForQuery, or the end of the connection.
    if (this.#hasRefused) this.#refusal ??= error;
    else this.#lose(error);
  }

  readonly #onClose = (): void => this.#lose(this.#refusal ?? new Error("Connection terminated"));

  #lose(error: unknown): void {
    this.#lost ??= error;
    this.#wake?.();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > mostWaiting) this.#connection?.stream.pause();
    this.#wake?.();
  };

  async #next(): Promise<Buffer> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) {
        if (this.#lost !== undefined) throw this.#lost;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#waitingBytes -= chunk.length;
      if (this.#waitingBytes <= mostWaiting && this.#connection?.stream.isPaused()) this.#connection.stream.resume();
      bufferUsed(chunk.length);
      return chunk;
    }
  }

  async *events(): AsyncGenerator<CopyEvent, void, undefined> {
    let copying = false;
    while (this.#driver !== undefined || this.#connection === undefined) {
      for (const taken of this.#frames.push(await this.#next())) {
        if ("text" in taken) {
          yield { text: taken.text };
          continue;
        }
        const [type] = taken.message;
        if (type === copyOutResponse) copying = true;
        else if (type === commandComplete && copying) {
          copying = false;
          yield { rows: countOf(taken.message) };
        } else if (type === errorResponse) {
          this.#hasRefused = true;
          this.#driver?.(taken.message);
        } else if (type === readyForQuery) this.#giveBack(taken.message);
        else if (asides.has(type)) this.#driver?.(taken.message);
      }
    }
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  /** The socket is the driver's again. */
  #giveBack(ready: Buffer): void {
    const driver = this.#stopListening();
    if (driver === undefined) return;
    this.#connection?.stream.on("data", driver);
    driver(ready);
  }

  #stopListening(): Listener | undefined {
    const driver = this.#driver;
    this.#driver = undefined;
    this.#connection?.stream.removeListener("data", this.#onData);
    this.#connection?.stream.removeListener("close", this.#onClose);
    return driver;
  }

  /** Ends the connection unless all answers have been read. */
  hangUp(): void {
    if (this.#stopListening() === undefined) return;
    this.#connection?.stream.destroy();
  }

  handleReadyForQuery(): void {}
}

/** The rows of a CommandComplete: `COPY 17`. @throws OperationError `protocol-broken` */
function countOf(message: Buffer): string {
  const rows = /^COPY (\d+)\0$/.exec(message.toString("latin1", 5))?.[1];
  if (rows !== undefined) return rows;
  throw new OperationError("protocol-broken", "The database ended a COPY without a count.", "Run again.");
}
