import { randomInt } from "node:crypto";
import { OperationError } from "../../base/errors.ts";
import type { FrameReader } from "../../postgres/dump/archive/inspect.ts";
import type { TocEntry } from "../../postgres/dump/archive/toc.ts";
import { childOutputBytes } from "../../postgres/dump/child-output.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Fingerprint, Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { RowInput } from "../../postgres/row-hash/memory.ts";
import { createFramedRowHasher } from "../../postgres/row-hash/row-hash.ts";

/** So much the server hashes too in every run, by tables in random order: what both have read has to be the same. */
const comparedBytes = 32 * 1024 * 1024;

/** What one dump at a time is read through. */
export interface DumpInput {
  /** Where pg_dump's output is to be put, so that it can be hashed and compressed where it lies. */
  readonly memory: Uint8Array;
  /** For the archive that the rows come in. */
  readonly readerOf: (entry: TocEntry) => FrameReader | undefined;
  /** The dump has ended well, and the next may take the memory. After a failure its memory may still be in use. */
  end(): void;
}

/**
 * Fingerprints the rows as they pass on their way from pg_dump into the vault: a server that has to write every row once
 * more, only to hash it, takes longer for that than for the dump. See runbooks/decisions/0008-fingerprints-on-the-way.md.
 */
export class RowsOnTheWay {
  readonly #tables: ReadonlyMap<string, TableContent>;
  /** By OID; undefined as long as the rows are passing. */
  readonly #passed = new Map<string, Fingerprint | undefined>();
  readonly #compared: ReadonlySet<string>;
  readonly #spare: RowInput[] = [];

  constructor({ tables }: Inventory) {
    const carried = tables.filter((table) => table.carried);
    this.#tables = new Map(carried.map((table) => [table.oid, table]));
    this.#compared = new Set(chooseWithin(carried, comparedBytes).map(({ oid }) => oid));
  }

  /**
   * Whether the text in this database is what the hasher can read (see postgres/row-hash/row-hash). Otherwise the server has to hash.
   */
  static isPossible({ objects }: Inventory): boolean {
    return objects.some(({ kind, definition }) => kind === "database" && definition.includes("encoding UTF8"));
  }

  dumpInput(): DumpInput {
    const input = this.#spare.pop() ?? new RowInput(childOutputBytes);
    return {
      memory: input.bytes,
      readerOf: (entry) => this.#reader(entry, input),
      end: () => void this.#spare.push(input),
    };
  }

  #reader(entry: TocEntry, input: RowInput): FrameReader | undefined {
    const table = this.#tables.get(entry.oid);
    if (table === undefined || entry.desc !== "TABLE DATA") return undefined;
    if (this.#passed.has(entry.oid)) throw differs([table], "are in two dumps");
    const hasher = createFramedRowHasher(table.columns.length, input);
    this.#passed.set(table.oid, undefined);
    return {
      get ended() {
        return hasher.ended;
      },
      push: (chunk) => {
        const taken = hasher.push(chunk);
        if (hasher.ended) this.#passed.set(table.oid, hasher.finish());
        return taken;
      },
    };
  }

  /** What the server is to be asked about a table; its number of rows costs it little. */
  readonly ask = ({ oid }: TableContent): "fingerprint" | "rows" =>
    this.#compared.has(oid) || !this.#tables.has(oid) ? "fingerprint" : "rows";

  /**
   * The inventory with the fingerprints of what has passed.
   * @param measured the inventory with those fingerprints that the server was asked for
   * @param rows by OID, what the server counted of the other tables
   * @throws OperationError `dump-differs` names the tables of which the dumps do not hold what the server says
   */
  settle(measured: Inventory, rows: ReadonlyMap<string, string>): Inventory {
    const wrong: TableContent[] = [];
    const tables = measured.tables.map((table) => {
      if (!table.carried) return table;
      const fingerprint = this.#passed.get(table.oid);
      const said = table.fingerprint;
      const same =
        said === null
          ? fingerprint?.rows === rows.get(table.oid)
          : fingerprint?.rows === said.rows && fingerprint.hash === said.hash;
      if (fingerprint === undefined || !same) wrong.push(table);
      return { ...table, fingerprint: fingerprint ?? null };
    });
    if (wrong.length > 0) throw differs(wrong, "are not in the dumps as the server has them at the snapshot");
    return { ...measured, tables };
  }
}

/** Tables in random order as far as they stay within `bytes` together. */
function chooseWithin(tables: readonly TableContent[], bytes: number): TableContent[] {
  const left = tables.filter((table) => table.bytes <= bytes);
  const chosen: TableContent[] = [];
  for (let room = bytes; left.length > 0; ) {
    const [next] = left.splice(randomInt(left.length), 1);
    if (next === undefined || next.bytes > room) continue;
    chosen.push(next);
    room -= next.bytes;
  }
  return chosen;
}

function differs(tables: readonly TableContent[], how: string): OperationError {
  const names = tables.slice(0, 10).map(tableName);
  return new OperationError(
    "dump-differs",
    `The rows of ${tables.length} tables ${how}: ${names.join(", ")}${tables.length > 10 ? ", …" : ""}.`,
    "Run again; if it comes back, report it with this line.",
  );
}
