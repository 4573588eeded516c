import {
  betweenValues,
  buckets,
  bucketsAt,
  close,
  comma,
  data,
  endsAt,
  globals,
  hashAt,
  keyedData,
  keyListAt,
  memories,
  open,
  pairBytes,
  pairingMemories,
  read,
  rowAt,
  rowListAt,
  write,
} from "./memory.ts";
import { takeText } from "./text.ts";
import {
  add,
  add64,
  and,
  assemble,
  below,
  block,
  type Code,
  call,
  copy,
  extendSigned,
  extendUnsigned,
  get,
  isZero,
  type LocalFunction,
  leave,
  leaveWhen,
  load32,
  load64,
  loop,
  number,
  rotateLeft,
  set,
  shiftLeft,
  store8,
  store32,
  store64,
  storeThird64,
  subtract,
  when,
  xor,
} from "./webassembly.ts";

/**
 * The hash of the text between two places: see large-object for the algorithm. It is left in `high` and `low`; what lies
 * behind the text is overwritten.
 */
function lookup3(from: Code, end: Code, [at, a, high, low]: readonly [number, number, number, number]): Code[] {
  const [b, c] = [high, low];
  const mix = (x: number, y: number, z: number, rotation: number): Code[] => [
    set(x, xor(subtract(get(x), get(z)), rotateLeft(get(z), number(rotation)))),
    set(z, add(get(z), get(y))),
  ];
  const final = (x: number, y: number, rotation: number) =>
    set(x, subtract(xor(get(x), get(y)), rotateLeft(get(y), number(rotation))));
  return [
    set(a, add(subtract(end, from), number((0x9e3779b9 + 3923095) | 0))),
    ...[set(b, get(a)), set(c, get(a)), set(at, from)],
    // Zeros after the end stand for what a last, shorter block lacks.
    ...[0, 4, 8].map((offset) => store32(offset, end, number(0))),
    block(
      "short",
      loop(
        "next",
        leaveWhen("short", below(subtract(end, get(at)), number(12))),
        set(a, add(get(a), load32(0, get(at)))),
        set(b, add(get(b), load32(4, get(at)))),
        set(c, add(get(c), load32(8, get(at)))),
        ...[...mix(a, b, c, 4), ...mix(b, c, a, 6), ...mix(c, a, b, 8)],
        ...[...mix(a, b, c, 16), ...mix(b, c, a, 19), ...mix(c, a, b, 4)],
        set(at, add(get(at), number(12))),
        leave("next"),
      ),
    ),
    set(a, add(get(a), load32(0, get(at)))),
    set(b, add(get(b), load32(4, get(at)))),
    // The lowest byte of the third word is left to the length.
    set(c, add(get(c), shiftLeft(load32(8, get(at)), number(8)))),
    ...[final(c, b, 14), final(a, c, 11), final(b, a, 25), final(c, b, 16), final(a, c, 4), final(b, a, 14)],
    final(c, b, 24),
  ];
}

const addToSums = (high: Code, low: Code): Code[] => [
  write("high", add64(read("high"), extendSigned(high))),
  write("low", add64(read("low"), extendUnsigned(low))),
];

/** Adds a row's hash to the sums. Its parameter is the place after the row. */
function hashRow(): LocalFunction {
  const [end, at, a, b, c] = [0, 1, 2, 3, 4];
  return {
    ...{ name: "hashRow", parameters: 1, result: false, locals: ["i32", "i32", "i32", "i32"] },
    body: [...lookup3(number(rowAt), get(end), [at, a, b, c]), ...addToSums(get(b), get(c))],
  };
}

/** Where the functions stand in the module. */
const [hashTextIndex, writeChosenIndex] = [2, 3];

/** Puts the hash of the text between two places, its parameters, at `hashAt`. */
function hashText(): LocalFunction {
  const [from, end, at, a, b, c] = [0, 1, 2, 3, 4, 5];
  return {
    ...{ name: "hashText", parameters: 2, result: false, locals: ["i32", "i32", "i32", "i32"] },
    body: [
      ...lookup3(get(from), get(end), [at, a, b, c]),
      ...[store32(0, number(hashAt), get(c)), store32(4, number(hashAt), get(b))],
    ],
  };
}

/**
 * Writes some of the row's values as a row of their own. Parameters: the list of their places, how many they are (not 0), where to
 * write. Its result is the place after the text.
 */
