import { ConfigurationError } from "../../../base/errors.ts";
import { realClock } from "../../../base/flow/clock.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { openRecoveries } from "../access.ts";
import { scenario } from "./work.ts";

/** Gives an unfinished one up. Nothing is undone. @throws ConfigurationError `recovery-none` */
export async function giveUpFailure(context: Context, folder: string | undefined): Promise<Told> {
  using recoveries = await openRecoveries(context, folder, realClock);
  const state = recoveries.known.find((one) => one.scenario === scenario && one.ended === null);
  if (state === undefined)
    throw new ConfigurationError(
      "recovery-none",
      "There is no unfinished recovery of this kind.",
      "`lifeboat recover --help`.",
    );
  await using _lease = await recoveries.lease(state);
  await state.noteHuman({ by: context.who, what: "gave it up" });
  await state.end("given up");
  const sentence = `Recovery ${state.id} is given up. What Supabase was asked for goes on there; the incident stays on until somebody ends it.`;
  return {
    result: { recovery: state.id, outcome: "given-up" },
    page: { title: `Recovery ${state.id}`, sentence, tables: [] },
    outputs: { recovery: state.id, outcome: "given-up", set: "", "project-ref": "", "project-url": "" },
  };
}
