import type { Duplex } from "node:stream";
import pg, { type Client, type QueryResult } from "pg";
import { sqlState } from "../../../base/errors.ts";
import { tableName } from "../../../postgres/identifier.ts";
import { reasonOf } from "../../target/sessions.ts";
import {
  beforeRows,
  behindRows,
  copyOf,
  filledBy,
  isFilled,
  type LoadingWay,
  notesOf,
  type PartLoad,
} from "./load-table.ts";

/** A part as it is at the source, with its text. */
export interface PartText extends PartLoad {
  readonly text: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Loads small parts in one transaction and one round trip: to a far server, the answers to each table's statements take far
 * longer than its rows. When that does not work, each of them is loaded by itself.
 *
 * @param batch their text can be read twice
 * @param told why a part did not go in, undefined when it did
 * @throws OperationError as loadPart
 */
export async function loadBatch(
  client: Client,
  batch: readonly PartText[],
  way: LoadingWay,
  told: (part: PartText, failure: string | undefined) => void,
): Promise<void> {
  const together = batch.length > 1 && (await loadTogether(client, batch, way)) === undefined;
  for (const part of batch) told(part, together ? undefined : await loadPart(client, part, way));
}

/**
 * Loads one part in a transaction and one round trip, noted in the journal in the same transaction: after a crash the rows and
 * the note are both there or both not.
 *
 * @returns undefined, or why it did not work: the rows are then not in the table
 * @throws OperationError `target-filled-meanwhile` when somebody else has put rows into the table; what reading the text throws
 */
export async function loadPart(client: Client, part: PartText, way: LoadingWay): Promise<string | undefined> {
  const reason = await loadTogether(client, [part], way);
  const perhapsFilled = reason?.startsWith(divisionByZero) === true && !part.checked;
  return perhapsFilled && (await isFilled(client, part)) ? undefined : reason;
}

const divisionByZero = "22012";
/** What planning the query has run stays undone. */
const lookedOver = "rollback to savepoint before_looking;\nrelease savepoint before_looking;\n";

/** @returns why it did not work; nothing of it is there then */
async function loadTogether(client: Client, batch: readonly PartText[], way: LoadingWay): Promise<string | undefined> {
  // Rows of somebody else's divide by zero, which ends it before anything was written.
  const checks = batch
    .filter(({ checked }) => !checked)
    .map(({ load }) => `savepoint before_looking;\nselect 1 / (not ${filledBy(load)})::int;\n${lookedOver}`);
  const copies = batch.map(({ load }) => `${copyOf(load).statement}\n`);
  const notes = batch.map(({ item, load: { table } }) => [item, { table: tableName(table) }] as const);
  const sql = [beforeRows(way, checks.join("")), ...copies, behindRows(way, notes)].join("");
  try {
    const texts = batch.map(({ text }) => text);
    way.journal.take(notesOf(await copyMessage(client, sql, texts)));
    return undefined;
  } catch (error) {
    if (sqlState(error) !== "none") await client.query("rollback").catch(() => undefined);
    return reasonOf(error); // throws what no other statement could do
  }
}

/**
 * Sends statements and, without waiting for an answer, the text of each COPY among them. A server that has met an error takes
 * no notice of text that still comes (PostgreSQL's manual, "Message Flow", COPY Operations).
 * @throws the server's error; what reading a text throws
 */
async function copyMessage(client: Client, sql: string, texts: readonly PartText["text"][]): Promise<QueryResult> {
  const answer = Promise.withResolvers<QueryResult>();
  const begun = Promise.withResolvers<Duplex>();
  let answered = false;
  let wake = (): void => {};
  const query = new pg.Query(sql, (error, result) => {
    answered = true;
    wake();
    begun.reject(error);
    if (error) answer.reject(error);
    else answer.resolve(result);
  });
  answer.promise.catch(() => undefined); // told below
  const submit: (typeof query)["submit"] = (connection) => {
    pg.Query.prototype.submit.call(query, connection);
    begun.resolve(connection.stream);
  };
  // The text does not wait for the server to ask for it.
  client.query(Object.assign(query, { submit, handleCopyInResponse: () => undefined }));
  const stream = await begun.promise;
  try {
    for (const text of texts) {
      for await (const chunk of text) {
        if (answered) break;
        stream.write(head("d", chunk.length));
        if (stream.write(chunk)) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
          stream.once("drain", resolve);
        });
        stream.off("drain", wake);
      }
      if (answered) break;
      stream.write(head("c", 0));
    }
  } catch (error) {
    stream.write(Buffer.concat([head("f", 1), Buffer.of(0)]));
    await answer.promise.catch(() => undefined);
    throw error;
  }
  return answer.promise;
}

/** The head of a message: its letter, and its length with the four bytes that say so. */
function head(letter: "c" | "d" | "f", bytes: number): Buffer {
  const made = Buffer.alloc(5, letter);
  made.writeUInt32BE(bytes + 4, 1);
  return made;
}
