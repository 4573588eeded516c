import type { Client } from "pg";
import { heapUsed } from "../../base/collector.ts";
import type { Stop } from "../../base/flow/bounded.ts";
import type { Log } from "../../base/log.ts";
import { tableName } from "../../postgres/identifier.ts";
import type { Fingerprint, Inventory, TableContent } from "../../postgres/inventory/model.ts";
import { pathStatement, readingPaths } from "../../postgres/inventory/name-lookup.ts";
import { fingerprintByCopy, isLeftToCopy, isLost, isRowTooLong } from "../../postgres/rows/export-rows.ts";
import {
  askTogether,
  fingerprintLargeObject,
  fingerprintLargeObjects,
  fingerprintQuestion,
  generatedQuestion,
  lent,
  type Question,
  readWith,
} from "../../postgres/rows/fingerprint.ts";
import { viewQuestions } from "../../postgres/rows/others-code.ts";

/** What the server is asked; a far server is asked many things at a time. */
interface Asked {
  readonly about: Pick<TableContent, "schema" | "name">;
  readonly bytes: number;
  readonly question: Question<unknown>;
  readonly take: (answer: unknown) => void;
  /** What else can be done where no query on it can be planned, or a row is too long. */
  readonly last: (client: Client) => Promise<unknown>;
  /** Then also where it may not be read. */
  readonly optional: boolean;
}

function asked<Answer>(
  about: Asked["about"] & { readonly bytes?: number },
  question: Question<Answer>,
  take: (answer: Answer) => void,
  last: (client: Client) => Promise<Answer>,
  optional = false,
): Asked {
  return { about, bytes: about.bytes ?? 0, question, last, optional, take: (answer) => take(answer as Answer) };
}
const none = async () => null;

const together = { questions: 100, bytes: 8 * 1024 * 1024 };
/** Their queries may take long. */
const viewsTogether = 10;

export interface Said {
  /** With what only the server can tell: generated columns, materialised views, large objects. */
  readonly inventory: Inventory;
  /** By OID, the fingerprints that the server was asked for. */
  readonly tables: ReadonlyMap<string, Fingerprint>;
}

/**
 * Asks the server for fingerprints.
 *
 * @param tables whose rows it is to hash
 * @param unasked `schema.table` of tables and views of which no query may be planned: what only the server can tell of them is not known
 * @param client attached to the snapshot
 * @throws OperationError `table-unreadable`, `large-object-unreadable`; the driver's error when the session is lost
 */
export async function askServer(
  inventory: Inventory,
  tables: readonly TableContent[],
  unasked: ReadonlySet<string>,
  client: Client,
  stop: Stop,
  log: Log,
): Promise<Said> {
  const said = new Map<string, Fingerprint>();
  const generated = new Map<string, TableContent["generated"]>();
  const views = inventory.materializedViews.map((view) => ({ ...view }));
  const largeObjects = inventory.largeObjects.map((object) => ({ ...object }));
  const paths = readingPaths(inventory);

  const questions: Asked[] = [];
  for (const table of tables) {
    const take = (found: Fingerprint): void => void said.set(table.oid, found);
    questions.push(asked(table, fingerprintQuestion(table), take, (client) => fingerprintByCopy(client, table)));
  }
  for (const table of inventory.tables) {
    const { generated: columns } = table;
    if (!columns || unasked.has(tableName(table))) continue;
    const take = (found: typeof columns): void => void generated.set(table.oid, found);
    questions.push(asked(table, generatedQuestion(table, columns), take, async () => columns));
  }
  const populated = views.filter((view) => view.populated && !unasked.has(tableName(view)));
  const ofViews = populated.length === 0 ? [] : await viewQuestions(client, populated);
  const viewBatches = inGroups(ofViews, viewsTogether).map((some) =>
    some.flatMap(({ view, stored, fresh }) => [
      asked<Fingerprint | null>(view, stored, (found) => Object.assign(view, { stored: found }), none),
      ...(fresh === undefined
        ? []
        : [asked<Fingerprint | null>(view, fresh, (found) => Object.assign(view, { fresh: found }), none, true)]),
    ]),
  );
  const jobs: (() => Promise<void>)[] = [
    ...[...inBatches(questions), ...viewBatches].map((batch) => () => askBatch(client, batch, paths)),
    ...inGroups(largeObjects, together.questions).map((some) => () => measureObjects(client, some)),
  ];
  const track = log.track("fingerprints", { bytes: 0, items: jobs.length });
  try {
    for (const job of jobs) {
      stop.signal.throwIfAborted();
      await job();
      track.advance({ items: 1 });
      heapUsed();
    }
  } catch (error) {
    track.end("failed");
    throw error;
  }
  track.end("done");
  const filled = inventory.tables.map((table) => ({
    ...table,
    generated: generated.get(table.oid) ?? table.generated,
  }));
  return { inventory: { ...inventory, tables: filled, materializedViews: views, largeObjects }, tables: said };
}

/** All in one message; where one does not work, each by itself. */
async function askBatch(client: Client, batch: readonly Asked[], paths: readonly string[]): Promise<void> {
  const answers = await askTogether(
    client,
    batch.map(({ question }) => question.sql),
  );
  for (const [place, one] of batch.entries()) {
    one.take(answers === undefined ? await askAlone(client, one, paths) : one.question.parse(answers[place]?.[0]));
  }
}

/**
 * Where a query does not work although the rows may be read: under the paths that the source's functions are used to, if planning it
 * does not work; last, or if a row is too long for the server to hash, in another way.
 */
async function askAlone(client: Client, one: Asked, paths: readonly string[]): Promise<unknown> {
  const { about, question, last, optional } = one;
  await client.query(lent.begin);
  try {
    for (const path of [undefined, ...paths]) {
      try {
        if (path !== undefined) await client.query(pathStatement(path));
        return await readWith(client, about, question);
      } catch (error) {
        if (!isLeftToCopy(error) && !optional) throw error;
        await client.query("rollback to savepoint before_reading");
        if (isRowTooLong(error)) break;
      }
    }
    return await last(client);
  } finally {
    await client.query(lent.end).catch(() => {});
  }
}

async function measureObjects(client: Client, objects: readonly Inventory["largeObjects"][number][]): Promise<void> {
  const oids = objects.map(({ oid }) => oid);
  await client.query(lent.begin);
  const measured = await fingerprintLargeObjects(client, oids).catch(async (error: unknown) => {
    if (isLost(error)) throw error;
    await client.query("rollback to savepoint before_reading");
    const each = [];
    for (const oid of oids) each.push(await fingerprintLargeObject(client, oid));
    return each;
  });
  await client.query(lent.end);
  for (const [place, object] of objects.entries()) Object.assign(object, measured[place]);
}

function inGroups<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, group) =>
    items.slice(group * size, (group + 1) * size),
  );
}

/** The largest first, each message with not too much to read. */
function inBatches(questions: readonly Asked[]): Asked[][] {
  const batches: Asked[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of questions.toSorted((a, b) => b.bytes - a.bytes)) {
    const last = batches.at(-1);
    if (last === undefined || last.length === together.questions || bytes + one.bytes > together.bytes) {
      batches.push([one]);
      bytes = one.bytes;
    } else {
      last.push(one);
      bytes += one.bytes;
    }
  }
  return batches;
}
