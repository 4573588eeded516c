import { OperationError } from "../../base/errors.ts";
import { compileProgram, instantiate, type Memory, type Program, pieceBytes, RowInput } from "../row-hash/memory.ts";
import {
  add,
  and,
  assemble,
  atLeast,
  below,
  block,
  type Code,
  get,
  getGlobal,
  leave,
  leaveWhen,
  load8,
  load32,
  load128,
  loop,
  notEqual,
  number,
  or,
  rotateLeft,
  select,
  set,
  setGlobal,
  store128,
  subtract,
  when,
} from "../row-hash/webassembly.ts";

/** Every message: a byte for its type, then four bytes of length, which count themselves (PostgreSQL's manual, "Message Formats"). */
const headBytes = 5;
const lengthBytes = 4;
const copyData = "d".charCodeAt(0);
/** No server sends more: a field has 1 GB at most (memutils.h). */
const longestMessage = 0x4000_0000;
/** Errors and notices are short; what is longer is not the protocol. */
const longestOther = 1024 * 1024;

const blockBytes = 256 * 1024;
/** Two in the consumer's hands, one that waits for it, one that is being filled. */
const blocksAtOnce = 4;
/** Copying goes sixteen bytes at a time, past the end of what is copied. */
const margin = 64;
const rawAt = blocksAtOnce * blockBytes + margin;

/** Memory for the rows of one session at a time: where they arrive, where they are put together, hashed and compressed. */
export function copyMemory(): RowInput {
  return new RowInput(rawAt + pieceBytes);
}

interface Exports {
  /** Puts the contents of the CopyData messages in `[at, end)` behind one another at `to`. @returns the place after them */
  unframe(at: number, end: number, to: number): number;
  /** Where it stopped: at the end, or at a message that is another or whose head is cut off. */
  readonly at: { value: number };
  /** Bytes that are missing of the message that it is in. */
  readonly left: { value: number };
}

const [atIndex, leftIndex] = [0, 1];

/** A row of COPY is a message of its own: done in JavaScript, taking them apart would cost as much as hashing them. */
function unframeProgram(): Uint8Array<ArrayBuffer> {
  const [at, end, to, left, until, head, write] = [0, 1, 2, 3, 4, 5, 6];
  const highestFirst = (value: Code) =>
    or(
      and(rotateLeft(value, number(8)), number(0x00ff00ff)),
      and(rotateLeft(value, number(24)), number(0xff00ff00 | 0)),
    );
  const copyContent: Code[] = [
    set(
      until,
      add(get(at), select(get(left), subtract(get(end), get(at)), below(get(left), subtract(get(end), get(at))))),
    ),
    set(left, subtract(get(left), subtract(get(until), get(at)))),
    set(write, get(to)),
    set(to, add(get(to), subtract(get(until), get(at)))),
    block(
      "copied",
      loop(
        "more",
        leaveWhen("copied", atLeast(get(at), get(until))),
        store128(0, get(write), load128(0, get(at))),
        set(at, add(get(at), number(16))),
        set(write, add(get(write), number(16))),
        leave("more"),
      ),
    ),
    set(at, get(until)),
  ];
  return assemble({
    functions: [
      {
        ...{ name: "unframe", parameters: 3, result: true, locals: ["i32", "i32", "i32", "i32"] },
        body: [
          set(left, getGlobal(leftIndex)),
          block(
            "stop",
            loop(
              "next",
              when(get(left), copyContent),
              leaveWhen("stop", below(subtract(get(end), get(at)), number(headBytes))),
              leaveWhen("stop", notEqual(load8(0, get(at)), number(copyData))),
              set(head, load32(1, get(at))),
              set(head, subtract(highestFirst(get(head)), number(lengthBytes))),
              leaveWhen("stop", atLeast(get(head), number(longestMessage))),
              set(left, get(head)),
              set(at, add(get(at), number(headBytes))),
              leave("next"),
            ),
          ),
          setGlobal(atIndex, get(at)),
          setGlobal(leftIndex, get(left)),
          get(to),
        ],
      },
    ],
    globals: [
      ["at", "i32"],
      ["left", "i32"],
    ],
    memories: ["input"],
    data: [],
  });
}

