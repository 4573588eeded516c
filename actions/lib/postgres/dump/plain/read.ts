import type { Inventory } from "../../inventory/model.ts";
import type { DataBlock, LargeObject } from "../archive/data.ts";
import type { TocEntry } from "../archive/toc.ts";
import { PlainDumpParser, type PlainEvent } from "./parser.ts";

interface PlainDump {
  /** Entries as far as they have been read; all of them when `blocks` has ended. */
  readonly toc: readonly TocEntry[];
  /**
   * The data, in the order of the dump, each block to be read before the next is asked for; what is not read is skipped.
   * Ends well only when the dump ends as pg_dump ends.
   * @throws OperationError `plain-dump-damaged`
   */
  blocks(): AsyncGenerator<DataBlock, void, undefined>;
}

/** Reads a plain SQL dump as `readArchive` reads an archive, in constant memory but for the table of contents. */
export function readPlainDump(source: AsyncIterable<Uint8Array>, inventory: Inventory): PlainDump {
  const toc: TocEntry[] = [];
  const nameOf = trueNames(inventory);
  return {
    toc,
    async *blocks() {
      const events = eventsOf(source);
      try {
        for (let event = await next(events); event !== undefined; event = await next(events)) {
          if (event.kind !== "entry") continue; // what nobody wanted to read of a block
          const entry = nameOf(event.entry);
          toc.push(entry);
          if (!entry.hasData) continue;
          if (entry.desc === "TABLE DATA") yield { kind: "table", entry, chunks: () => rowsOf(events) };
          else yield { kind: "large-objects", entry, objects: () => objectsOf(events) };
        }
      } finally {
        await events.return(undefined);
      }
    },
  };
}

type Events = AsyncGenerator<PlainEvent, void, undefined>;

async function* eventsOf(source: AsyncIterable<Uint8Array>): Events {
  const parser = new PlainDumpParser();
  for await (const chunk of source) yield* parser.push(chunk);
  yield* parser.finish();
}

async function next(events: Events): Promise<PlainEvent | undefined> {
  const found = await events.next();
  return found.done ? undefined : found.value;
}

async function* rowsOf(events: Events): AsyncGenerator<Uint8Array, void, undefined> {
  for (let event = await next(events); event?.kind === "rows"; event = await next(events)) yield event.bytes;
}

async function* objectsOf(events: Events): AsyncGenerator<LargeObject, void, undefined> {
  let event = await next(events);
  while (event?.kind === "object") {
    const object = new ObjectReader(event.oid, events);
    yield { oid: object.oid, chunks: () => object.chunks() };
    event = await object.following();
  }
}

class ObjectReader {
  readonly oid: string;
  readonly #events: Events;
  #ended = false;
  #following: PlainEvent | undefined;

  constructor(oid: string, events: Events) {
    this.oid = oid;
    this.#events = events;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    while (!this.#ended) {
      const event = await this.#step();
      if (event?.kind === "object-bytes") yield event.bytes;
    }
  }

  /** What comes behind the object, whether it was read or not. */
  async following(): Promise<PlainEvent | undefined> {
    while (!this.#ended) await this.#step();
    return this.#following;
  }

  async #step(): Promise<PlainEvent | undefined> {
    this.#following = await next(this.#events);
    this.#ended = this.#following?.kind !== "object-bytes";
    return this.#following;
  }
}

/** pg_dump writes names into comments with spaces for line ends; the inventory knows them as they are. */
export function trueNames(inventory: Pick<Inventory, "tables" | "sequences">): (entry: TocEntry) => TocEntry {
  const key = (schema: string | null, name: string): string => `${schema ?? "-"}\n${name}`;
  const flat = (name: string): string => name.replaceAll(/[\r\n]/g, " ");
  const tables = new Map(inventory.tables.map(({ oid, schema, name }) => [oid, { namespace: schema, tag: name }]));
  const sequences = new Map(
    inventory.sequences
      .filter(({ schema, name }) => flat(schema) !== schema || flat(name) !== name)
      .map(({ schema, name }) => [key(flat(schema), flat(name)), { namespace: schema, tag: name }]),
  );
  return (entry) => {
    if (entry.desc === "TABLE DATA") return { ...entry, ...tables.get(entry.oid) };
    return entry.desc === "SEQUENCE SET" ? { ...entry, ...sequences.get(key(entry.namespace, entry.tag)) } : entry;
  };
}

const word = String.raw`(?:"(?:[^"]|"")+"|[\w$\u0080-\uffff]+)`;
const qualified = String.raw`(${word}\.${word})`;
const creates = new RegExp(
  `^CREATE (?:UNLOGGED )?(?:FOREIGN TABLE|TABLE|MATERIALIZED VIEW|VIEW|SEQUENCE) ${qualified}`,
);
const hangsOn: readonly RegExp[] = [
  new RegExp(`^ALTER (?:FOREIGN )?TABLE (?:IF EXISTS )?(?:ONLY )?${qualified}`),
  new RegExp(`^CREATE (?:UNIQUE )?INDEX ${word} ON (?:ONLY )?${qualified}`),
  new RegExp(`^ALTER SEQUENCE ${qualified} OWNED BY `),
  new RegExp(`^ALTER PUBLICATION ${word} ADD TABLE (?:ONLY )?${qualified}`),
];
const kinds = new Set([
  "CHECK CONSTRAINT",
  "CONSTRAINT",
  "DEFAULT",
  "FK CONSTRAINT",
  "INDEX",
  "PUBLICATION TABLE",
  "SEQUENCE OWNED BY",
  "TABLE ATTACH",
]);

/**
 * The same entries, each knowing the table that it hangs on. An archive says so; plain SQL only where pg_dump could not do
 * without (comments). pg_dump spells a name the same way wherever it writes it, so the statements tell. Pure.
 */
export function withTables(toc: readonly TocEntry[]): TocEntry[] {
  const tables = new Map<string, number>();
  for (const { dumpId, defn } of toc) {
    const name = creates.exec(defn)?.[1];
    if (name !== undefined) tables.set(name, dumpId);
  }
  return toc.map((entry) => {
    if (!kinds.has(entry.desc)) return entry;
    const name = hangsOn.map((pattern) => pattern.exec(entry.defn)?.[1]).find((found) => found !== undefined);
    const table = tables.get(name ?? "");
    if (table === undefined || entry.dependencies.includes(table)) return entry;
    return { ...entry, dependencies: [...entry.dependencies, table] };
  });
}
