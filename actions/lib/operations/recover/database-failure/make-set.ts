import { OperationError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/flow/clock.ts";
import { formatDuration } from "../../../base/measures.ts";
import { optional } from "../../../config/environment.ts";
import { manifestVerifier, trustedSigners } from "../../../vault/configured.ts";
import type { SetName } from "../../../vault/sets/catalogue.ts";
import { firstOf, trustedSets } from "../../../vault/standing.ts";
import type { Context } from "../../context.ts";
import { takeSet } from "../../incident/take-set.ts";
import { verifySet } from "../../verify/verify.ts";

/** A set of what is there now, that somebody else has made, may be so old. */
const freshMillis = 3_600_000;

interface Making {
  /** The moment to which the database goes back, in seconds since 1970. */
  readonly unix: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * A set of what is there now, under the incident's mark, read back. Whoever restores by the button holds no key that signs sets: then the one
 * that the button `incident` has made counts.
 *
 * @returns its id
 * @throws OperationError `set-failed`, `set-damaged`
 */
export async function makeVerifiedSet(context: Context, making: Making): Promise<string> {
  const { env, log } = context;
  const { signal } = making;
  const signs = optional(env, "BACKUP_SIGNING_KEY") !== undefined;
  const { tier, set } = signs ? await taken(context, signal) : await madeByTheIncident(context, making);
  const keys = { trustedSigners: await trustedSigners(context.config()), signal };
  const verified = await verifySet(await context.vault(), { tier, set }, { deep: false, ...keys }, log);
  if (verified.outcome === "whole") return set;
  throw new OperationError("set-damaged", `Set ${set} was made, and is not whole when it is read back.`);
}

async function taken(context: Context, signal: AbortSignal): Promise<SetName> {
  const made = await takeSet(context, signal);
  if ("failed" in made) throw new OperationError("set-failed", made.failed);
  return made.done;
}

async function madeByTheIncident(context: Context, { unix, clock }: Making): Promise<SetName> {
  const verify = await manifestVerifier(context.config());
  const made = await firstOf(trustedSets(await context.vault(), verify, { marked: "count" }));
  const at = Date.parse(made?.snapshotAt ?? "");
  const age = clock.now() - at;
  if (made?.incident == null || at <= unix * 1000 || age > freshMillis)
    throw new OperationError(
      "set-failed",
      "BACKUP_SIGNING_KEY is not set, so this run can make none; and within the last hour none was made under an incident's mark.",
      "Press the button `incident` with begin: it makes one. Then run this again.",
    );
  context.log.warn(`Set ${made.set} is ${formatDuration(age)} old: what came after it is in no set.`);
  return made;
}
