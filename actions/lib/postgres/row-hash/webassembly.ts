/**
 * Just enough of an assembler to write a WebAssembly module in TypeScript: what is run is what a reviewer reads, and
 * there is no binary in the repository. Encodings are those of the WebAssembly core specification 3.0, chapter 5.
 */

/** A piece of a function's body; it is told the labels of the blocks around it, the innermost first. */
export type Code = (labels: readonly string[]) => readonly number[];

export interface LocalFunction {
  readonly name: string;
  readonly parameters: number;
  readonly result: boolean;
  /** Types of the locals after the parameters, which are all i32. */
  readonly locals: readonly ValueType[];
  readonly body: readonly Code[];
}

type ValueType = "i32" | "i64" | "v128";
const typeCode: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };

interface ModuleParts {
  /** All are exported under their names; a function is called by its place in the list. */
  readonly functions: readonly LocalFunction[];
  /** Mutable, exported, zero at first, by name. */
  readonly globals: readonly (readonly [name: string, type: "i32" | "i64"])[];
  /** Names, in the module `memory`, of the memories that are imported; the first is the one that most code uses. */
  readonly memories: readonly string[];
  /** Goes into the first memory. */
  readonly data: readonly { readonly at: number; readonly bytes: readonly number[] }[];
}

/** The bytes of the module, for `new WebAssembly.Module`. */
export function assemble({ functions, globals, memories, data }: ModuleParts): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters, result }) => [
    ...[0x60, ...vector(Array(parameters).fill([typeCode.i32]))],
    ...vector(result ? [[typeCode.i32]] : []),
  ]);
  const named = (name: string, kind: number, index: number) => [...text(name), kind, ...unsigned(index)];
  const exported = [
    ...functions.map(({ name }, index) => named(name, 0, index)),
    ...globals.map(([name], index) => named(name, 3, index)),
  ];
  const zero = (type: "i32" | "i64") => [typeCode[type], 1, type === "i32" ? 0x41 : 0x42, 0, 0x0b];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(2, vector(memories.map((name) => [...text("memory"), ...text(name), 2, 0, 0]))),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(6, vector(globals.map(([, type]) => zero(type)))),
    ...section(7, vector(exported)),
    ...section(10, vector(functions.map(functionBody))),
    ...section(
      11,
      vector(data.map(({ at, bytes }) => [0, 0x41, ...signed(at), 0x0b, ...vector(bytes.map((b) => [b]))])),
    ),
  ]);
}

function functionBody({ locals, body }: LocalFunction): number[] {
  const code = [...vector(locals.map((type) => [1, typeCode[type]])), ...sequence(body)([]), 0x0b];
  return [...unsigned(code.length), ...code];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): number[] {
  return vector([...Buffer.from(name, "utf8")].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const sequence =
  (codes: readonly Code[]): Code =>
  (labels) =>
    codes.flatMap((code) => code(labels));

/** An instruction after its operands. */
const operation =
  (opcode: readonly number[], ...immediates: readonly number[]) =>
  (...operands: readonly Code[]): Code =>
  (labels) => [...sequence(operands)(labels), ...opcode, ...immediates];

const simd = (opcode: number, ...immediates: readonly number[]) =>
  operation([0xfd, ...unsigned(opcode)], ...immediates);

/** Loads and stores at `address + offset`, at any alignment. */
const memory =
  (opcode: readonly number[], index = 0) =>
  (offset: number, ...operands: readonly Code[]): Code =>
    operation(opcode, ...(index === 0 ? [0] : [0x40, index]), ...unsigned(offset))(...operands);

export const number = (value: number): Code => operation([0x41], ...signed(value))();
export const get = (index: number): Code => operation([0x20], ...unsigned(index))();
export const set = (index: number, value: Code): Code => operation([0x21], ...unsigned(index))(value);
export const getGlobal = (index: number): Code => operation([0x23], ...unsigned(index))();
export const setGlobal = (index: number, value: Code): Code => operation([0x24], ...unsigned(index))(value);
export const call = (index: number, ...operands: readonly Code[]): Code =>
  operation([0x10], ...unsigned(index))(...operands);

export const isZero = operation([0x45]);
export const equal = operation([0x46]);
export const notEqual = operation([0x47]);
export const below = operation([0x49]);
export const above = operation([0x4b]);
export const atLeast = operation([0x4f]);
export const trailingZeros = operation([0x68]);
export const add = operation([0x6a]);
export const subtract = operation([0x6b]);
export const and = operation([0x71]);
export const or = operation([0x72]);
export const xor = operation([0x73]);
export const shiftLeft = operation([0x74]);
export const rotateLeft = operation([0x77]);
/** The first operand when the third one is not zero, else the second. */
export const select = operation([0x1b]);

export const add64 = operation([0x7c]);
export const load64 = memory([0x29]);
export const store64 = memory([0x37]);
/** Into the third memory. */
export const storeThird64 = memory([0x37], 2);
export const extendSigned = operation([0xac]);
export const extendUnsigned = operation([0xad]);

export const load8 = memory([0x2d]);
export const load32 = memory([0x28]);
export const store8 = memory([0x3a]);
export const store16 = memory([0x3b]);
export const store32 = memory([0x36]);
/** `copy(to, from, length)`, also when the two overlap. */
export const copy = operation([0xfc, 10], 0, 0);

export const load128 = memory([0xfd, 0]);
export const store128 = memory([0xfd, 11]);
/** From the second memory. */
export const loadSecond8 = memory([0x2d], 1);
export const loadSecond128 = memory([0xfd, 0], 1);
/** Sixteen bytes of the first operand chosen by those of the second; 0 for a place beyond 15. */
export const chooseBytes = simd(14);
export const sameBytes = simd(15);
export const notSameBytesAs = simd(36);
export const and128 = simd(78);
export const shiftBytesRight = simd(109);
/** The highest bits of the sixteen bytes as a number. */
export const bitmask = simd(100);

/** Runs once; `leave(label)` goes to its end. */
export const block =
  (label: string, ...body: readonly Code[]): Code =>
  (labels) => [0x02, 0x40, ...sequence(body)([label, ...labels]), 0x0b];

/** Runs once; `leave(label)` goes to its beginning. */
export const loop =
  (label: string, ...body: readonly Code[]): Code =>
  (labels) => [0x03, 0x40, ...sequence(body)([label, ...labels]), 0x0b];

export const when =
  (condition: Code, body: readonly Code[], otherwise: readonly Code[] = []): Code =>
  (labels) => {
    const inside = ["", ...labels];
    const other = otherwise.length === 0 ? [] : [0x05, ...sequence(otherwise)(inside)];
    return [...condition(labels), 0x04, 0x40, ...sequence(body)(inside), ...other, 0x0b];
  };

const depth = (label: string, labels: readonly string[]): number[] => {
  const index = labels.indexOf(label);
  if (index < 0) throw new Error(`no block is called ${label}`);
  return unsigned(index);
};

export const leave =
  (label: string): Code =>
  (labels) => [0x0c, ...depth(label, labels)];

export const leaveWhen =
  (label: string, condition: Code): Code =>
  (labels) => [...condition(labels), 0x0d, ...depth(label, labels)];