function writeChosen(form: "keyed" | "bare"): LocalFunction {
  const [list, many, to, value, from, bytes] = [0, 1, 2, 3, 4, 5];
  const [begin, end] =
    form === "keyed"
      ? [[store8(0, get(to), number(open))], [store8(0, get(to), number(close)), add(get(to), number(1))]]
      : [[set(to, subtract(get(to), number(1)))], [get(to)]];
  return {
    ...{ name: "writeChosen", parameters: 3, result: true, locals: ["i32", "i32", "i32"] },
    body: [
      ...begin,
      block(
        "done",
        loop(
          "next",
          set(to, add(get(to), number(1))),
          // Of the entry that the value begins behind; the next one says where it ends.
          set(value, shiftLeft(load32(0, get(list)), number(2))),
          set(from, add(load32(endsAt, get(value)), number(1))),
          set(bytes, subtract(load32(endsAt + 4, get(value)), get(from))),
          copy(get(to), get(from), get(bytes)),
          set(to, add(get(to), get(bytes))),
          store8(0, get(to), number(form === "keyed" ? comma : betweenValues)),
          set(list, add(get(list), number(4))),
          set(many, subtract(get(many), number(1))),
          leaveWhen("done", isZero(get(many))),
          leave("next"),
        ),
      ),
      ...end,
    ],
  };
}

const lastHash = load64(hashAt, number(0));
const lastHalf = (offset: number) => load32(hashAt + offset, number(0));
/** @param text local with the place behind what the hash of the row overwrites with zeros */
const hashChosen = (list: number, many: Code, text: number): Code[] => [
  call(hashTextIndex, get(text), call(writeChosenIndex, number(list), many, get(text))),
];
const behind = (end: number): Code => add(get(end), number(16));

/** Hashes a row and its key. Its parameter is the place after the row. */
function hashKeyedRow(): LocalFunction {
  const [end, text, bucket, hash] = [0, 1, 2, 3];
  return {
    ...{ name: "hashRow", parameters: 1, result: false, locals: ["i32", "i32", "i64"] },
    body: [
      set(text, behind(end)),
      call(hashTextIndex, number(rowAt), get(end)),
      ...addToSums(lastHalf(4), lastHalf(0)),
      set(hash, lastHash),
      when(read("keyColumns"), hashChosen(keyListAt, read("keyColumns"), text)),
      set(bucket, shiftLeft(and(lastHalf(0), number(buckets - 1)), number(3))),
      store64(bucketsAt, get(bucket), add64(load64(bucketsAt, get(bucket)), get(hash))),
    ],
  };
}

/** Hashes the part of a row that is compared, and its key. Its parameter is the place after the row. */
function hashPairedRow(): LocalFunction {
  const [end, pair, text] = [0, 1, 2];
  return {
    ...{ name: "hashRow", parameters: 1, result: false, locals: ["i32", "i32"] },
    body: [
      set(text, behind(end)),
      set(pair, shiftLeft(read("pairs"), number(Math.log2(pairBytes)))),
      write("pairs", add(read("pairs"), number(1))),
      when(read("rowColumns"), hashChosen(rowListAt, read("rowColumns"), text), [
        call(hashTextIndex, number(rowAt + 1), get(end)),
      ]),
      storeThird64(8, get(pair), lastHash),
      when(read("keyColumns"), hashChosen(keyListAt, read("keyColumns"), text)),
      storeThird64(0, get(pair), lastHash),
    ],
  };
}

/**
 * The row hasher as a WebAssembly module: sixteen bytes at a time.
 * Hashing every row of a dump on its way must not take a backup much longer than copying it.
 */
export function rowHashProgram(): Uint8Array<ArrayBuffer> {
  return assemble({ functions: [hashRow(), takeText("record")], globals, memories, data });
}

/** The same, which also sums the rows' hashes by their keys': a program of its own, so that the other stays as quick. */
export function keyedProgram(): Uint8Array<ArrayBuffer> {
  const functions = [hashKeyedRow(), takeText("keyed"), hashText(), writeChosen("keyed")];
  return assemble({ functions, globals, memories, data: keyedData });
}

/** Gives the hash of each row and of its key, of values as they are: the server makes that text in half the time of record_out's. */
export function pairingProgram(): Uint8Array<ArrayBuffer> {
  const functions = [hashPairedRow(), takeText("bare"), hashText(), writeChosen("bare")];
  return assemble({ functions, globals, memories: pairingMemories, data: keyedData });
}
