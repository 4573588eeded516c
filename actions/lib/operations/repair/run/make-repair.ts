import { writeFile } from "node:fs/promises";
import { ConfigurationError, errorCode } from "../../../base/errors.ts";
import { countOf } from "../../../base/measures.ts";
import { refsOfDatabase } from "../../../config/environment.ts";
import { Sessions } from "../../../postgres/connect/connect.ts";
import { newSetId } from "../../../vault/format/manifest.ts";
import type { PlanRecord } from "../../../vault/repairs/records.ts";
import { openBody, type RepairVault, repairKey } from "../../../vault/repairs/store.ts";
import { parseTable } from "../../compare/live-table.ts";
import type { Context } from "../../context.ts";
import type { FilesResult } from "../../restore-files/files-result.ts";
import { targetConnector } from "../../target/sessions.ts";
import type { LeftRow } from "../apply/outcomes.ts";
import { listFormat } from "../change-list.ts";
import { makePlan, type TablePlan } from "../plan/make-plan.ts";
import { selectionInWords } from "../plan/selection.ts";
import { keepPlan } from "../stored-list.ts";
import { readSelection, type SelectionInputs } from "./choose.ts";
import type { Sides } from "./sides.ts";

export interface Choice extends SelectionInputs {
  readonly table: string;
  readonly damaged?: string | undefined;
  readonly follow: boolean;
  readonly expectRows?: number | undefined;
}

export interface Planned {
  readonly tables: readonly TablePlan[];
  readonly conflicts: readonly LeftRow[];
  /** How many rows change. */
  readonly rows: number;
  /** As it lies sealed in the vault; undefined where nothing is to be changed. */
  readonly record: PlanRecord | undefined;
  /** What a rehearsal has found of the files that go with the rows. */
  readonly files?: FilesResult | undefined;
}

/**
 * Plans a repair and keeps the plan, sealed, in the vault. The target is only read.
 * @throws ConfigurationError `rows-unexpected`, and as `makePlan`; OperationError as `keepPlan`
 */
export async function makeRepair(context: Context, sides: Sides, store: RepairVault, choice: Choice): Promise<Planned> {
  const { log, signal } = context;
  const config = context.config("target");
  const { selection, keys } = readSelection(choice);
  await using sessions = new Sessions(targetConnector(config, "repair", { log, signal }), signal);
  const plan = await makePlan({
    ...{ connect: () => sessions.open(), prepare: sides.prepare, table: parseTable(choice.table) },
    ...{ selection, keys, isThreeWay: sides.isThreeWay, follow: choice.follow },
  });
  const { tables, conflicts } = plan;
  const rows = tables.reduce((sum, { updates, inserts, deletes }) => sum + updates + inserts + deletes, 0);
  const { expectRows } = choice;
  if (expectRows !== undefined && expectRows !== rows) {
    throw new ConfigurationError(
      "rows-unexpected",
      `${countOf(rows, "row")} would change, not ${expectRows}.`,
      "Nothing was changed. Look at the plan again: --dry-run.",
    );
  }
  if (rows === 0) return { tables, conflicts, rows, record: undefined };
  const words = selectionInWords(choice.table, { ...selection, keys: undefined }, choice.damaged);
  const header = {
    ...({ format: listFormat, id: newSetId(new Date()), kind: "plan", of: null } as const),
    ...{ project: refsOfDatabase(config.target)[0] ?? null, sets: [...sides.sets], madeAt: new Date().toISOString() },
    ...{ selection: words, tables: [...plan.listed] },
  };
  return { tables, conflicts, rows, record: await keepPlan(store, header, plan.lines()) };
}

/** Writes a plan, with the values that it holds, into a new file that only this person may read. @throws ConfigurationError `plan-file` */
export async function writePlan(store: RepairVault, record: PlanRecord, path: string): Promise<void> {
  const session = await repairKey(store.vault, { plan: record, keys: undefined }, store.key);
  try {
    await writeFile(path, openBody(store.vault, record.id, record.body, session, store.signal), {
      mode: 0o600,
      flag: "wx",
    });
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    throw new ConfigurationError(
      "plan-file",
      `The plan cannot be written into that file (${errorCode(error)}).`,
      "Give --plan a path where no file is yet. The plan itself lies sealed in the vault.",
    );
  }
}
