import { LifeboatError } from "../../base/errors.ts";
import { type AuditEntry, type Head, hashOf, noHead, parseEntry, type StoredEntry } from "./entry.ts";
import { rowsOf, type TrustEntries } from "./find-head.ts";

/** A head that was told where the trail's writer cannot change it: in a run's committed report, in a message. */
export interface Anchor {
  readonly count: number;
  readonly sha256: string;
}

/**
 * What is wrong with a place of the trail. `missing`: nothing lies there. `malformed`: no entry, or not the bytes that an entry has.
 * `moved`: an entry of another place. `false`: not what an anchor, or the entry after it, says. `unchained`: it does not go on from
 * the one before. `signature`: a key that counts has not made it.
 */
export type Fault = "missing" | "malformed" | "moved" | "false" | "unchained" | "signature";
const order: readonly Fault[] = ["missing", "malformed", "moved", "false", "unchained", "signature"];

export interface Problem {
  readonly number: number;
  readonly fault: Fault;
  /** The last of several missing ones. */
  readonly to?: number;
}

export interface TrailVerdict {
  readonly head: Head;
  /** Every entry up to this one is what an anchor says that it was. */
  readonly provenTo: number;
  /** How many anchors were held against it, and the last entry that one of them tells of. */
  readonly anchors: { readonly count: number; readonly last: number };
  /** In the order of the places; the first is the first false or missing entry. */
  readonly problems: readonly Problem[];
  /** What somebody had put into a place when the next entry was written, or has put behind a gap: nothing of ours is missing there. */
  readonly strangers: readonly number[];
  /** Without a signature, or with one of a key that counts no more: vouched for by the next signed entry. */
  readonly unsigned: readonly number[];
  /** Begins without an end. */
  readonly unended: readonly AuditEntry[];
  /** Entries whose time lies before that of the one before by more than clocks differ. */
  readonly clockBack: readonly number[];
  readonly entries: readonly AuditEntry[];
}

/** The store tells whole seconds, and a run counts on from them by its own clock. */
const clockTolerance = 5 * 60_000;

interface Place {
  readonly sha256: string;
  readonly stored: StoredEntry | undefined;
}

/**
 * Walks a trail from both ends: forward by each entry's hash of the one before, backward from every anchor. Whoever has the bucket
 * and every key can write another trail that is right in itself; it is not the one that the anchors tell of.
 * @param objects what lies in each place, as stored; a stranger's place far behind a gap is one too
 * @param from the first place that was read: what lies before is neither judged nor missing
 */
export async function verifyTrail(
  objects: ReadonlyMap<number, Uint8Array>,
  anchors: readonly Anchor[],
  trust: TrustEntries,
  from = 1,
): Promise<TrailVerdict> {
  const places = new Map(
    [...objects].map(([number, bytes]) => [number, { sha256: hashOf(bytes), stored: parseEntry(bytes) }] as const),
  );
  const judged = new Map<number, Judged>();
  for (const [number, place] of places) judged.set(number, await judge(number, place, places, trust));
  const told = Map.groupBy(anchors, ({ count }) => count);
  const strangers = trust === undefined ? [] : islands([...places.keys()], Math.max(1, ...told.keys()), judged);
  for (const number of strangers) places.delete(number);
  const numbers = [...places.keys()].sort((a, b) => a - b);
  const found = new Map<number, Problem>();
  const say = (number: number, fault: Fault, to?: number): void => {
    const before = found.get(number);
    if (before !== undefined && order.indexOf(before.fault) <= order.indexOf(fault)) return;
    found.set(number, { number, fault, ...(to !== undefined && { to }) });
  };
  const proven = backward(places, told, say);
  let last = from - 1;
  for (const number of [...numbers, ...[...told.keys()].filter((one) => !places.has(one))].sort((a, b) => a - b)) {
    if (number > last + 1) say(last + 1, "missing", number - 1);
    if (!places.has(number)) say(number, "missing", number);
    last = number;
  }
  const unsigned: number[] = [];
  for (const number of numbers) {
    const word = judged.get(number) ?? "malformed";
    if (word === "unsigned") unsigned.push(number);
    else if (word !== "signed" && proven.has(number)) strangers.push(number);
    else if (word !== "signed") say(number, word);
  }
  return {
    ...{ strangers, unsigned, problems: joined([...found.values()]) },
    head: headOf(numbers, places),
    provenTo: provenTo(proven, found, from),
    anchors: { count: anchors.length, last: Math.max(0, ...told.keys()) },
    ...tellOf(
      numbers.flatMap((number) => (strangers.includes(number) ? [] : (places.get(number)?.stored?.entry ?? []))),
    ),
  };
}

