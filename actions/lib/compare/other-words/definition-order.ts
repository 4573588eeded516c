import type { InventoryObject } from "../../postgres/inventory/model.ts";

export interface Columns {
  /** What comes before the columns. */
  readonly head: string;
  readonly names: readonly string[];
  readonly lines: readonly string[];
}

const columnName = /^ {2}column ("(?:[^"]|"")+"|\S+)/;

/** Takes a relation's definition apart. A column's line may go on over several, as a CASE does. */
export function columnsOf(definition: string): Columns {
  const pieces = definition.split(/(?:^|\n)(?= {2}column )/);
  const lines = pieces.filter((piece) => columnName.test(piece));
  const head = pieces.filter((piece) => !columnName.test(piece)).join("\n");
  return { head, lines, names: lines.map((line) => columnName.exec(line)?.[1] ?? "") };
}

export interface Around {
  /** What the target has, by key. */
  readonly present: ReadonlyMap<string, InventoryObject>;
  /** Source and target are of different majors. */
  readonly otherMajor: boolean;
}

/** Both definitions, without what differs by the order in which columns were made, or by what a major writes of its own. Pure. */
export function alike(
  object: InventoryObject,
  twin: InventoryObject,
  { present, otherMajor }: Around,
): [string, string] {
  const [wanted, here] = [object.definition, twin.definition];
  if (object.kind === "publication") return [inOrder(wanted, publishedColumns), inOrder(here, publishedColumns)];
  if (object.kind === "statistics object") return [inOrder(wanted, measuredColumns), inOrder(here, measuredColumns)];
  if (object.kind !== "table") return [wanted, here];
  const own = otherMajor ? withoutInheritedIdentity(here) : here;
  return [inheritedInPlace(wanted, own, present), own];
}

/** Lists that PostgreSQL keeps in the order of the table's columns. */
const publishedColumns = /(?<=^ {2}table (?:"(?:[^"]|"")+"|[^\s"])+ \()[^()]+(?=\))/gm;
const measuredColumns = /(?<= ON )[^()]+(?= FROM (?:"(?:[^"]|"")+"|[^\s"])+)/g;

function inOrder(definition: string, list: RegExp): string {
  return definition.replaceAll(list, (names) => names.split(", ").sort().join(", "));
}

/** From 17 on a partition has its parent's identity columns as its own; before, only the parent had them. */
function withoutInheritedIdentity(definition: string): string {
  return definition.replaceAll(/^( {2}column .*) identity [ad]( .*)?( inherited\b)/gm, "$1$2$3");
}

/**
 * A column that the parent got later stands behind a child's own ones, and before them once the child is made anew. Where
 * nothing else moved, the source's columns are put into the target's order.
 */
function inheritedInPlace(definition: string, here: string, present: ReadonlyMap<string, InventoryObject>): string {
  const [wanted, found] = [columnsOf(definition), columnsOf(here)];
  const parents = /^inherits (.*)$/m.exec(found.head)?.[1];
  if (parents === undefined || wanted.names.length !== found.names.length) return definition;
  const inherited = new Set(
    parents.split(", ").flatMap((parent) => columnsOf(present.get(`table ${parent}`)?.definition ?? "").names),
  );
  const own = (names: readonly string[]) => names.filter((name) => !inherited.has(name)).join(", ");
  if (own(wanted.names) !== own(found.names)) return definition;
  const lines = found.names.map((name) => wanted.lines[wanted.names.indexOf(name)] ?? "");
  return [wanted.head, ...lines].join("\n");
}
