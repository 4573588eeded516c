import type { Client } from "pg";
import { OperationError } from "../../base/errors.ts";
import type { Track } from "../../base/log.ts";
import type { Pairing } from "../../postgres/row-hash/pair-hash.ts";
import { copyMemory } from "../../postgres/rows/copy-frames.ts";
import { copyOut } from "../../postgres/rows/copy-out.ts";
import type { GoodSide } from "./good-side.ts";
import { HashSet64, metOther, UnmatchedRows } from "./hash-tables.ts";
import { allRowsOf, hashOf, type LiveTable } from "./live-table.ts";

/** By what rows are told apart, and what of them is compared. */
export interface Choice {
  readonly key: readonly string[] | null;
  readonly columns: readonly string[];
}

type Where = Omit<UnmatchedRows["met"], "isLive" | "many">;

/** Where rows of the live table lie that are added or changed, or had no partner in their order: beside their key's hash. */
export class Addresses {
  readonly words = 5;
  #list = new Int32Array(this.words * 1024);
  #size = 0;

  add(low: number, high: number, { relation, page, place }: Where): void {
    if (this.#size + this.words > this.#list.length) {
      const larger = new Int32Array(2 * this.#list.length);
      larger.set(this.#list);
      this.#list = larger;
    }
    this.#list.set([low, high, relation, page, place], this.#size);
    this.#size += this.words;
  }

  /** Keeps those alone that it says yes of. */
  retain(isWanted: (low: number, high: number) => boolean): void {
    let kept = 0;
    for (let at = 0; at < this.#size; at += this.words) {
      if (!isWanted(this.#list[at] as number, this.#list[at + 1] as number)) continue;
      this.#list.copyWithin(kept, at, at + this.words);
      kept += this.words;
    }
    this.#size = kept;
  }

  get size(): number {
    return this.#size / this.words;
  }

  /** Low and high half of the hash, relation, page, place of one row after the other. */
  get list(): Int32Array {
    return this.#list.subarray(0, this.#size);
  }
}

export interface Differing {
  /** Hashes of keys; undefined when there are more than can be held. */
  readonly keys: HashSet64 | undefined;
  /** Of the live rows with these keys; undefined where there are too many, or no key: rows are found by their hash then. */
  readonly addresses: Addresses | undefined;
  readonly goodRows: number;
  readonly liveRows: number;
  /** As far as hashes tell, which know nothing of types. */
  readonly counts: { readonly missing: number; readonly changed: number; readonly added: number };
}

interface Limits {
  /** Rows without partner that are held at a time: what is more is looked at in further passes. */
  readonly unmatched: number;
  /** Keys of rows that differ, and addresses of live ones. */
  readonly keys: number;
  readonly addresses: number;
}

/** Into at most so many parts the keys are divided, as a power of two. */
const mostBits = 12;

/** About 60, 75 and 25 MB, when they are reached. */
const usualLimits: Limits = { unmatched: 1_500_000, keys: 4_000_000, addresses: 1_000_000 };

/** Gives all rows of a side to who takes them; yields how many it gave. */
export type Feed = (take: Take) => AsyncGenerator<number, void, undefined>;

/** Takes one row: its key's hash and its own, in halves, and where it lies. Says how many it has had. */
type Take = (
  low: number,
  high: number,
  rowLow: number,
  rowHigh: number,
  relation: number,
  page: number,
  place: number,
) => void;

/**
 * Finds the keys of rows that one side lacks or that are another. Reads both sides at the same time, and as often as their order
 * asks for: usually once.
 * @param hasKey false: a row is its own key
 */
export async function findDiffering(
  good: Feed,
  live: Feed,
  hasKey: boolean,
  track?: Track,
  limits: Limits = usualLimits,
): Promise<Differing> {
  const keys = new HashSet64();
  let addresses = hasKey ? new Addresses() : undefined;
  const rows = { good: 0, live: 0 };
  const counts = { missing: 0, changed: 0, added: 0 };
  /** Changed rows by the first bits of their keys' hashes: what was counted of a part that is left to another pass goes again. */
  const changed = new Float64Array(1 << mostBits);
  let tooMany = false;
  const differs = (low: number, high: number): void => {
    if (tooMany) return;
    keys.add(low, high);
    if (keys.size <= limits.keys) return;
    tooMany = true;
    keys.retain(() => false);
    addresses = undefined;
  };
  const liesAt = (low: number, high: number, where: Where): void => {
    addresses?.add(low, high, where);
    if (addresses !== undefined && addresses.size > limits.addresses) addresses = undefined;
  };
  /** Parts of the keys, by the first bits of their hashes, that are still to be looked at. */
  const parts = [{ bits: 0, value: 0 }];
  for (let pass = 0; parts.length > 0; pass += 1) {
    let part = parts.pop() ?? { bits: 0, value: 0 };
    let shift = 32 - part.bits;
    const isOfPart = (high: number): boolean => part.bits === 0 || high >>> shift === part.value;
    const unmatched = new UnmatchedRows();
    const here = { relation: 0, page: 0, place: 0 };
    const take =
      (isLive: boolean): Take =>
      (low, high, rowLow, rowHigh, relation, page, place) => {
        if (pass === 0) rows[isLive ? "live" : "good"] += 1;
        if (!isOfPart(high)) return;
        if (!hasKey) unmatched.count(isLive, low, high);
        else if (unmatched.take(isLive, low, high, rowLow, rowHigh, relation, page, place) === metOther) {
          differs(low, high);
          const bits = high >>> (32 - mostBits);
          changed[bits] = (changed[bits] as number) + 1;
          if (unmatched.met.isLive) liesAt(low, high, unmatched.met);
          if (isLive) liesAt(low, high, Object.assign(here, { relation, page, place }));
        }
        if (unmatched.size <= limits.unmatched || part.bits === mostBits) return;
        // The other half of the part is left to a pass of its own, with what was found of it.
        parts.push({ bits: part.bits + 1, value: part.value * 2 + 1 });
        part = { bits: part.bits + 1, value: part.value * 2 };
        shift = 32 - part.bits;
        const left = part.value + 1;
        for (const found of [unmatched, keys, addresses]) found?.retain((_low, half) => half >>> shift !== left);
        const share = 1 << (mostBits - part.bits);
        changed.fill(0, left * share, (left + 1) * share);
      };
    await sideBySide(good(take(false)), live(take(true)), track);
    for (const [low, high] of unmatched) {
      differs(low, high);
      counts[unmatched.met.isLive ? "added" : "missing"] += unmatched.met.many;
      if (unmatched.met.isLive) liesAt(low, high, unmatched.met);
    }
  }
  counts.changed = changed.reduce((sum, one) => sum + one, 0);
  return {
    keys: tooMany ? undefined : keys,
    addresses,
    ...{ goodRows: rows.good, liveRows: rows.live, counts },
  };
}

/** Draws from whichever has given fewer rows, so that rows with a partner meet soon. */
async function sideBySide(
  one: AsyncGenerator<number, void, undefined>,
  other: AsyncGenerator<number, void, undefined>,
  track: Track | undefined,
): Promise<void> {
  const sides = [
    { rows: one, count: 0, done: false },
    { rows: other, count: 0, done: false },
  ];
  try {
    for (;;) {
      const [next] = sides.filter(({ done }) => !done).sort((a, b) => a.count - b.count);
      if (next === undefined) return;
      const { value, done } = await next.rows.next();
      next.done = done === true;
      next.count += value ?? 0;
      track?.advance({ items: value ?? 0 });
    }
  } finally {
    for (const { rows } of sides) await rows.return();
  }
}

/** What a row's own hash is of: not of its key, which has one. */
function ownColumns({ key, columns }: Choice): readonly string[] {
  const own = columns.filter((column) => key?.includes(column) !== true);
  return own.length === 0 ? columns : own;
}

/** Where the columns lie that are hashed of a piece. */
export function pairingFor(columns: readonly string[], choice: Choice): Omit<Pairing, "pairs"> {
  const place = (name: string) => columns.indexOf(name);
  const row = ownColumns(choice).map(place);
  const whole = row.length === columns.length && row.every((at, index) => at === index);
  return { key: choice.key?.map(place) ?? null, ...(!whole && { row }) };
}

/** The rows of a side that are hashed here. */
export async function* goodHashes(good: GoodSide, choice: Choice, take: Take): AsyncGenerator<number, void, undefined> {
  let count = 0;
  const pairs = (some: BigInt64Array): void => {
    const halves = new Int32Array(some.buffer, some.byteOffset, 2 * some.length);
    count += some.length / 2;
    for (let at = 0; at < halves.length; at += 4) {
      take(halves[at] as number, halves[at + 1] as number, halves[at + 2] as number, halves[at + 3] as number, 0, 0, 0);
    }
  };
  for (const piece of good.pieces) {
    for await (const _ of piece.chunks({ ...pairingFor(piece.columns, choice), pairs })) {
      yield count;
      count = 0;
    }
  }
}

/** The head of COPY's binary form, and the two bytes of its end (PostgreSQL's manual, COPY, "Binary Format"). */
const [headBytes, endBytes] = [19, 2];

/**
 * The rows of a table, hashed by the server: 40 bytes a row come over the link.
 * @param client in a transaction whose snapshot stays
 */
export async function* liveHashes(
  client: Client,
  table: LiveTable,
  choice: Choice,
  take: Take,
): AsyncGenerator<number, void, undefined> {
  const { key } = choice;
  const own = hashOf(ownColumns(choice));
  const wanted = key === null ? [own] : [hashOf(key), own, "ctid", ...(table.partitioned ? ["tableoid"] : [])];
  // A count of the fields; then each with four bytes of its length. An address is a page and a place.
  const rowBytes = [2 + 12, 0, 2 + 12 + 12 + 10, 2 + 12 + 12 + 10 + 8][wanted.length - 1] ?? 0;
  const statement = `copy (select ${wanted.join(", ")} from ${allRowsOf(table)}) to stdout (format binary)`;
  let rest = Buffer.alloc(0);
  let isBegin = true;
  for await (const event of copyOut(client, [statement], copyMemory())) {
    if (!("text" in event)) continue;
    const bytes =
      rest.length === 0
        ? Buffer.from(event.text.buffer, event.text.byteOffset, event.text.length)
        : Buffer.concat([rest, event.text]);
    let at = 0;
    if (isBegin && bytes.length >= headBytes) {
      at = headBytes;
      isBegin = false;
    }
    let count = 0;
    for (; !isBegin && at + rowBytes <= bytes.length; at += rowBytes) {
      if (bytes.readInt16BE(at) !== wanted.length) throw broken();
      const [high, low] = [bytes.readInt32BE(at + 6), bytes.readInt32BE(at + 10)];
      if (key === null) take(low, high, 0, 0, 0, 0, 0);
      else {
        const relation = table.partitioned ? bytes.readInt32BE(at + 40) : 0;
        const [page, place] = [bytes.readInt32BE(at + 30), bytes.readUInt16BE(at + 34)];
        take(low, high, bytes.readInt32BE(at + 22), bytes.readInt32BE(at + 18), relation, page, place);
      }
      count += 1;
    }
    rest = Buffer.from(bytes.subarray(at));
    yield count;
  }
  if (isBegin || rest.length !== endBytes) throw broken();
}

function broken(): OperationError {
  return new OperationError(
    "protocol-broken",
    "Hashes came from the database in another form than COPY's.",
    "Run again; if it comes back, look at the pooler or proxy between.",
  );
}
