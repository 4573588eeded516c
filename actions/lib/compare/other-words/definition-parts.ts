import type { InventoryObject } from "../../postgres/inventory/model.ts";

/** A word, number, string or sign of a definition, or everything between two brackets. */
interface Part {
  readonly text: string;
  /** Where it begins and ends in the definition. */
  readonly from: number;
  readonly to: number;
  /** What stands between the brackets, where it is a pair of them. */
  readonly inner?: readonly Part[];
}

/** Whether two expressions are the same; undefined when they are none that can be read by themselves. */
export type SameExpression = (wanted: string, present: string) => Promise<boolean | undefined>;

const lexeme = /\s+|"(?:[^"]|"")*"|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|[\w$\u0080-\uffff]+|./gs;
const closing = new Map([
  ["(", ")"],
  ["[", "]"],
]);

/**
 * Whether two definitions are the same but for their expressions, and the expressions the same in the eyes of `same`. It is
 * asked about the outermost brackets that differ first; only what it cannot read is looked into.
 */
export async function sameButExpressions(wanted: string, present: string, same: SameExpression): Promise<boolean> {
  return sameParts({ text: wanted, parts: partsOf(wanted) }, { text: present, parts: partsOf(present) }, same);
}

interface Side {
  readonly text: string;
  readonly parts: readonly Part[];
}

async function sameParts(wanted: Side, present: Side, same: SameExpression): Promise<boolean> {
  const paired =
    wanted.parts.length === present.parts.length && wanted.parts.every((part, at) => mayPair(part, present.parts[at]));
  if (!paired) return (await sameMiddle(wanted, present, same)) ?? false;
  for (const [at, part] of wanted.parts.entries()) {
    const twin = present.parts[at];
    if (twin?.inner === undefined || part.inner === undefined || part.text === twin.text) continue;
    const answer = await same(part.text.slice(1, -1), twin.text.slice(1, -1));
    if (answer === false) return false;
    if (answer === true) continue;
    const [left, right] = [
      { ...wanted, parts: part.inner },
      { ...present, parts: twin.inner },
    ];
    if (!(await sameParts(left, right, same))) return false;
  }
  return true;
}

function mayPair(part: Part, twin: Part | undefined): boolean {
  if (part.inner === undefined || twin?.inner === undefined) return part.text === twin?.text;
  return part.text[0] === twin.text[0];
}

/** Words that PostgreSQL or our inventory writes right before an expression that may stand without brackets. */
const leadIn = /^(?:default|where|when)$/i;

/** Compares what lies between the parts at the beginning and the end that are the same; PostgreSQL brackets all operands. */
async function sameMiddle(wanted: Side, present: Side, same: SameExpression): Promise<boolean | undefined> {
  const [left, right] = [wanted.parts, present.parts];
  const shorter = Math.min(left.length, right.length);
  let begin = 0;
  while (begin < shorter && left[begin]?.text === right[begin]?.text) begin += 1;
  let end = 0;
  while (end < shorter - begin && left.at(-1 - end)?.text === right.at(-1 - end)?.text) end += 1;
  const lead = left.slice(0, begin).findLastIndex(({ text }) => leadIn.test(text)) + 1;
  for (const [from, after] of [
    [begin, end],
    [lead, end],
    [lead, 0],
  ] as const) {
    const answer = await same(slice(wanted, from, after), slice(present, from, after));
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function slice({ text, parts }: Side, begin: number, end: number): string {
  const some = parts.slice(begin, parts.length - end);
  return text.slice(some[0]?.from ?? 0, some.at(-1)?.to ?? 0);
}

function partsOf(definition: string): readonly Part[] {
  const top: Part[] = [];
  const open: { readonly bracket: string; readonly from: number; readonly around: Part[] }[] = [];
  let here = top;
  for (const { 0: text, index: from } of definition.matchAll(lexeme)) {
    const to = from + text.length;
    const last = open.at(-1);
    if (closing.has(text)) {
      open.push({ bracket: text, from, around: here });
      here = [];
    } else if (last !== undefined && text === closing.get(last.bracket)) {
      open.pop();
      last.around.push({ text: definition.slice(last.from, to), from: last.from, to, inner: here });
      here = last.around;
    } else if (text.trim() !== "") here.push({ text, from, to });
  }
  // Brackets that are never closed are none: the definition is not one that PostgreSQL printed.
  return open.length === 0 ? top : [{ text: definition, from: 0, to: definition.length }];
}

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
