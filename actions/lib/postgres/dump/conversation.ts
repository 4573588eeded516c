import type { Writable } from "node:stream";
import type { Connection } from "pg";
import { OperationError } from "../../base/errors.ts";
import type { InventoryObject } from "../inventory/model.ts";

/** A message of the protocol: its type, and its length, which counts itself (PostgreSQL's manual, "Message Formats"). */
export function message(type: string, body: Uint8Array): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, "latin1");
  head.writeUInt32BE(body.length + lengthBytes, 1);
  return Buffer.concat([head, body]);
}

const lengthBytes = 4;
const headBytes = 1 + lengthBytes;
/** No question of pg_dump's is longer: it names at most some thousand tables or numbers at a time. */
const longest = 64 * 1024 * 1024;

/** What a client says: `startup` first, which has no type, then messages by their letter. @throws OperationError `protocol-broken` */
export async function* pieces(
  from: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly type: string; readonly body: Buffer }, void, undefined> {
  let rest = Buffer.alloc(0);
  let head = lengthBytes;
  for await (const chunk of from) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= head) {
      const length = rest.readUInt32BE(head - lengthBytes);
      if (length < lengthBytes || length > longest) throw broken();
      const end = head - lengthBytes + length;
      if (rest.length < end) break;
      yield { type: head === headBytes ? rest.toString("latin1", 0, 1) : "startup", body: rest.subarray(head, end) };
      rest = rest.subarray(end);
      head = headBytes;
    }
  }
}

function broken(): OperationError {
  return new OperationError("protocol-broken", "What came is not PostgreSQL's protocol.", "Run again.");
}

/** An object's number as pg_dump writes it into a question about this object alone. What users make has five digits or more. */
const number = /'(\d{5,10})'/g;
/** Questions that change nothing, of a session's settings either. */
const reads = /^(?:EXECUTE|SELECT)\b/;
/** Behind the one that was asked for. */
const mostAhead = 256;

/**
 * Tells what pg_dump asks next: of many kinds it asks for each object by itself, in nearly the order of their names. Wrong guesses
 * cost an answer that nobody reads. Pure.
 */
export class Foresight {
  readonly #kinds = new Map<string, string[]>();
  readonly #places = new Map<string, { readonly kind: string; readonly place: number }[]>();

  constructor(objects: readonly Pick<InventoryObject, "kind" | "oid">[]) {
    for (const { kind, oid } of objects) {
      const some = this.#kinds.get(kind) ?? [];
      this.#kinds.set(kind, some);
      this.#places.set(oid, [...(this.#places.get(oid) ?? []), { kind, place: some.length }]);
      some.push(oid);
    }
  }

  /** The same question about the objects of the same kind, the next ones first; none where it is about no one object. */
  like(question: string): string[] {
    const [found, ...more] = reads.test(question) ? [...question.matchAll(number)] : [];
    const oid = found?.[1];
    if (found === undefined || oid === undefined || more.length > 0) return [];
    const [before, behind] = [question.slice(0, found.index + 1), question.slice(found.index + 1 + oid.length)];
    return (this.#places.get(oid) ?? []).flatMap(({ kind, place }) => {
      const all = this.#kinds.get(kind) ?? [];
      const others = [...all.slice(place + 1), ...all.slice(0, place)].slice(0, mostAhead);
      return others.map((other) => `${before}${other}${behind}`);
    });
  }
}

/** Who waits for the answer to a question. */
interface Waiting {
  take(bytes: Buffer): void;
  /** @param well the answer is whole, and is no error */
  end(well: boolean): void;
}

const [errorResponse, readyForQuery] = ["E", "Z"].map((type) => type.charCodeAt(0));
const [savepoint, rollback] = ["savepoint foreseen", "rollback to savepoint foreseen;\nrelease foreseen"];
/** Answers that nobody has asked for are kept up to this many, the oldest of them are dropped. */
const mostKept = 1024;
/** What else pg_dump says may change what the same question is answered with. */
const harmless = /^(?:EXECUTE|PREPARE|SELECT (?!.*\bset_config\b))/s;
/** Single statements that are answered with their own name, or refused. */
const assent = /^(BEGIN|PREPARE|SET)\b[^;]*$/;

/** Questions to a server, and its answers: each in its turn, and some before they are asked. */
export class Conversation {
  readonly #stream: Connection["stream"];
  readonly #foresight: Foresight;
  readonly #foretold = new Map<string, Promise<Buffer | undefined>>();
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  /** Of the message that is arriving: its head as far as it is there, and what is missing behind that. */
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #left = 0;
  #isError = false;
  #inTransaction = false;
  /** What was said to be done and is not: the answer to the next question that the server is asked. */
  #refusal: Buffer | undefined;

