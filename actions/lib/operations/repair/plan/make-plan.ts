import type { Client } from "pg";
import { ConfigurationError } from "../../../base/errors.ts";
import { countOf, few } from "../../../base/measures.ts";
import { quoteQualified, tableName } from "../../../postgres/identifier.ts";
import { foreignKeys } from "../../../postgres/inventory/references.ts";
import type { Difference } from "../../compare/difference.ts";
import { allRowsOf, assertTakesFindings } from "../../compare/live-table.ts";
import type { ColumnMatch } from "../../compare/match-columns.ts";
import { type LeftRow, mostLeft } from "../apply/outcomes.ts";
import type { Change, Conflict, ListedTable } from "../change-list.ts";
import { follow, type Place, type PlannedTable, refuseBroken } from "./follow.ts";
import { judge, makeDecisions } from "./judge.ts";
import { type KeysFile, loadKeys } from "./keys-file.ts";
import { decidedLines, listedTable, someConflicts } from "./lines.ts";
import { makeReferences } from "./references.ts";
import type { Selection } from "./selection.ts";
import { type Tally, tally } from "./tally.ts";

export interface PlanRequest {
  /** A session of the target, for one table; whoever gave it ends it. */
  readonly connect: () => Promise<Client>;
  /** Lays both sides of a table beside each other in that session (`prepareDifference`); the condition is for the chosen table alone. */
  readonly prepare: (client: Client, table: Place, where: string | undefined) => Promise<Difference>;
  readonly table: Place;
  readonly selection: Omit<Selection, "keys">;
  readonly keys: KeysFile | undefined;
  /** There are damaged rows too. */
  readonly isThreeWay: boolean;
  /** Parents that are gone and children that went along come back too. */
  readonly follow: boolean;
}

/** What is planned for one table, in numbers and names. */
export interface TablePlan extends Tally {
  readonly schema: string;
  readonly name: string;
  readonly differing: { readonly missing: number; readonly changed: number; readonly added: number };
  readonly match: ColumnMatch;
  readonly key: readonly string[] | null;
}

export interface Plan {
  /** For the header of a list. */
  readonly listed: readonly ListedTable[];
  /** The chosen table first, then those that were followed. */
  readonly tables: readonly TablePlan[];
  /** Some of the rows that are conflicts. */
  readonly conflicts: readonly LeftRow[];
  /** The lines of the list, read once. */
  lines(): AsyncGenerator<Change | Conflict, void, undefined>;
}

/**
 * Plans a repair: lays the sides beside each other, decides of each row that differs, follows foreign keys. Nothing is written but
 * temporary tables. What differs and is not chosen is left alone.
 *
 * @throws ConfigurationError `repair-columns`, `repair-chooses-nothing`, `repair-chooses-all`, `repair-many-writers`,
 * `keys-unreadable`; what `prepare` throws
 */
export async function makePlan(request: PlanRequest): Promise<Plan> {
  const { isThreeWay } = request;
  const keys = await foreignKeys(await request.connect());
  const open = async (place: Place, chosen: PlanRequest | undefined): Promise<PlannedTable> => {
    const client = await request.connect();
    await assertTakesFindings(client);
    await client.query(makeDecisions);
    const live = quoteQualified(place.schema, place.name);
    const named = chosen?.keys && (await loadKeys(client, live, chosen.keys));
    const references = await makeReferences(client, place, keys);
    const difference = await request.prepare(client, place, chosen?.selection.where);
    return { client, difference, references, selection: { ...(chosen?.selection ?? followed), keys: named } };
  };
  const first = await open(request.table, request);
  assertColumns(first);
  await judge(first.client, first, isThreeWay);
  const plans = new Map([[tableName(request.table), first]]);
  if (request.follow) await follow(plans, { isThreeWay, open: (place) => open(place, undefined) });
  await refuseBroken(plans);
  const all = [...plans.values()];
  const tables = await Promise.all(all.map(describe));
  await assertChosen(first, tables[0], isThreeWay);
  const conflicts: LeftRow[] = [];
  for (const { client, difference } of all) conflicts.push(...(await someConflicts(client, difference)));
  const listed = all.map(({ difference }, at) => listedTable(difference, tables[at] ?? { deletes: 0 }));
  return {
    listed,
    tables,
    conflicts: conflicts.slice(0, mostLeft),
    async *lines() {
      for (const [t, plan] of all.entries()) {
        const table = listed[t];
        if (table !== undefined) yield* decidedLines(plan.client, plan, t, table);
      }
    },
  };
}

