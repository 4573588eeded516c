import { refsOfDatabase } from "../../../config/environment.ts";
import { newSetId } from "../../../vault/format/manifest.ts";
import type { VerifySignature } from "../../../vault/published/signed-manifest.ts";
import { type PlanRecord, readRepairs } from "../../../vault/repairs/records.ts";
import type { RepairVault } from "../../../vault/repairs/store.ts";
import type { Context } from "../../context.ts";
import { targetConnector } from "../../target/sessions.ts";
import { planUndo } from "../apply/plan-undo.ts";
import { placeOf } from "../apply/settle.ts";

/** Makes the plan that takes a repair of the target back. @throws as `planUndo` and `placeOf` */
export async function makeUndo(
  context: Context,
  store: RepairVault,
  verify: VerifySignature,
  id: string,
): Promise<PlanRecord> {
  const client = await targetConnector(context.config("target"), "repair", context)();
  const here = await placeOf(client, refOf(context)).finally(() => client.end().catch(() => undefined));
  const { repairs } = await readRepairs(store.vault, verify, id);
  return planUndo(store, repairs, here, { id, as: newSetId(new Date()) });
}

/** The target's project, where one is known. */
export const refOf = (context: Context): string | null => refsOfDatabase(context.config("target").target)[0] ?? null;