  constructor({ stream }: Connection, foresight: Foresight) {
    this.#stream = stream;
    this.#foresight = foresight;
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#ended = new Promise((resolve) => stream.once("close", resolve));
    this.#ended.then(() => this.#tellAll());
    if (stream.destroyed) this.#tellAll();
  }

  onEnd(then: () => void): void {
    this.#ended.then(then);
  }

  /** Ends it. */
  end(): void {
    this.#stream.destroy();
  }

  /** Has a question answered to `to`. Resolves when the answer is there; rejects when it will not come any more. */
  async ask(question: string, to: Writable): Promise<void> {
    const foretold = this.#foretold.get(question);
    this.#foretold.delete(question);
    const answer = await foretold;
    if (answer !== undefined) return void to.write(answer);
    if (!harmless.test(question)) this.#foretold.clear();
    const tag = assent.exec(question)?.[1];
    if (tag !== undefined) return this.#assent(question, tag, to);
    const answered = this.#send(question, to);
    this.#lookAhead(question);
    await answered;
  }

  /** Does not wait for the server, which hears of it before anything else. */
  #assent(question: string, tag: string, to: Writable): void {
    this.#collect(question, (answer) => {
      this.#refusal ??= answer;
    });
    this.#inTransaction ||= tag === "BEGIN";
    const ready = this.#inTransaction ? "T" : "I";
    to.write(Buffer.concat([message("C", Buffer.from(`${tag}\0`)), message("Z", Buffer.from(ready))]));
  }

  #send(question: string, to: Writable): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let refused = false;
    this.#stream.write(query(question));
    this.#waiting.push({
      take: (bytes) => {
        if (this.#refusal !== undefined) {
          refused = true;
          to.write(this.#refusal);
          this.#refusal = undefined;
        }
        if (refused || to.write(bytes)) return;
        this.#stream.pause();
        to.once("drain", () => this.#stream.resume());
        to.once("close", () => this.#stream.resume());
      },
      end: (well) => (well || !this.#stream.destroyed ? resolve() : reject(broken())),
    });
    return promise;
  }

  /** An error among them must not end pg_dump's transaction: it is asked again when pg_dump asks. */
  #lookAhead(question: string): void {
    const next = this.#foresight.like(question).filter((one) => !this.#foretold.has(one));
    if (next.length === 0) return;
    this.#collect(savepoint);
    for (const one of next) this.#foretold.set(one, this.#collect(one));
    this.#collect(rollback);
    for (const one of [...this.#foretold.keys()].slice(0, -mostKept)) this.#foretold.delete(one);
  }

  /** @returns the answer; undefined when it is an error, or none comes */
  #collect(question: string, onError?: (answer: Buffer) => void): Promise<Buffer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const answer: Buffer[] = [];
    this.#stream.write(query(question));
    // Copies: a few bytes would keep the whole chunk that they came in.
    const take = (bytes: Buffer): void => void answer.push(Buffer.from(bytes));
    const end = (well: boolean): void => {
      if (!well) onError?.(Buffer.concat(answer));
      resolve(well ? Buffer.concat(answer) : undefined);
    };
    this.#waiting.push({ take, end });
    return promise;
  }

  #take(chunk: Buffer): void {
    let begun = 0;
    for (let at = 0; at < chunk.length; ) {
      if (this.#headFilled < headBytes) {
        this.#head[this.#headFilled++] = chunk[at++] ?? 0;
        if (this.#headFilled < headBytes) continue;
        this.#left = this.#head.readUInt32BE(1) - lengthBytes;
        if (this.#left < 0) return void this.end();
        if (this.#head[0] === errorResponse) this.#isError = true;
      }
      const taken = Math.min(this.#left, chunk.length - at);
      at += taken;
      this.#left -= taken;
      if (this.#left > 0) break;
      this.#headFilled = 0;
      if (this.#head[0] !== readyForQuery) continue;
      const waiting = this.#waiting.shift();
      waiting?.take(chunk.subarray(begun, at));
      waiting?.end(!this.#isError);
      this.#isError = false;
      begun = at;
    }
    if (begun < chunk.length) this.#waiting[0]?.take(chunk.subarray(begun));
  }

  /** Nothing comes any more. */
  #tellAll(): void {
    for (const waiting of this.#waiting.splice(0)) waiting.end(false);
  }
}

/** pg_dump's questions are in its own encoding: byte for byte as it asked them. */
function query(question: string): Buffer {
  return message("Q", Buffer.from(`${question}\0`, "latin1"));
}
