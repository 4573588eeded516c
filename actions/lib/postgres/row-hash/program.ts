import { data, globals, memories, read, rowAt, write } from "./memory.ts";
import { takeText } from "./text.ts";
import {
  add,
  add64,
  assemble,
  below,
  block,
  type Code,
  extendSigned,
  extendUnsigned,
  get,
  type LocalFunction,
  leave,
  leaveWhen,
  load32,
  loop,
  number,
  rotateLeft,
  set,
  shiftLeft,
  store32,
  subtract,
  xor,
} from "./webassembly.ts";

/** Adds a row's hash to the sums: see row-hash-lookup3 for the algorithm. Its parameter is the place after the row. */
function hashRow(): LocalFunction {
  const [end, at, a, b, c] = [0, 1, 2, 3, 4];
  const mix = (x: number, y: number, z: number, rotation: number): Code[] => [
    set(x, xor(subtract(get(x), get(z)), rotateLeft(get(z), number(rotation)))),
    set(z, add(get(z), get(y))),
  ];
  const final = (x: number, y: number, rotation: number) =>
    set(x, subtract(xor(get(x), get(y)), rotateLeft(get(y), number(rotation))));
  return {
    ...{ name: "hashRow", parameters: 1, result: false, locals: ["i32", "i32", "i32", "i32"] },
    body: [
      set(a, add(subtract(get(end), number(rowAt)), number((0x9e3779b9 + 3923095) | 0))),
      ...[set(b, get(a)), set(c, get(a)), set(at, number(rowAt))],
      // Zeros after the end stand for what a last, shorter block lacks.
      ...[0, 4, 8].map((offset) => store32(offset, get(end), number(0))),
      block(
        "short",
        loop(
          "next",
          leaveWhen("short", below(subtract(get(end), get(at)), number(12))),
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
      write("high", add64(read("high"), extendSigned(get(b)))),
      write("low", add64(read("low"), extendUnsigned(get(c)))),
    ],
  };
}

/**
 * The row hasher as a WebAssembly module: sixteen bytes at a time.
 * Hashing every row of a dump on its way must not take a backup much longer than copying it.
 */
export function rowHashProgram(): Uint8Array<ArrayBuffer> {
  return assemble({ functions: [hashRow(), takeText()], globals, memories, data });
}
