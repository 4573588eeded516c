import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../runtime/errors.ts";
import { type Fingerprint, fingerprintSchema } from "../source/inventory/model.ts";
import { notesSchema } from "../source/own-schemas.ts";

const table = `${notesSchema}.journal`;

/**
 * Notes what of a restore is done, inside the same transactions that do it: a run that was interrupted is taken up where
 * it stopped, and no row is loaded twice.
 */
export class Journal {
  readonly resumed: boolean;
  readonly #done: Map<string, unknown>;

  private constructor(resumed: boolean, done: Map<string, unknown>) {
    this.resumed = resumed;
    this.#done = done;
  }

  /** Reads the notes of an earlier run without writing any; undefined when there are none. */
  static async find(client: Client): Promise<{ set: string; done: Map<string, unknown> } | undefined> {
    const exists = await client.query("select to_regclass($1) is not null as found", [table]);
    if (exists.rows[0]?.found !== true) return undefined;
    const answer = await client.query(`select item, note from ${table}`);
    const rows = z.array(z.strictObject({ item: z.string(), note: z.unknown() })).parse(answer.rows);
    const done = new Map(rows.map((row) => [row.item, row.note]));
    return { set: z.string().parse(done.get("set")), done };
  }

  /**
   * Begins the notes, or takes up those of an earlier run of the same set.
   * @throws ConfigurationError `target-half-restored` when the target holds a part of another set
   */
  static async open(client: Client, set: string): Promise<Journal> {
    const earlier = await Journal.find(client);
    if (earlier !== undefined) {
      if (earlier.set !== set) {
        throw new ConfigurationError(
          "target-half-restored",
          `The target holds an unfinished restore of set ${earlier.set}.`,
          `Finish it with \`lifeboat restore ${earlier.set}\`, or restore into a new project or an empty database.`,
        );
      }
      return new Journal(true, earlier.done);
    }
    await client.query(
      `begin; create schema ${notesSchema};
       revoke all on schema ${notesSchema} from public;
       create table ${table} (item text primary key, note jsonb not null, at timestamptz not null default now());
       alter table ${table} enable row level security;
       revoke all on ${table} from public;`,
    );
    await client.query(`insert into ${table} (item, note) values ('set', to_jsonb($1::text))`, [set]);
    await client.query("commit");
    return new Journal(false, new Map());
  }

  isDone(item: string): boolean {
    return this.#done.has(item);
  }

  /**
   * A fingerprint that was noted when a table was loaded: `fingerprint`, of the rows as they came, where they were changed
   * in the same transaction; `reduced`, of what the set has for the columns that the target has too.
   */
  fingerprint(item: string, which: "fingerprint" | "reduced"): Fingerprint | undefined {
    const note = this.#done.get(item);
    const found = fingerprintSchema.safeParse(z.record(z.string(), z.unknown()).safeParse(note).data?.[which]);
    return found.success ? found.data : undefined;
  }

  /** What was switched off as it came, by the ids that it has in the target. */
  quieted(item: string): string[] {
    return z.object({ quieted: z.array(z.string()) }).safeParse(this.#done.get(item)).data?.quieted ?? [];
  }

  /** Writes the note in the client's current transaction: it holds if and only if that commits. */
  async note(client: Client, item: string, note: Record<string, unknown> = {}): Promise<void> {
    await client.query(
      `insert into ${table} (item, note) values ($1, $2) on conflict (item) do update set note = excluded.note`,
      [item, JSON.stringify(note)],
    );
    this.#done.set(item, note);
  }

  /** Takes the notes out of the target. */
  static async remove(client: Client): Promise<void> {
    await client.query(`drop table if exists ${table}; drop schema if exists ${notesSchema}`);
  }
}
