import type {
  Fingerprint,
  Inventory,
  InventoryObject,
  TableContent,
} from "../../actions/lib/postgres/inventory/model.ts";
import { createLargeObjectHasher } from "../../actions/lib/postgres/row-hash/large-object.ts";
import { createRowHasher } from "../../actions/lib/postgres/row-hash/row-hash.ts";
import { blockBegin, blockEnd, dataHeader, sequencesSql } from "../../actions/lib/postgres/rows/data-sql.ts";
import { largeObjectsArtifact } from "../../actions/lib/postgres/rows/large-objects.ts";
import type { Piece } from "../integration/assembled-set.ts";
import { header, pieces, toc } from "../unit/archive-writer.ts";

export const examRows = ["1\tAlgebra\n", "2\tالجبر\n", "3\t\\N\n"];
export const gradeRows = Array.from({ length: 20_000 }, (_, row) => `${row}\t${Math.sin(row)}\n`);

function fingerprint(rows: readonly string[]): Fingerprint {
  const hasher = createRowHasher(2);
  hasher.push(Buffer.from(rows.join("")));
  return hasher.finish();
}

function table(name: string, oid: string, rows: readonly string[], artifact: string): TableContent {
  return {
    ...{ schema: "public", name, oid, columns: ["id", "value"], bytes: 8192, extension: null, carried: true },
    ...{ filter: null, unlogged: false, fingerprint: fingerprint(rows) },
    parts: [{ artifact, ...fingerprint(rows) }],
  };
}

function object(kind: string, identity: string, classId: string, oid: string): InventoryObject {
  return {
    ...{ kind, identity, schema: "public", classId, oid, owner: "postgres", definition: "" },
    ...{ grants: null, comment: null, extension: null, listed: true },
  };
}

function largeObject(oid: string, content: string): Inventory["largeObjects"][number] {
  const hasher = createLargeObjectHasher();
  hasher.push(Buffer.from(content));
  return { oid, ...hasher.finish() };
}

export const examFile = "data/01-public.exams.sql.zst.pgp";
export const restFile = "data/02-rest.sql.zst.pgp";
const examTable = table("exams", "16401", examRows, examFile);
const gradeTable = table("grades", "16402", gradeRows, restFile);

export const smallInventory: Inventory = {
  format: "lifeboat-inventory/2",
  serverVersion: "17.11",
  serverMajor: 17,
  database: "exams",
  databaseSettings: [],
  objects: [
    object("table", "public.exams", "1259", "16401"),
    object("table", "public.grades", "1259", "16402"),
    object("function", "public.mark()", "1255", "16403"),
  ],
  roles: [],
  memberships: [],
  tables: [examTable, gradeTable],
  sequences: [{ schema: "public", name: "exams_id_seq", lastValue: "3", isCalled: true }],
  materializedViews: [],
  largeObjects: [largeObject("16500", "an object")],
};

const schemaEntries = [
  { dumpId: 1, desc: "TABLE", tag: "exams", classId: "1259", oid: "16401" },
  { dumpId: 2, desc: "TABLE", tag: "grades", classId: "1259", oid: "16402" },
  { dumpId: 3, desc: "FUNCTION", tag: "mark()", classId: "1255", oid: "16403" },
];
const madeOf = (oid: string, content: string) =>
  `SELECT pg_catalog.lo_create('${oid}');\nSELECT pg_catalog.lo_put('${oid}', 0, '\\x${Buffer.from(content).toString("hex")}');\n`;

const archive = (...parts: Buffer[]) => pieces(Buffer.concat([header(16), ...parts]), 50_000);

const dataFile = (table: TableContent, rows: readonly string[]) =>
  pieces(Buffer.concat([dataHeader, blockBegin(table), Buffer.from(rows.join("")), blockEnd]), 50_000);

/** Contents of a small set that its inventory describes truly; the functions make one that lies. */
export const contents = {
  schema: (entries = schemaEntries): Piece => ({
    ...{ name: "schema.dump.zst.pgp", kind: "schema" as const, source: archive(toc(16, entries)) },
  }),
  exams: (rows = examRows): Piece => ({
    ...{ name: examFile, kind: "data" as const, tables: ["public.exams"] },
    source: dataFile(examTable, rows),
  }),
  rest: (rows = gradeRows): Piece => ({
    ...{ name: restFile, kind: "data" as const, tables: ["public.grades"] },
    source: dataFile(gradeTable, rows),
  }),
  sequences: (): Piece => ({
    ...{ name: "data/03-sequences.sql.zst.pgp", kind: "sequences" as const },
    source: pieces(Buffer.from(sequencesSql(smallInventory.sequences)), 50_000),
  }),
  largeObjects: (content = "an object"): Piece => ({
    ...{ name: largeObjectsArtifact, kind: "large-objects" as const },
    source: pieces(Buffer.concat([dataHeader, Buffer.from(madeOf("16500", content))]), 50_000),
  }),
};

export function smallPieces(): Piece[] {
  return [contents.schema(), contents.exams(), contents.rest(), contents.sequences(), contents.largeObjects()];
}

export { schemaEntries };
