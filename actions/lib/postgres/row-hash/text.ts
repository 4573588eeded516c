import {
  backslash,
  betweenValues,
  classesAt,
  close,
  comma,
  doubledClass,
  endsAt,
  escapeState,
  hexState,
  high,
  letter,
  letters,
  lineFeed,
  lowBare,
  lowPlain,
  lowQuoted,
  malformedEnd,
  malformedRow,
  nullMark,
  nullState,
  octalState,
  plainState,
  quote,
  read,
  rowAt,
  tab,
  write,
} from "./memory.ts";
import {
  above,
  add,
  add64,
  and,
  and128,
  atLeast,
  below,
  bitmask,
  block,
  type Code,
  call,
  chooseBytes,
  copy,
  equal,
  extendUnsigned,
  get,
  isZero,
  type LocalFunction,
  leave,
  leaveWhen,
  load8,
  load128,
  loadSecond8,
  loadSecond128,
  loop,
  notEqual,
  notSameBytesAs,
  number,
  or,
  sameBytes,
  select,
  set,
  shiftBytesRight,
  shiftLeft,
  store8,
  store16,
  store32,
  store128,
  subtract,
  trailingZeros,
  when,
} from "./webassembly.ts";

/**
 * Takes COPY text from one place of the input to another.
 * @param form `record`: as record_out writes the row; `keyed`: the same, and notes where each value ends; `bare`: notes that, too, and
 * leaves values as they are, with a byte between them and one for NULL
 */
