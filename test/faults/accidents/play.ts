import type { Client } from "pg";
import { withClient } from "../../lab/index.ts";
import { randomFrom } from "../../lab/random.ts";
import { Honest, newCourse, type Write, writeBoth } from "./honest.ts";
import { type Kind, kinds, rowConditions } from "./kinds.ts";
import { judgeRepair, sameState, type Verdict } from "./oracle.ts";
import { brokenIn, readState, refill, type Shop } from "./scene.ts";

/** How the accident came: at once, each row in a transaction of its own, or each under a savepoint. */
export const forms = ["at once", "row by row", "savepoints"] as const;
export type Form = (typeof forms)[number];

export interface Accident {
  readonly seed: number;
  readonly kind: Kind;
  readonly form: Form;
  readonly way: Way;
}

/** How a person tells what was damaged: by its transactions, by a set that was taken right after, or by both. */
export const ways = ["transactions", "damaged", "both"] as const;
export type Way = (typeof ways)[number];

/** The accident of a seed: each kind comes in turn, in each form. */
export function accidentOf(seed: number): Accident {
  const kind = kinds[seed % kinds.length] as Kind;
  const form = forms[Math.floor(seed / kinds.length + seed) % forms.length] as Form;
  const way = ways[Math.floor(seed / (kinds.length * forms.length) + seed / 2) % ways.length] as Way;
  if (kind.threeWayOnly === true) return { seed, kind, form, way: "damaged" };
  // Rows that people have added before lie among those that the accident has: only its transactions tell them apart.
  return { seed, kind, form, way: kind.chosen === "added" && way === "damaged" ? "both" : way };
}

export interface Repaired {
  /** By table: keys of its rows, as the oracle writes them. */
  readonly named: ReadonlyMap<string, ReadonlySet<string>>;
  /** Rows that the plan says it changes, by `table.column`, and `table rows` that come or go. */
  readonly counted: ReadonlyMap<string, number>;
  undo(): Promise<void>;
  redo(): Promise<void>;
}

export interface Tools {
  readonly shop: Shop;
  readonly twin: Shop;
  /** A set of the shop as `refill` leaves it. */
  readonly base: string;
  /** A set of the shop as it is. */
  backUp(): Promise<string>;
  repair(order: {
    readonly kind: Kind;
    readonly good: string;
    readonly damaged: string | undefined;
    readonly transactions: readonly string[];
  }): Promise<Repaired>;
}

/** What went wrong, in words; none: everything is as it has to be. */
export interface Played extends Verdict {
  readonly accident: string;
}

export async function play(accident: Accident, tools: Tools): Promise<Played> {
  const { shop, twin } = tools;
  const random = randomFrom(accident.seed);
  await Promise.all([refill(shop), refill(twin)]);
  const base = await readState(shop);
  return withClient(shop.url, (one) =>
    withClient(twin.url, async (other) => {
      const both = [one, other];
      const writes = (honest: Honest, count: number): Write[] => Array.from({ length: count }, () => honest.any());
      const first = new Honest(random, base, base, 1000);
      await writeBoth(both, writes(first, 12), "2026-02-01 00:00Z");
      const before = await readState(twin);
      const transactions = await happen(one, accident, async () => {
        if (accident.kind.chosen !== "missing" && random() < 0.1)
          await writeBoth(both, [first.bookmark()], "2026-02-03 00:00Z");
      });
      const damaged = accident.way !== "transactions" ? await tools.backUp() : undefined;
      if (accident.kind.name === "re-used keys") await reuse(one, other);
      const since = new Honest(random, await readState(shop), await readState(twin), 3000);
      await writeBoth(both, writes(since, 30), "2026-02-04 00:00Z");
      await one.query("delete from public.calls");

      const hurt = await readState(shop);
      const { kind } = accident;
      const repaired = await tools.repair({
        kind,
        good: tools.base,
        damaged,
        transactions: accident.way === "damaged" ? [] : transactions,
      });
      const found = await readState(shop);
      const verdict = judgeRepair({ base, before, right: await readState(twin), found, named: repaired.named });
      const wrong = [...verdict.wrong];
      for (const [what, count] of verdict.lost) {
        if (count > (repaired.counted.get(what) ?? 0))
          wrong.push(`${what}: ${count} edits from before the accident are lost uncounted`);
      }
      const { orphans, calls } = await brokenIn(shop);
      if (orphans > 0) wrong.push(`${orphans} rows point at nothing`);
      if (calls > 0) wrong.push(`${calls} calls went out`);
      if (sameState(found, hurt)) wrong.push("nothing was repaired");
      await repaired.undo();
      if (!sameState(await readState(shop), hurt)) wrong.push("the undo does not give what was there");
      await repaired.redo();
      if (!sameState(await readState(shop), found)) wrong.push("the redo does not give what was repaired");
      const { seed, form, way } = accident;
      const name = `seed ${seed}, ${kind.name}, ${form}, told by ${way}`;
      return { ...verdict, wrong, accident: name };
    }),
  );
}

/** @returns numbers that the rows it has written bear */
async function happen(client: Client, { kind, form }: Accident, between: () => Promise<void>): Promise<string[]> {
  const own = async () =>
    (await client.query<{ id: string }>("select pg_current_xact_id()::xid::text as id")).rows[0]?.id ?? "";
  await client.query("set shop.clock = '2026-02-02 00:00Z'");
  const transactions: string[] = [];
  if (form === "row by row") {
    for (const row of rowConditions(kind.table)) {
      await client.query("begin");
      transactions.push(await own());
      await client.query("set local shop.clock = '2026-02-02 00:00Z'");
      await client.query(kind.statement(row));
      await client.query("commit");
      await between();
    }
    return transactions;
  }
  await client.query("begin");
  const top = await own();
  if (form === "at once") await client.query(kind.statement("true"));
  else
    for (const row of rowConditions(kind.table)) {
      await client.query("savepoint one");
      await client.query(kind.statement(row));
      await client.query("release one");
    }
  const written = await client.query<{ id: string }>(
    `select distinct xmin::text as id from public.${kind.table} where xmin::text::int8 >= $1::int8`,
    [top],
  );
  await client.query("commit");
  return [top, ...written.rows.map(({ id }) => id).filter((id) => id !== top)];
}

/** People give keys again that the accident has set free: in the twin they were never free. */
async function reuse(shop: Client, twin: Client): Promise<void> {
  for (const id of [6, 7]) {
    await writeBoth([shop], [{ sql: newCourse(id, `again ${id}`) }], "2026-02-03 12:00Z");
    await writeBoth(
      [twin],
      [{ sql: `delete from public.courses where id = ${id}` }, { sql: newCourse(id, `again ${id}`) }],
      "2026-02-03 12:00Z",
    );
  }
}
