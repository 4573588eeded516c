import { LifeboatError, sqlState } from "../../../base/errors.ts";
import { countOf, few } from "../../../base/measures.ts";
import { isErased } from "../../../vault/erasures/entries.ts";
import type { Context } from "../../context.ts";
import { refreshViewsOf } from "../../erase/refresh-views.ts";
import { erasuresOf } from "../../erasures/open-erasures.ts";
import { replayChecked } from "../../erasures/replay-checked.ts";
import { connectAsOwner } from "./owner-session.ts";
import type { InPlace } from "./place.ts";
import type { FilesTold } from "./reconcile-files.ts";
import type { Known } from "./work.ts";

/** What became of the erasures since the moment. */
export interface ErasuresTold {
  /** Undefined: nobody was ever erased. */
  readonly sentence: string | undefined;
  readonly wrong: boolean;
}

/**
 * A recovery to a moment brings back who was erased since: they are taken out again, in one transaction, triggers off. Never fails: what
 * could not be done is told.
 */
export async function replayInside(context: Context, known: Known, { api, ref }: InPlace): Promise<ErasuresTold> {
  try {
    const { erasures, problem } = await erasuresOf(context);
    if (problem !== null) return wrong(problem);
    if (erasures === undefined) return { sentence: undefined, wrong: false };
    const client = await connectAsOwner(api, ref, context.env, "erase");
    try {
      await client.query(
        "begin; set local search_path = pg_catalog; set local session_replication_role = replica; set local statement_timeout = 0",
      );
      const { done, dangling } = await replayChecked(client, erasures, new Date(known.unix * 1000).toISOString());
      if (dangling.length > 0)
        return wrong(`Rows would refer to rows that were erased: ${few(dangling.map(({ key }) => key))}.`);
      await client.query("commit");
      const tables = erasures.entries.filter(isErased).flatMap(({ rules }) => rules.map(({ table }) => table));
      const stale = await refreshViewsOf(client, [...new Set(tables)]);
      if (stale.length > 0) return wrong(`Materialised views hold copies still: ${few(stale)}.`);
      const rows = done.reduce((sum, one) => sum + one.rows, 0);
      return {
        sentence: `${countOf(rows, "row")} of people who were erased since were taken out again.`,
        wrong: false,
      };
    } finally {
      await client.end().catch(() => undefined);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof LifeboatError) return wrong(error.message);
    if (sqlState(error) === "none") throw error;
    return wrong(`The database refused it (${sqlState(error)}).`);
  }
}

/** Said with the files: what may be back that must not be is as wrong as what is not back. */
export function withErasures(files: FilesTold, { sentence, wrong }: ErasuresTold): FilesTold {
  if (sentence === undefined) return files;
  return { ...files, sentence: `${sentence} ${files.sentence}`, wrong: files.wrong || wrong };
}

const wrong = (why: string): ErasuresTold => ({
  sentence: `PEOPLE WHO WERE ERASED MAY BE BACK: ${why}`,
  wrong: true,
});