type Say = (number: number, fault: Fault, to?: number) => void;

/** From each anchor back: what an entry that is proven says of the one before is proven too. */
function backward(
  places: ReadonlyMap<number, Place>,
  told: ReadonlyMap<number, readonly Anchor[]>,
  say: Say,
): Set<number> {
  const proven = new Set<number>();
  const expected = new Map<number, string>();
  for (const number of [...new Set([...places.keys(), ...told.keys()])].sort((a, b) => b - a)) {
    const after = expected.get(number);
    const hashes = [...(told.get(number) ?? []).map(({ sha256 }) => sha256), ...(after === undefined ? [] : [after])];
    if (hashes.length === 0) continue;
    const place = places.get(number);
    if (place === undefined || hashes.some((sha256) => sha256 !== place.sha256)) {
      say(number, place === undefined ? "missing" : "false", place === undefined ? number : undefined);
      continue;
    }
    proven.add(number);
    const { entry } = place.stored ?? {};
    if (entry?.number === number && entry.previous !== null) expected.set(number - 1, entry.previous);
  }
  return proven;
}

/** What an entry says of itself; `unsigned`: nobody whose key counts has signed it. */
type Judged = Exclude<Fault, "missing" | "false"> | "unsigned" | "signed";

async function judge(
  number: number,
  { stored }: Place,
  places: ReadonlyMap<number, Place>,
  trust: TrustEntries,
): Promise<Judged> {
  if (stored === undefined) return "malformed";
  const { entry, signature, signedBytes } = stored;
  if (entry.number !== number) return "moved";
  const before = places.get(number - 1);
  if (number === 1 ? entry.previous !== null : before !== undefined && entry.previous !== before.sha256)
    return "unchained";
  if (signature === null || trust === undefined) return "unsigned";
  return trust(signedBytes, signature).then(
    () => "signed",
    (error: unknown) =>
      error instanceof LifeboatError && error.code === "signature-foreign" ? "unsigned" : "signature",
  );
}

/** What lies behind a gap, and behind every anchor, and is signed by nobody: no writer of ours goes on from there. */
function islands(numbers: readonly number[], anchored: number, judged: ReadonlyMap<number, Judged>): number[] {
  const found: number[] = [];
  for (const row of rowsOf(numbers)) {
    const first = row.at(-1) ?? 0;
    if (first <= anchored || row.some((number) => judged.get(number) === "signed")) break;
    found.push(...row);
  }
  return found;
}

/** Missing places that follow one another are one problem. */
function joined(problems: readonly Problem[]): Problem[] {
  const result: Problem[] = [];
  for (const one of problems.toSorted((a, b) => a.number - b.number)) {
    const last = result.at(-1);
    if (one.fault === "missing" && last?.fault === "missing" && one.number <= (last.to ?? last.number) + 1)
      result[result.length - 1] = { ...last, to: Math.max(last.to ?? last.number, one.to ?? one.number) };
    else result.push(one);
  }
  return result;
}

function headOf(numbers: readonly number[], places: ReadonlyMap<number, Place>): Head {
  const count = numbers.at(-1);
  return count === undefined ? noHead : { count, sha256: places.get(count)?.sha256 ?? null };
}

function provenTo(proven: ReadonlySet<number>, found: ReadonlyMap<number, Problem>, from: number): number {
  let number = from - 1;
  while (proven.has(number + 1) && !found.has(number + 1)) number += 1;
  return number;
}

function tellOf(entries: readonly AuditEntry[]): Pick<TrailVerdict, "entries" | "unended" | "clockBack"> {
  const ended = new Set(entries.flatMap(({ event, id }) => (event === "end" ? [id] : [])));
  let latest = 0;
  const clockBack: number[] = [];
  for (const { at, filed, number } of entries) {
    const time = Date.parse(filed?.at ?? at);
    if (time < latest - clockTolerance) clockBack.push(number);
    latest = Math.max(latest, time);
  }
  return { entries, clockBack, unended: entries.filter(({ event, id }) => event === "begin" && !ended.has(id)) };
}