/** Of a table that was followed nothing is chosen but what is named by the way. */
const followed: Omit<Selection, "keys"> = {
  ...{ where: undefined, transactions: [], missing: false, added: false, columns: undefined, allRows: false },
};

async function describe(plan: PlannedTable): Promise<TablePlan> {
  const { difference } = plan;
  const { schema, name } = difference.table;
  const { missing, changed, added } = difference.counts;
  const { match, key } = difference;
  return { ...(await tally(plan.client, plan)), schema, name, differing: { missing, changed, added }, match, key };
}

function assertColumns({ difference, selection: { columns = [] } }: PlannedTable): void {
  const { match, key } = difference;
  const unknown = columns.filter((column) => !match.both.includes(column));
  const inKey = columns.filter((column) => key?.includes(column) === true);
  if (unknown.length === 0 && inKey.length === 0 && (columns.length === 0 || key !== null)) return;
  const name = tableName(difference.table);
  const what =
    unknown.length > 0
      ? `${unknown.join(", ")} ${unknown.length > 1 ? "are no columns" : "is no column"} that both sides of ${name} have`
      : inKey.length > 0
        ? `${inKey.join(", ")} belongs to the key of ${name}: with another key it is another row`
        : `${name} has no key, so that rows come back whole`;
  throw new ConfigurationError("repair-columns", `${what}.`, "Leave it out of --columns, or leave --columns out.");
}

/** @throws ConfigurationError where nothing was chosen, everything without being asked for, or rows of several writers */
async function assertChosen(plan: PlannedTable, told: TablePlan | undefined, isThreeWay: boolean): Promise<void> {
  const { difference, selection, client } = plan;
  const name = tableName(difference.table);
  if (told === undefined) return;
  const { came } = difference.match;
  if (told.deletes > 0 && told.inserts > 0 && came.length > 0) {
    throw new ConfigurationError(
      "repair-columns-came",
      `${name} has columns that the good rows lack (${few(came)}): rows that go need them for an undo, rows that come cannot have them.`,
      "Repair in two steps: one with --missing, one with --added. Nothing was changed.",
    );
  }
  const { missing, changed, added } = told.differing;
  const differing = missing + changed + added;
  const { "written-before": _before, "came-later": _later, ...named } = told.left;
  const decided = told.updates + told.inserts + told.deletes + Object.values(named).reduce((sum, one) => sum + one, 0);
  if (decided === 0 && differing > 0) {
    throw new ConfigurationError(
      "repair-chooses-nothing",
      `${countOf(differing, "row")} of ${name} differ, and the selection chooses none of them.`,
      "See what differs and by which transactions: `lifeboat compare`. Nothing was changed.",
    );
  }
  if (selection.where !== undefined && !selection.allRows && (await holdsForAll(client, difference))) {
    throw new ConfigurationError(
      "repair-chooses-all",
      `The condition holds for every row of ${name}.`,
      "If every row is meant, add --all-rows; otherwise say which rows. Nothing was changed.",
    );
  }
  if (isThreeWay || selection.allRows || selection.transactions.length > 0 || told.writersInAll < 2) return;
  const some = told.writers.map(({ transaction, rows }) => `${transaction} (${countOf(rows, "row")})`);
  throw new ConfigurationError(
    "repair-many-writers",
    `The rows of ${name} that the selection chooses were written last by ${told.writersInAll} transactions: ${few(some, 5)}. Edits made after the damage may be among them.`,
    "Name those that did the damage (--transaction), give a set that was taken after it (--damaged), or say --all-rows if all of them shall be put back. Nothing was changed.",
  );
}

async function holdsForAll(client: Client, { table, chosen }: Difference): Promise<boolean> {
  if (chosen === undefined || chosen === 0) return false;
  const answer = await client.query<{ rows: string }>(`select count(*)::text as rows from ${allRowsOf(table)}`);
  return answer.rows[0]?.rows === String(chosen);
}
