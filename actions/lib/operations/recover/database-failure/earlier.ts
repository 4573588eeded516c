import { z } from "zod";
import { ConfigurationError } from "../../../base/errors.ts";
import type { Recoveries } from "../access.ts";
import type { RecoveryState } from "../state.ts";
import type { Moment } from "./moment.ts";
import { knownSchema, scenario } from "./work.ts";

/** What a recovery to a moment notes. */
export const factsSchema = z.object({
  inPlace: knownSchema,
  /** The project that plan B made, where the database came back in its own; `recovery` is plan B's. */
  loser: z
    .strictObject({ recovery: z.string(), ref: z.string(), removedAt: z.string().nullable() })
    .nullable()
    .default(null),
});

/** The recovery to this moment that is under way, to be taken up. @throws ConfigurationError `recovery-unfinished` */
export function unfinishedOf({ known }: Recoveries, target: Moment): RecoveryState | undefined {
  const under = known.filter(({ ended }) => ended === null);
  const own = under.find((state) => state.scenario === scenario);
  if (own !== undefined && momentOf(own) === target.unix) return own;
  // Another one, or one to another moment: two at once would undo each other.
  const [state] = under;
  if (state === undefined) return undefined;
  throw new ConfigurationError(
    "recovery-unfinished",
    `Recovery ${state.id} (${state.scenario}) is unfinished since ${state.begunAt}.`,
    `Take it up with the same words, or give it up: \`lifeboat recover ${state.scenario} --give-up\`.`,
  );
}

/** A command that is typed, or a job that is run, once too often must not undo what was done since. @throws ConfigurationError `recovery-done` */
export function refuseDone({ known }: Recoveries, target: Moment): void {
  const done = known.find((one) => one.ended?.how === "handed over" && momentOf(one) === target.unix);
  if (done === undefined) return;
  throw new ConfigurationError(
    "recovery-done",
    `Recovery ${done.id} to this very moment was handed over at ${done.ended?.at}. Another one would undo everything that was done since.`,
    "If that is what you want, say so: --again.",
  );
}

/** Seconds since 1970; undefined for a recovery of another kind. */
function momentOf(state: RecoveryState): number | undefined {
  if (state.scenario !== scenario) return undefined;
  return factsSchema.safeParse(state.facts(z.unknown())).data?.inPlace.unix;
}
