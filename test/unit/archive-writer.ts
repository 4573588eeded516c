/** Writes archives as pg_dump does, piece by piece, so that tests can leave out and damage what they like. */
export interface Entry {
  readonly dumpId: number;
  readonly desc: string;
  readonly tag: string;
  readonly defn?: string;
  readonly hasData?: boolean;
  /** Catalogue and OID of the object; `0` and default: `16384`. */
  readonly classId?: string;
  readonly oid?: string;
}

export function integer(value: number): Buffer {
  const raw = Buffer.alloc(5);
  raw[0] = value < 0 ? 1 : 0;
  raw.writeUInt32LE(Math.abs(value), 1);
  return raw;
}

export function text(value: string | null): Buffer {
  if (value === null) return integer(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([integer(bytes.length), bytes]);
}

export function header(minor: 14 | 15 | 16, compression = 0): Buffer {
  const fixed = Buffer.concat([Buffer.from("PGDMP"), Buffer.from([1, minor, 0, 4, 8, 1])]);
  const compressed = minor >= 15 ? Buffer.from([compression]) : integer(compression);
  const time = [0, 0, 12, 22, 10, 126, 0].map(integer);
  return Buffer.concat([fixed, compressed, ...time, text("exams"), text("17.11"), text("17.11")]);
}

export function toc(minor: 14 | 15 | 16, entries: readonly Entry[]): Buffer {
  return Buffer.concat([integer(entries.length), ...entries.map((entry) => tocEntry(minor, entry))]);
}

function tocEntry(minor: number, entry: Entry): Buffer {
  const { dumpId, desc, tag, defn = "", hasData = false, classId = "0", oid = "16384" } = entry;
  const section = integer(hasData ? 3 : 2);
  const names = [text(classId), text(oid), text(tag), text(desc), section, text(defn), text(""), text("COPY\n")];
  const place = [text("public"), text(null), text(null), ...(minor >= 16 ? [integer(0)] : [])];
  const rest = [text("postgres"), text("false"), text("1"), text("2"), text(null), Buffer.alloc(9)];
  return Buffer.concat([integer(dumpId), integer(hasData ? 1 : 0), ...names, ...place, ...rest]);
}

export function frame(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** One table's rows, a frame each, as pg_dump up to 17 writes them. */
export function tableBlock(dumpId: number, rows: readonly string[]): Buffer {
  return Buffer.concat([Buffer.from([1]), integer(dumpId), ...rows.map(frame), frame("\\.\n\n\n"), integer(0)]);
}

/** `bytes` in pieces of `size`. */
export async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
