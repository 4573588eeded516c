export const pageBytes = 65_536;

export interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export interface Program {
  readonly [Symbol.toStringTag]?: string;
}

/** What is used of WebAssembly's interface to JavaScript, of which the type library for Node says nothing. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => Program;
  readonly Instance: new (program: Program, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (size: { readonly initial: number }) => Memory;
}

const engine: Engine = Reflect.get(globalThis, "WebAssembly");

export function compileProgram(bytes: Uint8Array): Program {
  return new engine.Module(bytes);
}

/** @param memories by the names under which the program imports them */
export function instantiate(program: Program, memories: Readonly<Record<string, Memory>>) {
  return new engine.Instance(program, { memory: memories }).exports;
}

/** @param pages of 64 KiB */
export function newMemory(pages: number): Memory {
  return new engine.Memory({ initial: pages });
}

/** A piece that lies elsewhere is copied, so much at a time; and a vector may be read beyond the end. */
export const pieceBytes = 65_536;
const copiedBytes = pieceBytes + pageBytes;

/**
 * Where the text to be hashed lies: a memory that the hasher reads without a copy. It never grows, so that others may write
 * into it: a socket whose bytes are to be hashed, and compressed, where they were received.
 */
export class RowInput {
  readonly memory: Memory;
  /** For whoever receives the text; what lies elsewhere is hashed all the same, after a copy. */
  readonly bytes: Uint8Array;
  readonly #copied: Uint8Array;

  /** @param bytes how many may be received at a time */
  constructor(bytes: number) {
    const pages = Math.ceil((bytes + copiedBytes) / pageBytes);
    this.memory = newMemory(pages);
    this.bytes = new Uint8Array(this.memory.buffer, 0, bytes);
    this.#copied = new Uint8Array(this.memory.buffer, bytes, pieceBytes);
  }

  /** @returns where in the memory the piece begins, until the next piece is placed */
  place(piece: Uint8Array): number {
    if (piece.buffer === this.memory.buffer) return piece.byteOffset;
    this.#copied.set(piece);
    return this.#copied.byteOffset;
  }
}
