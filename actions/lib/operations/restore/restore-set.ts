import type { Client } from "pg";
import { Stages } from "../../base/flow/stages.ts";
import { outcomeOf } from "../../compare/difference.ts";
import { Sessions } from "../../postgres/connect/connect.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import { brokenOff } from "../target/sessions.ts";
import { admit } from "./gate/admit.ts";
import { load } from "./load/load.ts";
import { makeRoom } from "./load/make-room.ts";
import { planSchema, readSchema } from "./plan/plan.ts";
import type { RestoreTask, Run } from "./plan/run.ts";
import { dumpClient } from "./plan/steps.ts";
import { proveRestored } from "./proof/prove-restored.ts";
import { whatRunsAs } from "./quiet/may-call-out.ts";
import { planQuiet, refuseSpeakingKeys } from "./quiet/outbound.ts";
import { afterwards, dryRunResult, type RestoreResult, resultHeading } from "./result.ts";
import { finishRestore } from "./settle/event-triggers.ts";
import { settle, settleRoles } from "./settle/settle.ts";
import { Journal, stateOf } from "./target/journal.ts";

/**
 * Restores one set into an empty target and proves it. The gates come first: nothing is written before the set has been
 * found to be signed and whole, byte by byte, and the target to be empty or an interrupted restore of this very set.
 *
 * @throws ConfigurationError what the gates refuse; OperationError what breaks on the way (a later run takes it up)
 */
export async function restoreSet(task: RestoreTask): Promise<RestoreResult> {
  await using sessions = new Sessions(task.connect, task.signal);
  try {
    return await restoreOn({ ...task, connect: () => sessions.open() });
  } catch (error) {
    throw brokenOff(error);
  }
}

async function restoreOn(task: RestoreTask): Promise<RestoreResult> {
  const stages = new Stages(task.log);
  const source = await stages.run("read the set", () => task.open.inventory());
  const toc = await stages.run("read the schema", () => readSchema(task.open, source));
  const client = await dumpClient(task.connect);
  try {
    const facts = await stages.run("inspect the target", () => admit(task, client, source));
    const quiet = planQuiet(source, facts.supabase);
    refuseSpeakingKeys(quiet);
    const meaning = whatRunsAs(source, facts);
    if (meaning !== undefined) task.log.warn(meaning);
    await stages.run("check the stored bytes", () => task.whole);
    const room = await stages.run("look at the disk", () => roomOnDisk(task, client));
    if (task.dryRun) return { ...dryRunResult(task, source, facts, stages.taken), ...room };
    const journal = await Journal.open(client, task.open.set, stateOf(facts.inventory), task.unmark);
    const freed = await makeRoom(client, source, facts);
    const leftOut = new Set(quiet.outbound.filter(({ how }) => how === "left out").map(({ object }) => object));
    const schema = planSchema(toc, source, freed.facts.inventory, facts.platform, {
      without: leftOut,
      withFiles: task.bringFiles !== undefined,
      fixedSchemas: facts.availableExtensions,
    });
    return { ...(await restoreInto({ task, source, client, ...freed, quiet, schema, journal, stages })), ...room };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function roomOnDisk(task: RestoreTask, client: Client): Promise<Pick<RestoreResult, "room">> {
  const present = await client.query<{ bytes: string }>("select pg_database_size(current_database())::text as bytes");
  const room = await task.makeRoomOnDisk?.(BigInt(present.rows[0]?.bytes ?? "0"));
  return room === undefined ? {} : { room };
}

async function restoreInto(run: Run): Promise<RestoreResult> {
  const { task, source, client, facts, quiet, journal, stages } = run;
  const { connect, jobs, log } = task;
  const roles = await settleRoles(run);
  const loaded = await load(run);
  const { plan, findings } = await settle(run, loaded, roles);
  const prove = () => proveRestored({ source, facts, plan, journal, findings, connect, jobs, log });
  const { differences, foreignKeysChecked, off } = await stages.run("prove", prove);
  const outcome = outcomeOf(differences);
  if (outcome === "equal") {
    const whole = [...plan.loads].filter(([, { quiet, keep }]) => quiet === undefined && keep === undefined);
    await task.whileProven?.({
      ...{ source, facts, differences, stages, connect, measured: new Set(whole.map(([name]) => name)) },
      prove: async () => (await prove()).differences,
    });
    await finishRestore(client, quiet);
  } else await journal.noteEnd(client, stateOf(await readInventory(client)));
  const { counts, ...heading } = resultHeading(task, source, facts);
  return {
    ...{ ...heading, outcome, begun: journal.resumed ? "resumed" : "fresh" },
    counts: { ...counts, foreignKeysChecked },
    ...{ stages: stages.taken, differences },
    ...(await afterwards(run, plan, { outcome, off, secrets: findings.secrets, heldBack: loaded.heldBack })),
  };
}