let program: Program | undefined;
/** The assembled module, made when it is first needed. */
const theProgram = (): Program => (program ??= compileProgram(unframeProgram()));

/** What comes out of the frames: text of rows, or another message, whole. */
type Taken = { readonly text: Uint8Array } | { readonly message: Buffer };

/** Takes the server's messages apart as they come, cut anywhere. Holds no row. */
export class CopyFrames {
  readonly #input: RowInput;
  readonly #frames: Exports;
  readonly #raw: Uint8Array;
  /** The block that is being filled, and how far. */
  #block = 0;
  #filled = 0;
  /** The head of a message that was cut, or a whole message that is not CopyData, as far as it is there. */
  #other = Buffer.alloc(headBytes);
  #otherBytes = 0;

  constructor(input: RowInput) {
    this.#input = input;
    const memories: Record<string, Memory> = { input: input.memory };
    this.#frames = instantiate(theProgram(), memories) as unknown as Exports;
    this.#raw = input.bytes.subarray(rawAt, rawAt + pieceBytes);
  }

  /**
   * Takes the next bytes. Text comes in blocks of 256 KiB, each valid until two more have been asked for; `flush` gives what is
   * left before another message is handed out.
   * @throws OperationError `protocol-broken`
   */
  *push(chunk: Uint8Array): Generator<Taken, void, undefined> {
    for (let from = 0; from < chunk.length; from += pieceBytes) {
      const piece = chunk.subarray(from, from + pieceBytes);
      this.#raw.set(piece);
      yield* this.#take(rawAt, rawAt + piece.length);
    }
  }

  *#take(from: number, end: number): Generator<Taken, void, undefined> {
    for (let at = from; at < end; ) {
      if (this.#otherBytes === 0) {
        const to = this.#block * blockBytes + this.#filled;
        const after = this.#frames.unframe(at, Math.min(end, at + blockBytes - this.#filled), to);
        at = this.#frames.at.value;
        this.#filled += after - to;
        if (this.#filled === blockBytes) yield { text: this.#nextBlock() };
        if (at === end || this.#frames.left.value > 0) continue;
      }
      at += this.#takeOther(this.#input.bytes.subarray(at, end));
      if (this.#otherBytes < headBytes || this.#otherBytes < this.#other.length) continue;
      const message = this.#other;
      this.#other = Buffer.alloc(headBytes);
      this.#otherBytes = 0;
      yield* this.flush();
      yield { message };
    }
  }

  /** A head that was cut, and messages of other types, byte by byte. @returns how many were taken */
  #takeOther(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, this.#other.length - this.#otherBytes);
    this.#other.set(taken, this.#otherBytes);
    this.#otherBytes += taken.length;
    if (this.#otherBytes !== headBytes || this.#other.length !== headBytes) return taken.length;
    const content = this.#other.readUInt32BE(1) - lengthBytes;
    const isCopyData = this.#other[0] === copyData;
    if (content < 0 || content > (isCopyData ? longestMessage : longestOther)) throw broken();
    if (isCopyData) {
      this.#frames.left.value = content;
      this.#otherBytes = 0;
    } else {
      this.#other = Buffer.concat([this.#other], headBytes + content);
    }
    return taken.length;
  }

  /** The text that has not filled a block: a small one as a copy, so that small tables do not use up the blocks. */
  *flush(): Generator<Taken, void, undefined> {
    if (this.#filled === 0) return;
    const text = this.#filled < blockBytes / blocksAtOnce ? Buffer.from(this.#current()) : this.#nextBlock();
    this.#filled = 0;
    yield { text };
  }

  #current(): Uint8Array {
    const from = this.#block * blockBytes;
    return this.#input.bytes.subarray(from, from + this.#filled);
  }

  #nextBlock(): Uint8Array {
    const block = this.#current();
    this.#block = (this.#block + 1) % blocksAtOnce;
    this.#filled = 0;
    return block;
  }
}

function broken(): OperationError {
  return new OperationError(
    "protocol-broken",
    "What came from the database is not PostgreSQL's protocol.",
    "Run again; if it comes back, look at the pooler or proxy between.",
  );
}
