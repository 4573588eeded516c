import { few } from "../../../base/measures.ts";
import { openingKey } from "../../../vault/configured.ts";
import { carryConfiguration, type Row, summaryOf } from "../../configuration/carry.ts";
import { readConfiguration, readFunctionBody } from "../../configuration/read.ts";
import { openEscrow } from "../../escrow/run-list.ts";
import { openSourceSet } from "../sources.ts";
import type { Carried } from "./facts.ts";
import type { LossWork } from "./work.ts";
import { restoredOf } from "./work.ts";

/** So many settings are named one by one; the counts tell how many there are. */
const mostNamed = 400;

/**
 * Puts the configuration of the restored set back into the project, with what the owner has put into escrow.
 * @param goLive also what reaches people and other services, or locks somebody out: because a person has said so
 */
export async function carry(work: LossWork, { goLive }: { readonly goLive: boolean }): Promise<Carried> {
  const { sources, log } = work;
  const { config, vault } = sources;
  const restored = restoredOf(work);
  const nothing = (why: string): Carried => {
    log.warn(`No configuration is carried: ${why}.`);
    return { why, counts: { carried: 0, already: 0, listed: 0, refused: 0 }, rows: [] };
  };
  const { ref } = await work.place();
  const api = work.optionalApi;
  if (api === undefined || ref === null)
    return nothing("SUPABASE_ACCESS_TOKEN is not set, or the target's settings name no project");
  const open = await openSourceSet(sources, restored);
  const configuration = await readConfiguration(open);
  if (configuration === undefined) return nothing("the set has none: its backup had no SUPABASE_ACCESS_TOKEN");
  const escrow = await openEscrow(vault, config, await openingKey(config));
  for (const alarm of escrow.alarms) log.warn(alarm);
  if (escrow.closed.length > 0)
    log.warn(
      `In escrow, and sealed to another key than this one: ${few(escrow.closed, 10)}. With the escrow key as RESTORE_PRIVATE_KEY, \`--switch-on\` takes them.`,
    );
  const rows = await carryConfiguration({
    ...{ api, ref, configuration, goLive, log },
    supplied: new Map([...escrow.values].map(([name, value]) => [name, value.reveal()])),
    bodyOf: (deployed) => readFunctionBody(open, deployed),
    functionsFolder: config.policy.recovery.configuration.functionsFolder ?? undefined,
  });
  log.info(summaryOf(rows));
  return told(rows);
}

function told(rows: readonly Row[]): Carried {
  const count = (outcome: Row["outcome"]): number => rows.filter((row) => row.outcome === outcome).length;
  const counts = { carried: count("carried"), already: count("already"), listed: count("listed") };
  const open = rows.filter(({ outcome }) => outcome === "listed" || outcome === "refused");
  return {
    why: null,
    counts: { ...counts, refused: count("refused") },
    // What was refused first: it should be there.
    rows: [
      ...open.filter(({ outcome }) => outcome === "refused"),
      ...open.filter(({ outcome }) => outcome === "listed"),
    ]
      .slice(0, mostNamed)
      .map(({ section, field, outcome, why = "", next = "" }) => ({
        ...{ section, field, outcome: outcome === "refused" ? ("refused" as const) : ("listed" as const) },
        ...{ why: why.slice(0, 300), next: next.slice(0, 300) },
      })),
  };
}
