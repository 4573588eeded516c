import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import { readArchive, type TocEntry } from "../../../postgres/dump/archive/toc.ts";
import { bare, quoteIdentifier } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { isRoutine } from "../../../postgres/inventory/name-lookup.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { isOwnObject, isPlatformOwner } from "../../../postgres/platform-owned.ts";
import type { Platform } from "../../../supabase/platform/platform.ts";
import type { OpenSet } from "../../../vault/sets/open-set.ts";
import { assertRowsPlaced } from "../../../vault/sets/rows.ts";
import { type Build, planBuilds } from "./plan-builds.ts";
import { extensionParts } from "./statements.ts";
import { dependenciesOf, type Entries, type Step, tableKinds } from "./steps.ts";

/**
 * The table of contents of the schema dump. The dump is read to its end, so that a damaged one is refused here, and so is a set
 * whose lists do not agree on its rows.
 */
export async function readSchema(open: OpenSet, source: Inventory): Promise<readonly TocEntry[]> {
  assertRowsPlaced(open, source);
  const artifact = open.manifest.artifacts.find(({ kind }) => kind === "schema");
  if (artifact === undefined) {
    throw new ConfigurationError(
      "set-without-schema",
      `Set ${open.set} has no schema dump.`,
      "Choose another set (`lifeboat list`).",
    );
  }
  const { toc, data } = await readArchive(open.artifact(artifact.name));
  // Asked for, since it reads to the end, where the seal is checked.
  if (!data) return toc;
  throw new OperationError(
    "schema-with-rows",
    `${artifact.name} holds rows; it should hold definitions only.`,
    "Use another set (`lifeboat list`).",
  );
}

/** What a restore does to the schema, in the order of the lists. */
export interface SchemaPlan {
  /** Before the data: extensions, types, tables, functions, views. */
  readonly before: readonly Step[];
  /** Keys and indexes, in the order in which sessions side by side shall look at them. */
  readonly builds: readonly Build[];
  /** Triggers, rules, policies, publications, statistics. */
  readonly after: readonly Step[];
  /** Triggers on the tables of Storage: they would fire for each file that is brought in. */
  readonly afterFiles: readonly Step[];
  /** Event triggers: the very last, or they would fire at our own statements. */
  readonly last: readonly Step[];
}

export interface PlanOptions {
  /** What is left out on purpose. */
  readonly without?: ReadonlySet<InventoryObject>;
  /** Whether files are brought in before Storage's triggers are made. */
  readonly withFiles?: boolean;
  /** Extensions that the target's server has, each with the schema that it insists on. */
  readonly fixedSchemas?: ReadonlyMap<string, string | null>;
}

/** Handled elsewhere (data, grants, values) or settings of pg_dump's own session. */
const otherwise = new Set([
  "ACL",
  "BLOB",
  "BLOB METADATA",
  "BLOBS",
  "DATABASE",
  "DATABASE PROPERTIES",
  "DEFAULT ACL",
  "ENCODING",
  "MATERIALIZED VIEW DATA",
  "SEARCHPATH",
  "SEQUENCE SET",
  "STDSTRINGS",
  "TABLE DATA",
]);

const isStorageTrigger = ({ desc, namespace }: TocEntry): boolean => desc === "TRIGGER" && namespace === "storage";

const indexKinds = new Set(["CHECK CONSTRAINT", "CONSTRAINT", "INDEX"]);

/**
 * Chooses from the complete dump what this target lacks. What the target has already is left alone, whether it is the
 * platform's or an interrupted run made it; what is wrong with it is for the comparison to say. Pure.
 */
