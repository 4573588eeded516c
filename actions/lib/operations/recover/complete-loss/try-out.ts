import { clip, countOf } from "../../../base/measures.ts";
import { readPart } from "../../../supabase/configuration/capture.ts";
import { type ClientKeys, readClientKeys } from "../../../supabase/new-project/reach.ts";
import { readConfiguration } from "../../configuration/read.ts";
import { tryConfiguration, tryParts } from "../../configuration/trial.ts";
import { tryLogin } from "../../configuration/trial-login.ts";
import { asksForToken, type Trial, unasked } from "../../configuration/trial-rules.ts";
import { targetConnector } from "../../target/sessions.ts";
import { openSourceSet } from "../sources.ts";
import { type LossWork, type Place, restoredOf } from "./work.ts";

/** As long as the state of a recovery takes. */
const longestWhy = 500;

/** Functions that work are counted and not told one by one. */
const mostTold = 100;

/**
 * Tries the new project as its users will use it, once its configuration is back. Each thing that was not tried says why. One that
 * cannot be asked stops neither the others nor the hand-over.
 * @throws the signal's reason
 */
export async function tryOut(work: LossWork, signal: AbortSignal): Promise<Trial[]> {
  const { optionalApi: api } = work;
  const { ref, url, target } = await work.place();
  if (api === undefined || ref === null || url === null)
    return told(work, [notTried("SUPABASE_ACCESS_TOKEN is not set, or the target's settings name no project")]);
  const everything = async () => {
    const keys = await readClientKeys(api, ref);
    if (keys === undefined) return [notTried(`${unasked}: the project shows no keys of its API`)];
    const reached = { ref, url, keys, target };
    const parts = {
      "settings and functions": () => tryCarried(work, reached, signal),
      login: async () => [await login(work, reached, signal)],
    };
    return tryParts(parts, signal);
  };
  return told(work, await tryParts({ everything }, signal));
}

const notTried = (why: string): Trial => ({ what: "everything", outcome: "not tried", why });

interface Reached {
  readonly ref: string;
  readonly url: string;
  readonly keys: ClientKeys;
  readonly target: Place["target"];
}

async function tryCarried(work: LossWork, reached: Reached, signal: AbortSignal): Promise<Trial[]> {
  const { sources, clock, api } = work;
  const { configuration: carried } = work.facts();
  if (carried === null || carried.why !== null)
    return [{ ...notTried(carried?.why ?? "nothing was put back"), what: "settings and functions" }];
  const configuration = await readConfiguration(await openSourceSet(sources, restoredOf(work)));
  if (configuration === undefined) return [];
  const { notCalled } = sources.config.policy.recovery.configuration;
  return tryConfiguration({ ...reached, api, configuration, notCalled, clock, signal });
}

async function login(work: LossWork, { ref, url, keys, target }: Reached, signal: AbortSignal): Promise<Trial> {
  const { log, api, state, clock } = work;
  const { policy } = work.context.config();
  const auth = await readPart(api, ref, "auth");
  const hooks = [...auth].flatMap(([name, on]) => (/^hook_\w+_enabled$/.test(name) && on === true ? [name] : []));
  const client = await targetConnector({ target, policy }, "recover-try", { log, signal })();
  try {
    return await tryLogin({ url, keys, id: state.id, hooks, client, clock, signal });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function summary(good: readonly Trial[]): string {
  const closed = good.filter(({ why }) => why === asksForToken).length;
  const rest = closed === 0 ? "" : `; the code of ${closed} that ask for a token was not run`;
  return `${countOf(good.length, "function")} answered as they should${rest}`;
}

/** Failed first, functions that work as one. */
function told({ log }: LossWork, trials: readonly Trial[]): Trial[] {
  for (const { what, outcome, why } of trials)
    if (outcome === "failed") log.warn(`${what}: FAILED: ${why}.`);
    else log.info(`${what}: ${outcome}: ${why}.`);
  const good = trials.filter(({ what, outcome }) => outcome === "verified" && what.startsWith("function "));
  const rest = trials.filter((one) => !good.includes(one));
  const all: Trial[] = good.length === 0 ? [] : [{ what: "functions", outcome: "verified", why: summary(good) }];
  const failed = rest.filter(({ outcome }) => outcome === "failed");
  return [...failed, ...all, ...rest.filter((one) => !failed.includes(one))]
    .slice(0, mostTold)
    .map((one) => ({ ...one, why: clip(one.why, longestWhy) }));
}
