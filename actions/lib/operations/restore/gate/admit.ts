import type { Client } from "pg";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { refuseWithoutWebhooks } from "../../../supabase/platform/platform.ts";
import { inspectTarget, type TargetFacts } from "../../target/target.ts";
import type { RestoreTask } from "../plan/run.ts";
import { Journal } from "../target/journal.ts";
import { refuseOccupied, takeAutomaticRls } from "./occupants.ts";
import { admitResumed } from "./resume-gate.ts";

/** The gates: what the target is, and whether anything is in it that a restore would mix with. */
export async function admit(task: RestoreTask, client: Client, source: Inventory): Promise<TargetFacts> {
  const facts = await inspectTarget(client, source.serverMajor);
  const earlier = await Journal.find(client);
  if (earlier === undefined) {
    await refuseOccupied(client, facts, { roles: source.roles });
    if (facts.supabase) refuseWithoutWebhooks(source, facts.inventory);
    return takeAutomaticRls(client, facts, task);
  }
  earlier.refuseOther(task.open.set);
  await admitResumed(client, earlier, facts.inventory, source);
  task.log.info(`Taking up the interrupted restore of set ${earlier.set}.`);
  return facts;
}
