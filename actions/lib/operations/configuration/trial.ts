import { describeCode, LifeboatError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import type { Clock } from "../../base/flow/clock.ts";
import { readPart } from "../../supabase/configuration/capture.ts";
import type { CapturedFunction, Configuration } from "../../supabase/configuration/document.ts";
import type { ManagementApi } from "../../supabase/management-api.ts";
import type { ClientKeys } from "../../supabase/new-project/reach.ts";
import { askProject } from "../../supabase/project-api.ts";
import { inUseMark } from "./keys.ts";
import { judgeFunction, judgeSettings, judgeSigningKey, questionFor, type Trial, unasked } from "./trial-rules.ts";

export interface Trying {
  readonly api: ManagementApi;
  readonly ref: string;
  /** Of the project's API. */
  readonly url: string;
  readonly keys: ClientKeys;
  /** Of the set. */
  readonly configuration: Configuration;
  /** Functions that are not called, by the policy's word. */
  readonly notCalled: readonly string[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Tries what was put back, at the project itself and without a trace: what Auth says that it works by, the key that it publishes, each
 * function. A function that asks for a token is asked without one, which runs nothing of it; any other by OPTIONS.
 *
 * @returns what was tried or not, each once
 * @throws the signal's reason
 */
export async function tryConfiguration(trying: Trying): Promise<Trial[]> {
  const { api, ref, configuration, notCalled, url, clock, signal } = trying;
  const headers = { apikey: trying.keys.publishable.reveal() };
  const begun = clock.now();
  const trySettings = async (): Promise<Trial> => {
    const there = await readPart(api, ref, "auth");
    const carried = new Map(
      configuration.fields.flatMap((one) =>
        one.section === "auth" && "value" in one && there.get(one.field) === one.value ? [[one.field, one.value]] : [],
      ),
    );
    return patiently(trying, async () =>
      judgeSettings(carried, await askProject(`${url}/auth/v1/settings`, { headers, signal })),
    );
  };
  const tryFunction = async (one: CapturedFunction): Promise<Trial> => {
    if (notCalled.includes(one.slug))
      return { ...named(one), outcome: "not tried", why: "the policy says that it is not called" };
    if (clock.now() - begun > mostSeconds * 1000)
      return { ...named(one), outcome: "not tried", why: `${unasked}: the other functions used up the time` };
    return patiently({ clock, signal, begun }, async () => {
      const method = questionFor(one);
      return judgeFunction(one, await askProject(`${url}/functions/v1/${one.slug}`, { method, signal }));
    });
  };
  const parts = {
    "settings of sign-in": async () => [await trySettings()],
    "signing key": async () => [await trySigningKey(trying, headers)],
    functions: () => mapBounded(configuration.functions, 4, tryFunction),
  };
  return tryParts(parts, signal);
}

/**
 * Tries one part after the other. A part that throws becomes a trial `not tried`, and does not hide what the others found.
 * @throws the signal's reason
 */
export async function tryParts(
  parts: Readonly<Record<string, () => Promise<readonly Trial[]>>>,
  signal: AbortSignal,
): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const [what, part] of Object.entries(parts)) {
    try {
      trials.push(...(await part()));
    } catch (error) {
      signal.throwIfAborted();
      // Errors that are not ours may carry rows.
      const why = error instanceof LifeboatError ? error.message.replace(/\.$/, "") : describeCode(error);
      trials.push({ what, outcome: "not tried", why: `${unasked}: ${why}`.slice(0, 500) });
    }
  }
  return trials;
}

const named = ({ slug }: CapturedFunction) => ({ what: `function ${slug}` });

async function trySigningKey(trying: Trying, headers: Readonly<Record<string, string>>): Promise<Trial> {
  const { api, ref, configuration, url, signal } = trying;
  const ofSet = configuration.fields.flatMap((one) =>
    one.section === "signing-keys" && "value" in one ? [one.value] : [],
  );
  const mark = inUseMark(ofSet);
  const why = "the lost project's key does not sign here: people who are logged in have to log in again";
  if (mark === undefined || inUseMark([...(await readPart(api, ref, "signing-keys")).values()]) !== mark)
    return { what: "signing key", outcome: "not tried", why };
  const jwks = `${url}/auth/v1/.well-known/jwks.json`;
  return patiently(trying, async () => judgeSigningKey(mark, await askProject(jwks, { headers, signal })));
}

/** Auth applies new settings within seconds. A function's first start is its slowest. */
const pausesSeconds = [2, 5, 10, 20] as const;
/** After this time no further function is asked: many that hang would use up the promised time. */
const mostSeconds = 180;

/**
 * Tries again what failed, for a while.
 * @param begun when the first of several such trials began, in milliseconds since 1970: late ones are tried once
 */
export async function patiently(
  { clock, signal, begun = clock.now() }: Pick<Trying, "clock" | "signal"> & { readonly begun?: number },
  attempt: () => Promise<Trial>,
): Promise<Trial> {
  let judged = await attempt();
  for (const seconds of pausesSeconds) {
    if (judged.outcome !== "failed" || clock.now() - begun > (mostSeconds / 2) * 1000) break;
    await clock.sleep(seconds * 1000, signal);
    judged = await attempt();
  }
  return judged;
}