export function planSchema(
  toc: readonly TocEntry[],
  source: Inventory,
  target: Inventory,
  platform: Platform | undefined,
  { without = new Set(), withFiles: again = false, fixedSchemas = new Map() }: PlanOptions = {},
): SchemaPlan {
  const present = byKey(target.objects);
  const objects = new Map(source.objects.map((object) => [`${object.classId} ${object.oid}`, object]));
  const entries = new Map(toc.map((entry) => [entry.dumpId, entry]));
  const objectOf = (entry: TocEntry) => objects.get(`${entry.tableOid} ${entry.oid}`);
  const platforms = (entry: TocEntry): boolean => {
    const object = objectOf(entry);
    return object !== undefined && platform?.owns(object) === true && present.has(objectKey(object));
  };
  // Our own (what keeps a copy quiet) is no part of what it was copied from.
  const isNotWanted = (object: InventoryObject): boolean => without.has(object) || isOwnObject(object);
  const isLeftOut = (entry: TocEntry): boolean =>
    [entry, ...(entry.desc === "COMMENT" ? partOf(entry, entries) : [])]
      .map(objectOf)
      .some((object) => object !== undefined && isNotWanted(object));
  // Such a schema is the platform's: who installs the extension gets it from there, with its owner and its rights.
  const brings = (entry: TocEntry): string | undefined => {
    const schema = entry.desc === "EXTENSION" ? fixedSchemas.get(entry.tag) : undefined;
    const twin = source.objects.find((one) => one.kind === "schema" && bare(one.identity) === schema);
    if (platform === undefined || twin === undefined || present.has(objectKey(twin))) return undefined;
    return twin.extension === null && isPlatformOwner(twin.owner) ? (schema ?? undefined) : undefined;
  };
  const brought = new Set(toc.map(brings).filter((schema) => schema !== undefined));
  const wanted = toc.filter((entry) => {
    if (entry.desc === "SCHEMA" && brought.has(entry.tag)) return false;
    if (otherwise.has(entry.desc) || entry.defn.trim() === "") return false;
    // It names the source's database, which may be another one on the target's server.
    if (entry.desc === "COMMENT" && entry.tag.startsWith("DATABASE ")) return false;
    const object = objectOf(entry);
    if (isLeftOut(entry)) return false;
    if (object !== undefined && entry.desc !== "COMMENT") {
      // Where files are still to come, those that an earlier run made are made again afterwards.
      return !present.has(objectKey(object)) || (again && isStorageTrigger(entry) && !platforms(entry));
    }
    const parts = partOf(entry, entries);
    return parts.length === 0 || !parts.every(platforms);
  });
  const calls = (entry: TocEntry) =>
    dependenciesOf(entry, entries).flatMap((one) => {
      const object = objectOf(one);
      return object !== undefined && isRoutine(object) ? [object] : [];
    });
  const withItsSchema = (entry: TocEntry): TocEntry =>
    brings(entry) === undefined
      ? entry
      : { ...entry, defn: `CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(entry.tag)};\n` };
  const step = (entry: TocEntry): Step => ({
    entry: withItsSchema(entry),
    object: objectOf(entry),
    calls: calls(entry),
  });
  const stage = (entry: TocEntry) => stageOf(entry, entries);
  const bytes = new Map(source.tables.map((table) => [table.oid, table.bytes]));
  const of = (which: StageName) => wanted.filter((entry) => stage(entry) === which);
  const ofStorage = (entry: TocEntry): boolean =>
    [entry, ...(entry.desc === "COMMENT" ? partOf(entry, entries) : [])].some(isStorageTrigger);
  return {
    before: attachFromTheTop(of("before"), entries).map(step),
    builds: planBuilds(of("indexes"), of("foreignKeys"), { entries, step, bytes }),
    after: [
      ...of("after")
        .filter((entry) => !ofStorage(entry))
        .map(step),
      ...extensionParts(source, target).filter(({ object }) => object === undefined || !isNotWanted(object)),
    ],
    afterFiles: of("after").filter(ofStorage).map(step),
    last: of("last").map(step),
  };
}

type StageName = "before" | "indexes" | "foreignKeys" | "after" | "last";

/** Comments have no section of their own: one comes as late as what it is about, but never among the indexes. */
function stageOf(entry: TocEntry, entries: Entries): StageName {
  if (entry.section === "none") {
    const stages = partOf(entry, entries).map((one) => stageOf(one, entries));
    if (stages.includes("last")) return "last";
    return stages.some((one) => one !== "before") ? "after" : "before";
  }
  if (entry.section !== "post-data") return "before";
  if (entry.desc === "FK CONSTRAINT") return "foreignKeys";
  if (entry.desc === "EVENT TRIGGER") return "last";
  return indexKinds.has(entry.desc) ? "indexes" : "after";
}

/**
 * Puts the attaching of partitions at the end of what is made before the data, a partitioned table before its own
 * partitions: an identity column is handed down by ATTACH PARTITION, and only one level (tablecmds.c). pg_dump goes by name.
 */
function attachFromTheTop(order: readonly TocEntry[], entries: Entries): TocEntry[] {
  const attachments = order.filter((entry) => entry.desc === "TABLE ATTACH");
  const tables = (entry: TocEntry) => entry.dependencies.filter((id) => tableKinds.has(entries.get(id)?.desc ?? ""));
  // An attachment depends on both tables and carries the name of the one that is attached.
  const isChild = (entry: TocEntry, id: number) =>
    entries.get(id)?.tag === entry.tag && entries.get(id)?.namespace === entry.namespace;
  const parents = new Map<number, readonly number[]>();
  for (const entry of attachments) {
    const child = tables(entry).find((id) => isChild(entry, id));
    if (child !== undefined) parents.set(child, without(tables(entry), child));
  }
  const level = (table: number): number => 1 + Math.max(0, ...(parents.get(table) ?? []).map(level));
  const depth = (entry: TocEntry) => Math.max(0, ...tables(entry).map(level));
  const sorted = attachments.toSorted((a, b) => depth(a) - depth(b));
  return [...order.filter((entry) => entry.desc !== "TABLE ATTACH"), ...sorted];
}

const without = (ids: readonly number[], left: number) => ids.filter((id) => id !== left);

/** The objects that a comment, default, attachment and the like hangs on. */
function partOf(entry: TocEntry, entries: Entries): TocEntry[] {
  return dependenciesOf(entry, entries).filter((one) => one.desc !== "SCHEMA" || entry.tag.startsWith("SCHEMA "));
}
