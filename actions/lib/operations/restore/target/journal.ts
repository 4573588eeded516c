import { createHash } from "node:crypto";
import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../../base/errors.ts";
import { quoteLiteral, tableName } from "../../../postgres/identifier.ts";
import {
  type Fingerprint,
  fingerprintSchema,
  type Inventory,
  type InventoryObject,
  sumOf,
} from "../../../postgres/inventory/model.ts";
import { grantText, objectKey } from "../../../postgres/inventory/object-query.ts";
import { isOwnObject, notesSchema, stagingSchema } from "../../../postgres/platform-owned.ts";

/** What a target was at one moment, small enough for the notes: every object by a digest, every sequence by its value. */
export const targetStateSchema = z.strictObject({
  objects: z.record(z.string(), z.string()),
  sequences: z.record(z.string(), z.strictObject({ lastValue: z.string(), isCalled: z.boolean() })),
});
export type TargetState = z.infer<typeof targetStateSchema>;

/** An extension's members come and go with it, and our own notes are no part of the target. */
export function stateOf(inventory: Inventory): TargetState {
  return {
    objects: Object.fromEntries(
      inventory.objects
        .filter((object) => object.extension === null && !isOwnObject(object) && !isDaily(object))
        .map((object) => [objectKey(object), digestOf(object)]),
    ),
    sequences: Object.fromEntries(
      inventory.sequences.map((one) => [tableName(one), { lastValue: one.lastValue, isCalled: one.isCalled }]),
    ),
  };
}

/** Supabase's realtime server makes and drops a partition of its messages each day. */
function isDaily({ schema, identity }: InventoryObject): boolean {
  return schema === "realtime" && /\brealtime\.messages_\d/.test(identity);
}

