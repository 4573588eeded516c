import type { Client } from "pg";
import { countFrom, type ForeignKey, foreignKeys, orphansOf, tablesOf } from "../prove/foreign-keys.ts";
import { parseQualified, tableName } from "../source/identifier.ts";
import type { Inventory, InventoryObject } from "../source/inventory/model.ts";
import { byKey, objectKey } from "../source/inventory/object-key.ts";
import { checkText, place } from "./check-constraints.ts";
import { nameOnTable } from "./outbound.ts";
import { attemptUnder } from "./run-steps.ts";

/** A constraint that says valid at the source and is NOT VALID here, because rows break it. */
export interface BrokenConstraint {
  /** How many rows, how to see them, and what makes it valid again. */
  readonly why: string;
  /** `tableName` of those whose rows decide; empty for a domain, whose values lie anywhere. */
  readonly tables: readonly string[];
}

export interface Validated {
  /** Reasons by object key. */
  readonly failures: ReadonlyMap<string, string>;
  readonly broken: ReadonlyMap<string, BrokenConstraint>;
}

/**
 * Validates the constraints that were valid at the source and are not here: a child's check that came from a parent's
 * NOT VALID one, which pg_dump cannot tell from the parent's; and what could only be added as NOT VALID.
 */
export async function validateConstraints(
  client: Client,
  source: Inventory,
  target: Inventory,
  paths: readonly string[],
): Promise<Validated> {
  const failures = new Map<string, string>();
  const broken = new Map<string, BrokenConstraint>();
  const present = byKey(target.objects);
  let keys: readonly ForeignKey[] | undefined;
  for (const object of source.objects) {
    if (!/^(table|domain) constraint$/.test(object.kind) || object.definition.includes("NOT VALID")) continue;
    const twin = present.get(objectKey(object));
    const parts = place(object);
    if (parts === undefined || !twin?.definition.includes("NOT VALID")) continue;
    const statement = `alter ${parts.on} validate constraint ${parts.name}`;
    const reason = await attemptUnder(client, paths, statement);
    if (reason === undefined) continue;
    failures.set(objectKey(object), reason);
    if (!isWeaker(object, twin)) continue;
    if (reason.startsWith("0A000") && object.kind === "domain constraint") {
      broken.set(objectKey(object), { why: unlooked, tables: [] });
      continue;
    }
    if (!/^(23503|23514)/.test(reason)) continue;
    keys ??= await foreignKeys(client);
    broken.set(objectKey(object), await describe(client, object, keys, `${statement};`));
  }
  return { failures, broken };
}

/** The same found by looking alone, for a comparison that may write nothing: constraints that rows of the target break. */
export async function findBroken(
  client: Client,
  source: Inventory,
  target: Inventory,
): Promise<ReadonlyMap<string, BrokenConstraint>> {
  const broken = new Map<string, BrokenConstraint>();
  const present = byKey(target.objects);
  let keys: readonly ForeignKey[] | undefined;
  for (const object of source.objects) {
    const twin = present.get(objectKey(object));
    const parts = place(object);
    if (parts === undefined || twin === undefined || twin.definition === object.definition || !isWeaker(object, twin)) {
      continue;
    }
    keys ??= await foreignKeys(client);
    const found = await describe(client, object, keys, `alter ${parts.on} validate constraint ${parts.name};`);
    if (/^\d/.test(found.why)) broken.set(objectKey(object), found);
  }
  return broken;
}

/** ALTER DOMAIN refuses to look into arrays and composites that columns have (typecmds.c, get_rels_with_domain). */
const unlooked =
  "it holds for what comes; PostgreSQL cannot look at the values that are there, in arrays or composites: NOT VALID here";

/** Whether a constraint is the other in everything but in being valid. */
function isWeaker(object: InventoryObject, twin: InventoryObject): boolean {
  return twin.definition.replace(" NOT VALID", "") === object.definition;
}

async function describe(
  client: Client,
  object: InventoryObject,
  keys: readonly ForeignKey[],
  validate: string,
): Promise<BrokenConstraint> {
  const key = keys.find(({ identity }) => identity === object.identity);
  const from = key === undefined ? breaking(object) : orphansOf(key);
  const found = from === undefined ? undefined : await countFrom(client, from);
  const table = parseQualified(nameOnTable(object.identity)?.table ?? "");
  const rows = found === undefined || found === "0" ? "rows" : `${found} rows`;
  const see = from === undefined ? "" : ` See them with: select c.* ${from};`;
  return {
    why: `${rows} break it, as they do at the source: it is NOT VALID here.${see} When they are mended: ${validate}`,
    tables:
      key !== undefined
        ? tablesOf(key)
        : object.kind === "domain constraint" || table === undefined
          ? []
          : [tableName(table)],
  };
}

/** The rows of a table that break its check. */
function breaking(object: InventoryObject): string | undefined {
  const table = nameOnTable(object.identity)?.table;
  const condition = checkText(object)
    .replace(/^CHECK /, "")
    .replace(/ NO INHERIT$/, "");
  if (table === undefined || object.kind !== "table constraint" || !object.definition.startsWith("CHECK ")) return;
  return `from ${table} c where not ${condition}`;
}
