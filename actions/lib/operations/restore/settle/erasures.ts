import { z } from "zod";
import { LifeboatError, sqlState } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import type { Difference } from "../../../compare/difference.ts";
import { fingerprintSchema } from "../../../postgres/inventory/model.ts";
import { byTable, type ReplayedTable } from "../../erasures/replay.ts";
import { replayChecked } from "../../erasures/replay-checked.ts";
import { reasonOf } from "../../target/sessions.ts";
import type { DataPlan } from "../plan/plan-data.ts";
import type { Run } from "../plan/run.ts";
import type { Journal } from "../target/journal.ts";

/** The journal's name for what was taken out because it was erased. */
const item = "erasures";

const noteSchema = z.strictObject({
  tables: z.array(
    z.strictObject({ table: z.string(), rows: z.number(), gone: fingerprintSchema, came: fingerprintSchema }),
  ),
});

/** What was taken out of the rows that the set has, by this run and by earlier ones that it has taken up. */
export function erasedTables(journal: Journal): readonly ReplayedTable[] {
  return noteSchema.safeParse(journal.noted(item)).data?.tables ?? [];
}

/**
 * Takes out of the restored rows what was erased since the set was made, before anything is computed from them and before they are
 * proven. What it took is noted in the same transaction.
 * @returns what keeps the restore from being proven
 */
export async function replayErasures(run: Run, { loads }: DataPlan): Promise<Difference[]> {
  const { task, client, facts, journal } = run;
  const { erasures, problem } = task.erasures ?? { erasures: undefined, problem: null };
  const base = { kind: "erasures", identity: "ledger", aspect: "rows" as const };
  if (problem !== null) {
    const detail = "people who were erased may be back";
    return [{ ...base, detail, verdict: "unverified", why: problem }];
  }
  if (erasures === undefined) return [];
  const hashed = [...loads.values()].map(({ table, keep }) => ({
    ...{ schema: table.schema, name: table.name },
    columns: keep === undefined ? table.columns : keep.map((place) => table.columns[place] ?? ""),
  }));
  await client.query(
    `begin; set local search_path = pg_catalog;${facts.mayReplicate ? " set local session_replication_role = replica" : ""}`,
  );
  try {
    const { done, dangling } = await replayChecked(client, erasures, task.open.manifest.snapshotAt, hashed);
    await journal.note(client, item, { tables: byTable([...erasedTables(journal), ...done]).map(plain) });
    await client.query("commit");
    return dangling.map(({ key, rows }) => ({
      ...{ kind: "table constraint", identity: key, aspect: "reference", verdict: "failed" },
      detail: `${countOf(rows, "row")} refer to rows that were erased`,
      why: "the policy's rules do not reach these rows: they may be of the same people",
    }));
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    if (!(error instanceof LifeboatError) && sqlState(error) === "none") throw error;
    const why = error instanceof LifeboatError ? error.message : `the server refused it (${reasonOf(error)})`;
    return [{ ...base, detail: "people who were erased are back", verdict: "failed", why }];
  }
}

const plain = ({ table, rows, gone, came }: ReplayedTable): ReplayedTable => ({ table, rows, gone, came });
