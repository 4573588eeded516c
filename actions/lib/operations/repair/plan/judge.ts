import type { Client } from "pg";
import { quoteIdentifier } from "../../../postgres/identifier.ts";
import { type Difference, damagedRows, differingKeys, goodRows } from "../../compare/difference.ts";
import { type NamedRows, type Selection, writtenBy, writtenLater } from "./selection.ts";

/**
 * What is decided of each row that differs, one line each: `op` is done, or `code` says why nothing is. `good` and `live` are where
 * the row lies on either side, valid within the transaction; `cells` has a letter for each chosen column (see `letters`).
 */
export const decisions = "pg_temp.lifeboat_decisions";

/** Before the difference is prepared, which leaves a transaction that may make no more tables. */
export const makeDecisions = `create temporary table lifeboat_decisions
  (good tid, place oid, live tid, op text, code text, cells text, writer xid)`;

/** Rows that are not put back, and that somebody has to look at. */
export const conflictCodes = [
  ...([
    "edited-since",
    "recreated",
    "added-since",
    "no-good-row",
    "parent-gone",
    "referred",
    "default-unknown",
  ] as const),
];

/** Of a cell: `1` is put back; `0` is right already; `e` was edited after the damage; `k` was edited, not damaged; `r` cannot be told. */
const letters = { same: "0", change: "1", edited: "e", kept: "k", recreated: "r" } as const;

interface Judged {
  readonly difference: Difference;
  readonly selection: Selection;
}

/**
 * Decides of every row that differs. Two-way, without the damaged rows: what another transaction than the chosen ones has written
 * since is a conflict. Three-way: a cell is put back only where it still is as in the damaged rows.
 */
export async function judge(client: Client, judged: Judged, isThreeWay: boolean): Promise<void> {
  const { both, added } = (judged.difference.key === null ? multisets : keyed)(judged, isThreeWay);
  const decide = (rows: string, verdicts: string) => `
    insert into ${decisions}
    select j.good, j.place, j.live, v.op, v.code, j.cells, j.writer
      from (${rows}) j cross join lateral (${verdicts}) v`;
  await client.query(decide(both, verdictsOfBoth(judged.selection, isThreeWay)));
  await client.query(decide(added, verdictsOfAdded(judged.selection, isThreeWay)));
  await client.query(`analyze ${decisions}`);
}

/** Columns whose cells may be put back: those that were chosen and are compared, without the key. */
export function chosenColumns({ match, key }: Difference, { columns }: Selection): string[] {
  return match.both.filter((one) => key?.includes(one) !== true && columns?.includes(one) !== false);
}

/**
 * Queries for the good rows, each with its live row where there is one, and for the rows that were added: good, place, live, writer,
 * cells, `damaged` (the damaged rows have it), `whole` (it is equal to that one), `tx` (who wrote it, of those that were chosen).
 */
interface Pairs {
  readonly both: string;
  readonly added: string;
}

function keyed({ difference, selection }: Judged, isThreeWay: boolean): Pairs {
  const { match, hash, sameKey, sameRow, from } = difference;
  const isRead = isThreeWay || selection.keys !== undefined;
  const damaged = (of: string) =>
    isThreeWay ? `left join ${damagedRows} d on ${hash("d")} = k.hash and ${sameKey("d", of)}` : "";
  const live = `join ${from} l on l.ctid = k.place and l.tableoid = k.relation`;
  const facts = isThreeWay
    ? `d.ctid is not null as damaged, d.ctid is not null and ${sameRow("d", "l")} as whole`
    : "false as damaged, false as whole";
  const cells = chosenColumns(difference, selection).map((column) =>
    isThreeWay
      ? cellLetter(difference, column)
      : `case when ${differs(match, column)} then '${letters.change}' else '${letters.same}' end`,
  );
  const either = named(selection, ["g", "l"]);
  const alone = named(selection, ["l"]);
  return {
    both: `
      select k.good, k.relation as place, k.place as live, k.writer, ${facts},
             ${cells.length === 0 ? "''" : cells.join(" || ")} as cells,
             ${transactionOf(selection, "k.writer", isOfOthers(selection))} as tx
        from ${differingKeys} k ${isRead ? `join ${goodRows} g on g.ctid = k.good left ${live}` : ""}
             ${damaged("g")} ${either.joins} where k.kind in ('missing', 'changed') and ${either.holds}`,
    added: `
      select null::tid as good, k.relation as place, k.place as live, k.writer, ${facts}, '' as cells,
             ${transactionOf(selection, "k.writer", "chosen")} as tx
        from ${differingKeys} k ${isRead ? live : ""} ${damaged("l")} ${alone.joins}
       where k.kind = 'added' and ${alone.holds}`,
  };
}

/** Of a row that differs. */
const differs = ({ both }: Difference["match"], column: string): string => `k.differs[${both.indexOf(column) + 1}]`;

/** Rows without a key are equal or not; of equal ones each side has a number. */
function multisets({ difference: { hash, from }, selection }: Judged, isThreeWay: boolean): Pairs {
  const numbered = (table: string, alias: string, more: string) => {
    const { joins, holds } = named(selection, [alias]);
    return `(select ${more}, ${holds} as picked, ${hash(alias)} as hash,
                    row_number() over (partition by ${hash(alias)} order by ${alias}.ctid) as n
               from ${table} ${alias} ${joins} where ${hash(alias)} in (select hash from ${differingKeys}))`;
  };
  const good = numbered(goodRows, "g", "g.ctid as good");
  const live = numbered(
    from,
    "l",
    `l.tableoid as place, l.ctid as live, l.xmin as writer, ${transactionOf(selection, "l.xmin", "chosen")} as tx`,
  );
  const damaged = isThreeWay
    ? `left join ${numbered(damagedRows, "d", "true as there")} d on d.hash = one.hash and d.n = one.n`
    : "";
  const told = isThreeWay ? "d.there is not null" : "false";
  const lone = (other: string) => `not exists (select from ${other} o where o.hash = one.hash and o.n = one.n)`;
  return {
    both: `
      select one.good, null::oid as place, null::tid as live, null::xid as writer, ${told} as damaged, false as whole,
             '' as cells, 'none' as tx
        from ${good} one ${damaged} where one.picked and ${lone(live)}`,
    added: `
      select null::tid as good, one.place, one.live, one.writer, ${told} as damaged, ${told} as whole, '' as cells, one.tx
        from ${live} one ${damaged} where one.picked and ${lone(good)}`,
  };
}

