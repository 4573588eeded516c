import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { parseQualified, quoteIdentifier, tableName } from "../../postgres/identifier.ts";
import type { Inventory, InventoryObject, TableContent } from "../../postgres/inventory/model.ts";
import { createPairHasher, type Pairing } from "../../postgres/row-hash/pair-hash.ts";
import { copyMemory } from "../../postgres/rows/copy-frames.ts";
import { copyOut } from "../../postgres/rows/copy-out.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { rows } from "../../vault/sets/rows.ts";
import { allRowsOf, type LiveTable } from "./live-table.ts";
import { typesIn } from "./match-columns.ts";

/** A side that has the rows right: a set, or another database. Its rows can be read as often as needed. */
export interface GoodSide {
  /** In messages: `set 20261122T0100Z-1a2b3c4d`. */
  readonly what: string;
  readonly pieces: readonly Piece[];
  /** By name, as `format_type` spells them; what is not in it is not known. */
  readonly types: ReadonlyMap<string, string>;
  readonly key: readonly string[] | null;
}

/** Rows with the same columns in the same order: a table, or one partition of it. */
export interface Piece {
  readonly columns: readonly string[];
  /** COPY text, cut anywhere; before each chunk the hashes of the rows that end in it are told. */
  chunks(pairing: Pairing): AsyncGenerator<Uint8Array, void, undefined>;
}

/**
 * The rows that a set has of a table, of all partitions where it is partitioned, and the artifacts that they lie in.
 * @throws ConfigurationError `set-without-table`
 */
export function setSide(
  open: Pick<OpenSet, "artifact" | "manifest" | "set">,
  inventory: Inventory,
  table: { readonly schema: string; readonly name: string },
): GoodSide & { readonly artifacts: ReadonlySet<string> } {
  const named = inventory.objects.find((one) => isRelation(one) && isNamed(one.identity, table));
  const tables = rowsHolders(inventory, named);
  if (tables.length === 0 && !/^partition by /m.test(named?.definition ?? "")) {
    throw new ConfigurationError(
      "set-without-table",
      `Set ${open.set} has no rows of ${tableName(table)}.`,
      "Use a set that was made while the table was there (`lifeboat list`), and give --table in the spelling of its manifest.json.",
    );
  }
  return {
    what: `set ${open.set}`,
    pieces: tables.map((one) => ({
      columns: one.columns,
      chunks: (pairing: Pairing) => rows(open, inventory, one, undefined, pairing),
    })),
    types: typesIn(named?.definition ?? ""),
    key: tables.length === 1 ? (tables[0]?.key ?? null) : null,
    artifacts: new Set(tables.flatMap(({ parts = [] }) => parts.map(({ artifact }) => artifact))),
  };
}

/** The rows of another database's table, as one transaction of it sees them. @param client inside it */
export function databaseSide(client: Client, table: LiveTable, what: string): GoodSide {
  const columns = table.columns.map(({ name }) => name);
  const memory = copyMemory();
  return {
    what,
    pieces: [
      {
        columns,
        async *chunks(pairing) {
          const hasher = createPairHasher(columns.length, memory, pairing);
          const list = columns.map(quoteIdentifier).join(", ");
          const statement = `copy (select ${list} from ${allRowsOf(table)}) to stdout`;
          for await (const event of copyOut(client, [statement], memory)) {
            if (!("text" in event)) continue;
            hasher.push(event.text);
            yield event.text;
          }
          hasher.finish();
        },
      },
    ],
    types: new Map(table.columns.map(({ name, type }) => [name, type])),
    key: table.key,
  };
}

const isRelation = ({ kind, classId }: InventoryObject): boolean => kind === "table" && classId === "1259";

function isNamed(identity: string, { schema, name }: { readonly schema: string; readonly name: string }): boolean {
  const parsed = parseQualified(identity);
  return parsed?.schema === schema && parsed.name === name;
}

/** The table itself, or the partitions, of all levels, that hold its rows. */
function rowsHolders(inventory: Inventory, named: InventoryObject | undefined): TableContent[] {
  const byOid = new Map(inventory.tables.map((one) => [one.oid, one]));
  const relations = inventory.objects.filter(isRelation);
  const waiting = named === undefined ? [] : [named];
  for (const { identity } of waiting) {
    waiting.push(...relations.filter((one) => !waiting.includes(one) && isPartitionOf(one, identity)));
  }
  return waiting.flatMap(({ oid }) => byOid.get(oid) ?? []);
}

/** As postgres/inventory/relations begins a definition. */
function isPartitionOf({ definition }: InventoryObject, identity: string): boolean {
  return definition.replace(/^unlogged\n/, "").startsWith(`partition of ${identity} `);
}
