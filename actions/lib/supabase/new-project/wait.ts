import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { formatDuration } from "../../base/measures.ts";
import { type ManagementApi, projectPath } from "../management-api.ts";

interface Waiting {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const statusSchema = z.object({ status: z.string() });
/** States out of which nothing comes by waiting. */
const lost = new Set(["INIT_FAILED", "REMOVED", "RESTORE_FAILED", "PAUSE_FAILED", "GOING_DOWN"]);

/** What has to work before data is sent to a project. */
const services = ["db", "pooler", "auth", "rest", "storage"] as const;
const healthSchema = z.array(
  z.object({ name: z.string(), healthy: z.boolean().optional(), status: z.string().optional() }),
);

/**
 * Waits until the API calls the project healthy, then each of its services. Both are words: whoever sends data asks the services themselves.
 * Waits for ever: the caller's signal ends it.
 * @throws OperationError `project-failed`; what the client throws; the signal's reason
 */
export async function waitUntilHealthy(api: ManagementApi, ref: string, waiting: Waiting): Promise<void> {
  await patiently("the project", waiting, async () => {
    const { status } = await api.get(projectPath(ref), statusSchema);
    if (lost.has(status))
      throw new OperationError(
        "project-failed",
        `Project ${ref} is ${status}: nothing comes of it by waiting.`,
        "Give this recovery up (--give-up), delete the project in the dashboard, then begin another, in another region where this one has trouble.",
      );
    return status === "ACTIVE_HEALTHY" ? undefined : `it is ${status}`;
  });
  await patiently("its services", waiting, async () => {
    const answer = await api
      .get(projectPath(ref, `/health?services=${services.join(",")}&timeout_ms=5000`), healthSchema)
      .catch((error: unknown) => {
        if (error instanceof LifeboatError && ["api-refused", "api-unavailable"].includes(error.code)) return [];
        throw error;
      });
    const up = new Set(
      answer.filter(({ healthy, status }) => healthy ?? status === "ACTIVE_HEALTHY").map(({ name }) => name),
    );
    const down = services.filter((name) => !up.has(name));
    return down.length === 0 ? undefined : `not healthy yet: ${down.join(", ")}`;
  });
}

/** Pauses grow: the API takes 120 requests a minute, over everything that the token's owner runs, and a pooler bans who knocks too often. */
const pauses = { first: 3000, times: 1.5, longest: 30_000 } as const;

/**
 * Asks again and again until there is nothing left to wait for.
 * @param ask gives what is missing, in words; undefined: all is there
 * @throws what `ask` throws; the signal's reason
 */
export async function patiently(
  what: string,
  { clock, log, signal }: Waiting,
  ask: () => Promise<string | undefined>,
): Promise<void> {
  const begun = clock.now();
  let told = "";
  for (let pause: number = pauses.first; ; pause = Math.min(pause * pauses.times, pauses.longest)) {
    const missing = await ask();
    const since = formatDuration(clock.now() - begun);
    if (missing === undefined) return log.info(`${what}: there after ${since}.`);
    if (missing !== told) log.info(`${what}: ${missing} (after ${since}).`);
    told = missing;
    await clock.sleep(pause, signal);
  }
}