/** What an object is, whose it is, and who may use it; who gave a right is left out, as a comparison does. */
export function digestOf(object: InventoryObject): string {
  const grants = (object.grants ?? []).map(grantText).sort();
  const text = JSON.stringify([object.definition, object.owner, grants, object.comment]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** An event trigger that sleeps until the restore is finished, by its name as statements have it, and how it fired. */
const asleepSchema = z.array(
  z.strictObject({
    name: z.string().regex(/^(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)$/),
    state: z.enum(["enabled", "always", "replica", "disabled"]),
  }),
);
export type Asleep = z.infer<typeof asleepSchema>[number];

const asleepItem = "event triggers";

const asleepOf = (done: ReadonlyMap<string, unknown>): Asleep[] =>
  z.object({ asleep: asleepSchema }).safeParse(done.get(asleepItem)).data?.asleep ?? [];

const table = `${notesSchema}.journal`;

/** Condition that a row, its `xmin` as text, came in none of the transactions that are noted: in the same snapshot as its note. */
export function isForeign(xmin: string): string {
  return `${xmin} <> all (array(select note->>'transaction' from ${table} where note->>'transaction' is not null))`;
}

/**
 * Notes what of a restore is done, inside the same transactions that do it: a run that was interrupted is taken up where
 * it stopped, and no row is loaded twice.
 */
export class Journal {
  readonly set: string;
  /** Whether the notes are an earlier run's. */
  readonly resumed: boolean;
  /** How long ago the last note was written, by the target's clock. */
  readonly ageSeconds: number;
  readonly #done: Map<string, unknown>;

  private constructor(set: string, resumed: boolean, ageSeconds: number, done: Map<string, unknown>) {
    this.set = set;
    this.resumed = resumed;
    this.ageSeconds = ageSeconds;
    this.#done = done;
  }

  /** Notes that are in no database: for a comparison without a restore. */
  static unwritten(set: string, done: ReadonlyMap<string, unknown>): Journal {
    return new Journal(set, false, 0, new Map(done));
  }

  /** Reads the notes of an earlier run without writing any; undefined when there are none. */
  static async find(client: Client): Promise<Journal | undefined> {
    const exists = await client.query("select to_regclass($1) is not null as found", [table]);
    if (exists.rows[0]?.found !== true) return undefined;
    const answer = await client.query(
      `select item, note, extract(epoch from now() - max(at) over ())::float8 as age from ${table}`,
    );
    const rows = z.array(z.strictObject({ item: z.string(), note: z.unknown(), age: z.number() })).parse(answer.rows);
    const done = new Map(rows.map((row) => [row.item, row.note]));
    return new Journal(z.string().parse(done.get("set")), true, rows[0]?.age ?? 0, done);
  }

  /**
   * Begins the notes, or takes up those of an earlier run of the same set.
   * @param before what the target is now, for a run that may have to take this one up
   * @param unmark takes the marker of staging away in the first transaction
   * @throws ConfigurationError `target-half-restored` when the target holds a part of another set
   */
  static async open(client: Client, set: string, before: TargetState, unmark = false): Promise<Journal> {
    const first = unmark ? `drop schema if exists ${stagingSchema} cascade;` : "";
    const earlier = await Journal.find(client);
    if (earlier !== undefined) {
      earlier.refuseOther(set);
      // From here on nobody knows how far this run has come, until it ends by itself.
      await client.query(`begin; ${first} delete from ${table} where item = 'end'; commit`);
      earlier.#done.delete("end");
      return earlier;
    }
    await client.query(
      `begin; ${first} create schema ${notesSchema};
       revoke all on schema ${notesSchema} from public;
       create table ${table} (item text primary key, note jsonb not null, at timestamptz not null default now());
       alter table ${table} enable row level security;
       revoke all on ${table} from public;`,
    );
    await client.query(`insert into ${table} (item, note) values ('set', to_jsonb($1::text)), ('before', $2)`, [
      set,
      JSON.stringify(before),
    ]);
    await client.query("commit");
    return new Journal(set, false, 0, new Map([["before", before]]));
  }

  /** @throws ConfigurationError `target-half-restored` */
  refuseOther(set: string): void {
    if (this.set === set) return;
    throw new ConfigurationError(
      "target-half-restored",
      `The target holds an unfinished restore of set ${this.set}.`,
      `Finish it with \`lifeboat restore ${this.set}\`, or restore into a new project or an empty database.`,
    );
  }

  /** What the target was before anything was written; undefined in notes of an older version. */
  get before(): TargetState | undefined {
    return targetStateSchema.safeParse(this.#done.get("before")).data;
  }

  /** What the target was when the last run ended by itself. */
  get end(): TargetState | undefined {
    return targetStateSchema.safeParse(this.#done.get("end")).data;
  }

  /** Notes what the target is when a run ends and its notes stay. */
  async noteEnd(client: Client, end: TargetState): Promise<void> {
    await this.note(client, "end", end);
  }

  /** Numbers of the transactions that brought rows, as `xmin` shows them. */
  transactions(): string[] {
    const numbered = z.object({ transaction: z.string() });
    return [...new Set([...this.#done.values()].flatMap((note) => numbered.safeParse(note).data?.transaction ?? []))];
  }

  /** Everything that is noted, by name. */
  items(): string[] {
    return [...this.#done.keys()];
  }

  noted(item: string): unknown {
    return this.#done.get(item);
  }

  isDone(item: string): boolean {
    return this.#done.has(item);
  }

  /**
   * What was noted when a table was loaded, of all its parts together: `fingerprint`, of the rows as they came, where they were
   * changed in the same transaction; `reduced`, of what the set has for the columns that the target has too.
   * @param items of the table's parts
   */
  fingerprint(items: readonly string[], which: "fingerprint" | "reduced"): Fingerprint | undefined {
    const found = items.flatMap((item) => {
      const note = z.record(z.string(), z.unknown()).safeParse(this.#done.get(item)).data;
      return fingerprintSchema.safeParse(note?.[which]).data ?? [];
    });
    return found.length === 0 ? undefined : sumOf(found);
  }

  /** What was switched off as it came, by the ids that it has in the target. */
  quieted(item: string): string[] {
    return z.object({ quieted: z.array(z.string()) }).safeParse(this.#done.get(item)).data?.quieted ?? [];
  }

  /** Writes the note in the client's current transaction: it holds if and only if that commits. */
  async note(client: Client, item: string, note: object = {}): Promise<void> {
    await client.query(
      `insert into ${table} (item, note) values ($1, $2) on conflict (item) do update set note = excluded.note, at = now()`,
      [item, JSON.stringify(note)],
    );
    this.#done.set(item, note);
  }

  /**
   * The statement that writes notes, each with the number of the transaction that it is in; what it returns goes to `take`.
   * Under search path pg_catalog.
   */
  noteStatement(notes: readonly (readonly [item: string, note: object])[]): string {
    const values = notes.map(([item, note]) => `(${quoteLiteral(item)}, ${quoteLiteral(JSON.stringify(note))}::jsonb)`);
    return `with n as (select jsonb_build_object('transaction', pg_current_xact_id()::xid::text) as note)
      insert into ${table} (item, note) select v.item, v.note || n.note from n, (values ${values.join(", ")}) v (item, note)
      on conflict (item) do update set note = excluded.note, at = now() returning item, note;\n`;
  }

  /** Takes over what `noteStatement` has returned. */
  take(rows: readonly unknown[]): void {
    for (const { item, note } of z.array(z.strictObject({ item: z.string(), note: z.unknown() })).parse(rows)) {
      this.#done.set(item, note);
    }
  }

  /** What the target was when the last run ended does not hold any more. */
  async forgetEnd(client: Client): Promise<void> {
    await client.query(`delete from ${table} where item = 'end'`);
    this.#done.delete("end");
  }

  get asleep(): readonly Asleep[] {
    return asleepOf(this.#done);
  }

  /** Adds to those that `finish` wakes. */
  async noteAsleep(client: Client, some: readonly Asleep[]): Promise<void> {
    const others = this.asleep.filter(({ name }) => !some.some((one) => one.name === name));
    await this.note(client, asleepItem, { asleep: [...others, ...some] });
  }
}
