import type { Client } from "pg";
import { describeCode, LifeboatError, OperationError } from "../../../base/errors.ts";
import type { Track } from "../../../base/log.ts";
import type { LargeObjectLine } from "../../../postgres/rows/large-objects.ts";
import type { Journal } from "../target/journal.ts";

/** So many objects and the note of them are there together, or not at all. */
const together = 1000;
/** Text that goes in one message. */
const messageBytes = 1_048_576;

/**
 * Makes large objects under their own OIDs and fills them. Owner, grants and comment follow with those of all objects.
 *
 * @param lines of their file, which stand for nothing but such objects
 * @throws OperationError `large-object-failed`, and what `lines` throws
 */
export async function loadLargeObjects(
  journal: Journal,
  client: Client,
  lines: AsyncIterable<LargeObjectLine>,
  track: Track,
): Promise<void> {
  let begun = 0;
  let batch: Batch | undefined;
  try {
    for await (const line of lines) {
      if (line.bytes === undefined) {
        if (begun % together === 0) {
          await batch?.commit();
          batch = new Batch(client, journal, `large objects ${begun / together}`);
        }
        begun += 1;
        track.note(`large object ${line.oid}`);
      } else track.advance({ bytes: line.bytes.length });
      await batch?.add(line);
    }
    await batch?.commit();
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

/** One transaction. What the journal knows is passed over. */
class Batch {
  readonly #client: Client;
  readonly #journal: Journal;
  readonly #item: string;
  readonly #isDone: boolean;
  #statements: string[] = ["begin;"];
  #bytes = 0;
  #last = "";

  constructor(client: Client, journal: Journal, item: string) {
    this.#client = client;
    this.#journal = journal;
    this.#item = item;
    this.#isDone = journal.isDone(item);
  }

  async add({ oid, sql }: LargeObjectLine): Promise<void> {
    if (this.#isDone) return;
    this.#statements.push(sql);
    this.#bytes += sql.length;
    this.#last = oid;
    if (this.#bytes >= messageBytes) await this.#send();
  }

  async commit(): Promise<void> {
    if (this.#isDone) return;
    await this.#send();
    await this.#journal.note(this.#client, this.#item);
    await this.#client.query("commit");
  }

  async #send(): Promise<void> {
    const text = this.#statements.join("\n");
    this.#statements = [];
    this.#bytes = 0;
    try {
      if (text !== "") await this.#client.query(text);
    } catch (error) {
      if (error instanceof LifeboatError) throw error;
      throw new OperationError(
        "large-object-failed",
        `Large objects up to ${this.#last} could not be written to the target (${describeCode(error)}).`,
        "Empty the target and restore again.",
      );
    }
  }
}
