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