/** Three-way; without the damaged rows there are two: `same` and `change`. */
function cellLetter({ match, sameCell }: Difference, column: string): string {
  const { same, change, edited, kept, recreated } = letters;
  return `case when l.ctid is null or not ${differs(match, column)} then '${same}'
            when d.ctid is null then '${recreated}' when ${sameCell("d", "l", column)} then '${change}'
            when ${sameCell("g", "d", column)} then '${kept}' else '${edited}' end`;
}

/** A row of op and code, where the condition holds. */
function when(condition: string, op: string | null, code: string | null): string {
  const text = (one: string | null) => (one === null ? "null::text" : `'${one}'`);
  return `select ${text(op)} as op, ${text(code)} as code where ${condition}`;
}

/** What becomes of a row that both sides have, or that is gone. */
function verdictsOfBoth({ transactions, missing, added }: Selection, isThreeWay: boolean): string {
  const has = (letter: keyof typeof letters) => `position('${letters[letter]}' in j.cells) > 0`;
  const there = (condition: string) => `j.live is not null and ${condition}`;
  const gone = `j.live is null and ${missing || (transactions.length === 0 && !added)}`;
  const before = when(there(`j.tx = 'before' and ${has("change")}`), null, "written-before");
  if (!isThreeWay) {
    return [
      ...[when(there(`j.tx = 'chosen' and ${has("change")}`), "update", null), before, when(gone, "insert", null)],
      when(there(`j.tx = 'later' and ${has("change")}`), null, "edited-since"),
    ].join(" union all ");
  }
  // As the damaged rows have it, and not written by the chosen ones last: somebody edited it before those were read.
  const overwritten = "(j.tx = 'later' and j.whole)";
  const ours = `j.tx in ('chosen', 'later') and not ${overwritten}`;
  return [
    when(there(`${ours} and ${has("change")}`), "update", null),
    when(there(`${ours} and ${has("edited")}`), null, "edited-since"),
    when(there(`${overwritten} and ${has("change")}`), null, "edited-since"),
    when(there(`j.tx <> 'before' and ${has("recreated")}`), null, "recreated"),
    when(there(`${ours} and ${has("kept")}`), null, "edited-well"),
    before,
    when(`${gone} and not j.damaged`, "insert", null),
    when(`${gone} and j.damaged`, null, "deleted-since"),
  ].join(" union all ");
}

/**
 * What becomes of a row that the good side does not have. A transaction that wrote every row wrote those that people had added, too:
 * it goes only where that is asked for, and is named otherwise.
 */
function verdictsOfAdded({ transactions, missing, added }: Selection, isThreeWay: boolean): string {
  const [goes, stays] = added ? (["delete", null] as const) : ([null, "no-good-row"] as const);
  const concerned = added || !missing || transactions.length > 0;
  if (!isThreeWay) {
    return [
      when(`${concerned} and j.tx = 'chosen'`, goes, stays),
      when(`${concerned} and j.tx = 'later'`, null, "added-since"),
      when(`${concerned} and j.tx = 'before'`, null, "written-before"),
    ].join(" union all ");
  }
  return [
    when(`${concerned} and j.whole and j.tx = 'chosen'`, goes, stays),
    when(`${concerned} and j.damaged and not j.whole`, null, "edited-since"),
    when("not j.damaged", null, "came-later"),
  ].join(" union all ");
}

/** Who asks for rows that are gone, or were added, does not ask for those that both sides have. */
function isOfOthers({ missing, added }: Selection): "chosen" | "none" {
  return missing || added ? "none" : "chosen";
}

/** @param whenNone where no transaction is named */
function transactionOf({ transactions }: Selection, writer: string, whenNone: "chosen" | "none"): string {
  if (transactions.length === 0) return `'${whenNone}'`;
  return `case when ${writtenBy(transactions, writer)} then 'chosen'
               when ${writtenLater(transactions, writer)} then 'later' else 'before' end`;
}

/** Whether the row is among the named ones on one of these sides. As a join, so that many names cost one look each. */
function named({ keys }: Selection, sides: readonly string[]): { readonly joins: string; readonly holds: string } {
  if (keys === undefined) return { joins: "", holds: "true" };
  const text = (alias: string) => `${rowOf(alias, keys.columns)}::text collate "C"`;
  const joins = sides.map(
    (side) =>
      `left join (select distinct ${text("w")} as named from ${keys.table} w) of_${side} on of_${side}.named = ${text(side)}`,
  );
  return { joins: joins.join(" "), holds: `(${sides.map((side) => `of_${side}.named is not null`).join(" or ")})` };
}

const rowOf = (alias: string, columns: readonly string[]): string =>
  `row(${columns.map((column) => `${alias}.${quoteIdentifier(column)}`).join(", ")})`;

/** Whether a row is one of those that are named, as a condition that stands by itself. */
export function isAmong({ table, columns }: NamedRows, alias: string): string {
  return `${rowOf(alias, columns)}::text collate "C" in (select ${rowOf("w", columns)}::text collate "C" from ${table} w)`;
}