export function takeText(form: "record" | "keyed" | "bare"): LocalFunction {
  const isBare = form === "bare";
  const [at, end, length, valueAt, inQuotes, byte, state, isNull, count, low, chunk, highTable] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
  ];
  const put = (value: Code): Code[] => [store8(0, get(length), value), set(length, add(get(length), number(1)))];
  const isByte = (value: number) => equal(get(byte), number(value));
  const isState = (value: number) => equal(get(state), number(value));
  const unread = set(at, subtract(get(at), number(1)));
  const outsideQuotes = [set(inQuotes, number(0)), set(low, load128(0, number(isBare ? lowBare : lowPlain)))];
  const withinQuotes = [set(inQuotes, number(1)), set(low, load128(0, number(lowQuoted)))];
  const failed = [write("error", number(malformedRow)), leave("stop")];
  const rowIsEmpty = equal(get(length), number(rowAt + 1));

  const closeQuotes = when(get(inQuotes), put(number(quote)), [
    when(and(and(equal(get(length), get(valueAt)), isZero(get(isNull))), above(read("columns"), number(0))), [
      store16(0, get(length), number(quote * 257)),
      set(length, add(get(length), number(2))),
    ]),
  ]);
  const endValue: Code[] = [
    isBare ? when(get(isNull), put(number(nullMark))) : closeQuotes,
    // A row may have more values than it should: that is told at its end.
    ...(form === "record"
      ? []
      : [
          when(below(read("fields"), read("columns")), [
            store32(endsAt + 4, shiftLeft(read("fields"), number(2)), get(length)),
          ]),
        ]),
    write("fields", add(read("fields"), number(1))),
    ...[...outsideQuotes, set(isNull, number(0))],
    when(
      isByte(tab),
      [...put(number(isBare ? betweenValues : comma)), set(valueAt, get(length))],
      [
        // A table without columns has empty lines, which look like one empty value.
        when(
          or(
            notEqual(read("fields"), select(read("columns"), number(1), read("columns"))),
            and(isZero(read("columns")), isZero(rowIsEmpty)),
          ),
          failed,
        ),
        ...(isBare ? [] : put(number(close))),
        call(0, get(length)),
        write("rows", add64(read("rows"), extendUnsigned(number(1)))),
        ...[set(length, number(rowAt + 1)), set(valueAt, get(length)), write("fields", number(0))],
      ],
    ),
  ];

  /** Makes `byte` the one that an octal or hexadecimal number stands for. */
  const numberEnds: Code[] = [set(byte, and(read("value"), number(255))), set(state, number(plainState))];
  const addDigit = (bits: number, digit: Code) => [
    write("value", add(shiftLeft(read("value"), number(bits)), digit)),
    write("digits", add(read("digits"), number(1))),
  ];
  const isOctal = below(subtract(get(byte), number(letter("0"))), number(8));
  const hexDigits: [from: string, count: number, value: number][] = [
    ["0", 10, 0],
    ["a", 6, 10],
    ["A", 6, 10],
  ];
  const inHexRange = (from: string, many: number) => below(subtract(get(byte), number(letter(from))), number(many));

  /** Leaves "decoded" with the byte that is meant, or goes on with the next one. */
  const resolve: Code[] = [
    when(isState(escapeState), [
      set(state, number(plainState)),
      when(and(isByte(letter("N")), and(equal(get(length), get(valueAt)), isZero(get(inQuotes)))), [
        set(state, number(nullState)),
        leave("next"),
      ]),
      // COPY never writes it among rows, and psql takes what follows it for commands.
      when(and(isByte(letter(".")), and(rowIsEmpty, isZero(read("fields")))), [
        ...[write("error", number(malformedEnd)), leave("stop")],
      ]),
      when(isOctal, [
        ...[set(state, number(octalState)), write("digits", number(1))],
        ...[write("value", subtract(get(byte), number(letter("0")))), leave("next")],
      ]),
      when(isByte(letter("x")), [
        ...[set(state, number(hexState)), write("digits", number(0)), write("value", number(0)), leave("next")],
      ]),
      ...letters.map(([name, meant]) => when(isByte(letter(name)), [set(byte, number(meant)), leave("decoded")])),
      leave("decoded"),
    ]),
    when(isState(nullState), [
      ...[set(state, number(plainState)), unread],
      when(or(isByte(tab), isByte(lineFeed)), [set(isNull, number(1)), leave("next")]),
      ...[set(byte, number(letter("N"))), leave("decoded")],
    ]),
    when(isState(octalState), [
      when(isOctal, addDigit(3, subtract(get(byte), number(letter("0")))), [unread, ...numberEnds, leave("decoded")]),
      when(below(read("digits"), number(3)), [leave("next")]),
      ...[...numberEnds, leave("decoded")],
    ]),
    // Of a hexadecimal number.
    block(
      "digit",
      ...hexDigits.map(([from, many, value]) =>
        when(inHexRange(from, many), [
          ...addDigit(4, add(subtract(get(byte), number(letter(from))), number(value))),
          leave("digit"),
        ]),
      ),
      ...[unread, ...numberEnds],
      when(isZero(read("digits")), [set(byte, number(letter("x")))]),
      leave("decoded"),
    ),
    when(below(read("digits"), number(2)), [leave("next")]),
    ...[...numberEnds, leave("decoded")],
  ];

  const takeSixteen: Code[] = [
    set(chunk, loadSecond128(0, get(at))),
    store128(0, get(length), get(chunk)),
    set(
      count,
      trailingZeros(
        or(
          bitmask(
            notSameBytesAs(
              and128(
                chooseBytes(get(low), and128(get(chunk), sameBytes(number(15)))),
                chooseBytes(get(highTable), shiftBytesRight(get(chunk), number(4))),
              ),
              sameBytes(number(0)),
            ),
          ),
          number(0x1_0000),
        ),
      ),
    ),
    set(count, select(get(count), subtract(get(end), get(at)), below(get(count), subtract(get(end), get(at))))),
    set(at, add(get(at), get(count))),
    set(length, add(get(length), get(count))),
    leaveWhen("next", or(equal(get(count), number(16)), atLeast(get(at), get(end)))),
    set(byte, loadSecond8(0, get(at))),
    set(at, add(get(at), number(1))),
    when(or(isByte(tab), isByte(lineFeed)), [...endValue, leave("next")]),
    when(isByte(backslash), [set(state, number(escapeState)), leave("next")]),
  ];

  const beginQuotes: Code[] = [
    when(
      above(subtract(get(length), get(valueAt)), number(16)),
      [copy(add(get(valueAt), number(1)), get(valueAt), subtract(get(length), get(valueAt)))],
      [store128(1, get(valueAt), load128(0, get(valueAt)))],
    ),
    store8(0, get(valueAt), number(quote)),
    set(length, add(get(length), number(1))),
    ...withinQuotes,
  ];

  const quoted = [
    when(and(notEqual(load8(classesAt, get(byte)), number(0)), isZero(get(inQuotes))), beginQuotes),
    when(equal(load8(classesAt, get(byte)), number(doubledClass)), put(get(byte))),
  ];

  return {
    ...{ name: "takeText", parameters: 2, result: false },
    locals: ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "v128", "v128", "v128"],
    body: [
      set(length, read("length")),
      set(valueAt, read("valueAt")),
      set(state, read("state")),
      set(highTable, load128(0, number(high))),
      when(read("inQuotes"), withinQuotes, outsideQuotes),
      block(
        "stop",
        loop(
          "next",
          leaveWhen("stop", atLeast(get(at), get(end))),
          block(
            "decoded",
            when(isState(plainState), [...takeSixteen, leave("decoded")]),
            set(byte, loadSecond8(0, get(at))),
            set(at, add(get(at), number(1))),
            ...resolve,
          ),
          ...(isBare ? [] : quoted),
          ...put(get(byte)),
          leave("next"),
        ),
      ),
      write("length", get(length)),
      write("valueAt", get(valueAt)),
      write("state", get(state)),
      write("inQuotes", get(inQuotes)),
    ],
  };
}
