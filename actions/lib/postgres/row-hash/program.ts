import { data, globals, malformedFrame, memories, read, rowAt, write } from "./memory.ts";
import { takeText } from "./text.ts";
import {
  add,
  add64,
  assemble,
  atLeast,
  below,
  block,
  type Code,
  call,
  equal,
  extendSigned,
  extendUnsigned,
  get,
  isZero,
  type LocalFunction,
  leave,
  leaveWhen,
  load32,
  loadSecond8,
  loop,
  number,
  or,
  rotateLeft,
  select,
  set,
  shiftLeft,
  store32,
  subtract,
  when,
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

/** Takes an archive's frames from one place of the input to another; gives the place after what it has taken. */
function takeFrames(): LocalFunction {
  const [at, end, count] = [0, 1, 2];
  const one = number(1);
  return {
    ...{ name: "takeFrames", parameters: 2, result: true, locals: ["i32"] },
    body: [
      block(
        "stop",
        loop(
          "next",
          leaveWhen("stop", or(atLeast(get(at), get(end)), or(read("ended"), read("error")))),
          when(
            read("left"),
            [
              set(count, subtract(get(end), get(at))),
              set(count, select(get(count), read("left"), below(get(count), read("left")))),
              call(1, get(at), add(get(at), get(count))),
              write("left", subtract(read("left"), get(count))),
              set(at, add(get(at), get(count))),
            ],
            [
              // A length: a byte for the sign, then four bytes, the lowest first.
              when(
                read("headBytes"),
                [
                  write(
                    "head",
                    or(
                      read("head"),
                      shiftLeft(loadSecond8(0, get(at)), shiftLeft(subtract(read("headBytes"), one), number(3))),
                    ),
                  ),
                ],
                [write("head", number(0)), when(loadSecond8(0, get(at)), [write("error", number(malformedFrame))])],
              ),
              set(at, add(get(at), one)),
              write("headBytes", add(read("headBytes"), one)),
              when(equal(read("headBytes"), number(5)), [
                ...[write("headBytes", number(0)), write("left", read("head"))],
                when(isZero(read("head")), [write("ended", one)]),
                when(atLeast(read("head"), number(0x8000_0000 | 0)), [write("error", number(malformedFrame))]),
              ]),
            ],
          ),
          leave("next"),
        ),
      ),
      get(at),
    ],
  };
}

/**
 * The row hasher as a WebAssembly module: sixteen bytes at a time.
 * Hashing every row of a dump on its way must not take a backup much longer than copying it.
 */
export function rowHashProgram(): Uint8Array<ArrayBuffer> {
  return assemble({ functions: [hashRow(), takeText(), takeFrames()], globals, memories, data });
}
