import type { Client } from "pg";
import { readTarget, refsOfDatabase } from "../../../config/environment.ts";
import { Problems } from "../../../config/problems.ts";
import { Sessions } from "../../../postgres/connect/connect.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { objectStates } from "../../../vault/bucket/thaw.ts";
import { announceUse } from "../../../vault/holds/uses.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { type OpenSet, openSet } from "../../../vault/sets/open-set.ts";
import type { Difference } from "../../compare/difference.ts";
import { databaseSide, type GoodSide, setSide } from "../../compare/good-side.ts";
import { readLiveTable } from "../../compare/live-table.ts";
import { prepareDifference } from "../../compare/prepare-difference.ts";
import type { Context } from "../../context.ts";
import { erasedTaker } from "../../erasures/erased-rows.ts";
import { targetConnector } from "../../target/sessions.ts";
import { refuseFrozen } from "../../thaw/thaw-set.ts";
import type { Place } from "../plan/follow.ts";

/** Where the good rows are, and the damaged ones where somebody has kept them. */
export interface Sides extends AsyncDisposable {
  /** Ids of the sets: the good one first. */
  readonly sets: readonly string[];
  /** Whose rows the set has. */
  readonly projectRef: string | null;
  readonly snapshotAt: string | undefined;
  readonly isThreeWay: boolean;
  /** Lays them beside the live table: see `prepareDifference`. */
  prepare(client: Client, table: Place, where: string | undefined): Promise<Difference>;
}

export interface SidesWanted {
  readonly set: string | undefined;
  readonly damaged: string | undefined;
  /** Name of a target, in the set's place. */
  readonly goodTarget: string | undefined;
}

/** Rows that differ take their place on the target's disk for the time of the plan. */
const mostBytes = 16 * 1024 ** 3;

/** @throws ConfigurationError as `openSet`, `readTarget`, and `connect` */
export async function openSides(context: Context, wanted: SidesWanted): Promise<Sides> {
  const closing = new AsyncDisposableStack();
  try {
    const good = wanted.set === undefined ? undefined : await openRows(context, wanted.set, closing);
    const damaged = wanted.damaged === undefined ? undefined : await openRows(context, wanted.damaged, closing);
    const other = wanted.goodTarget === undefined ? undefined : await openDatabase(context, wanted.goodTarget, closing);
    const side = async (table: Place): Promise<GoodSide> => {
      if (good !== undefined) return sideOf(vault, good, table);
      if (other === undefined) throw new Error("Neither a set nor a database has the good rows.");
      return databaseSide(other.client, await readLiveTable(other.client, table), `target ${wanted.goodTarget}`);
    };
    const vault = await context.vault();
    const withoutErased = await erasedTaker(context, good?.open.manifest.snapshotAt);
    const closer = closing.move();
    return {
      sets: [good, damaged].flatMap((one) => one?.open.set ?? []),
      projectRef: good?.open.manifest.source.projectRef ?? other?.ref ?? null,
      snapshotAt: good?.open.manifest.snapshotAt,
      isThreeWay: damaged !== undefined,
      prepare: async (client, table, where) =>
        prepareDifference(client, {
          ...{ table, where, mostBytes, good: await side(table) },
          ...(damaged && { damaged: await sideOf(vault, damaged, table) }),
          ...(withoutErased && { without: withoutErased(table) }),
        }),
      [Symbol.asyncDispose]: () => closer.disposeAsync(),
    };
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

interface OpenRows {
  readonly open: OpenSet;
  readonly inventory: Inventory;
}

/** Once it is known that they can be read. @throws ConfigurationError when a part lies in Glacier, and as `setSide` */
async function sideOf(vault: Vault, { open, inventory }: OpenRows, table: Place): Promise<GoodSide> {
  const side = setSide(open, inventory, table);
  const needed = open.manifest.artifacts.filter(({ name }) => side.artifacts.has(name));
  refuseFrozen(open.set, await objectStates(vault, open.prefix, needed));
  return side;
}

async function openRows(context: Context, ref: string, closing: AsyncDisposableStack): Promise<OpenRows> {
  const { log } = context;
  const vault = await context.vault();
  const keys = { trustedSigners: await context.signers(), privateKey: await context.openingKey() };
  const open = await openSet(vault, ref, { ...keys, passedOver: log.warn });
  closing.use(await announceUse(vault, { set: open.set, operation: "repair" }, log));
  return { open, inventory: await open.inventory() };
}

async function openDatabase(context: Context, name: string, closing: AsyncDisposableStack) {
  const { log, signal, env } = context;
  const config = context.config("target");
  const problems = new Problems();
  const target = readTarget(env, config.policy, name, problems);
  problems.throwIfAny();
  if (target === undefined) throw new Error("A target that cannot be read is a problem.");
  const sessions = closing.use(new Sessions(targetConnector({ ...config, target }, "repair", { log, signal }), signal));
  const client = await sessions.open();
  await client.query("begin isolation level repeatable read read only; set local row_security = off");
  return { client, ref: refsOfDatabase(target)[0] ?? null };
}
