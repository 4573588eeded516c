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
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => Program;
  readonly Instance: new (program: Program, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (size: { readonly initial: number }) => Memory;
}

const engine: Engine | undefined = Reflect.get(globalThis, "WebAssembly");

function present(): Engine {
  if (engine === undefined) throw new Error("a program without an engine");
  return engine;
}

/** The program; undefined where WebAssembly, or what the program needs of it, is not to be had. */
export function compileProgram(bytes: () => Uint8Array): Program | undefined {
  if (engine === undefined) return undefined;
  const assembled = bytes();
  return engine.validate(assembled) ? new engine.Module(assembled) : undefined;
}

/** @param memories by the names under which the program imports them */
export function instantiate(program: Program, memories: Readonly<Record<string, Memory>>) {
  return new (present().Instance)(program, { memory: memories }).exports;
}

/** @param pages of 64 KiB */
export function newMemory(pages: number): Memory {
  return new (present().Memory)({ initial: pages });
}
