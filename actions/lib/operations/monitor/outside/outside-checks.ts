import { z } from "zod";
import { boundedFetch } from "../../../base/bounded-answer.ts";
import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import { readHeartbeat } from "../../../config/channels.ts";
import { isEncrypted, optional } from "../../../config/environment.ts";
import { Problems } from "../../../config/problems.ts";
import { beat } from "../../../notify/channel.ts";
import type { Finding } from "../../../policy/monitor/check.ts";
import { judgePublished, judgeWatcher } from "../../../policy/monitor/outside.ts";
import type { Check, Look } from "../check.ts";

/** Whether those outside who would notice our silence still hear and see us. Each is left out where the owner has none. */
export function outsideChecks({ context, now }: Look): readonly Check[] {
  const { env, run, signal } = context;
  const problems = new Problems();
  const watcher = readHeartbeat(env, "monitor", problems);
  const [problem] = problems.list();
  const url = optional(env, "DASHBOARD_URL");
  const about = { group: "github", runbook: "runbooks/monitor-silent.md" } as const;
  return [
    // A person's look is no sign of life.
    ...(run.event === "by-hand" || (watcher === undefined && problem === undefined)
      ? []
      : [
          {
            ...{ ...about, id: "watcher", title: "Watcher outside of GitHub" },
            look: async (): Promise<Finding> => {
              if (watcher === undefined) return judgeWatcher("its address is no https URL");
              const refusal = await beat(watcher, "start", 3000);
              if (refusal === undefined || /^(?:http_4\d\d|not_found)$/.test(refusal)) return judgeWatcher(refusal);
              throw new OperationError("watcher-unreachable", `The watcher outside does not answer (${refusal}).`);
            },
          },
        ]),
    ...(url === undefined
      ? []
      : [
          {
            ...{ ...about, id: "dashboard-published", title: "Dashboard as readers get it" },
            look: async () => judgePublished(await servedAt(url, signal), now),
          },
        ]),
  ];
}

const servedSchema = z.object({ format: z.literal("lifeboat-status/1"), madeAt: z.iso.datetime() });

/** When the dashboard was made that is served there. @throws what says that nobody answers */
async function servedAt(url: string, signal: AbortSignal): Promise<Date | undefined> {
  if (!isEncrypted(url))
    throw new ConfigurationError("configuration", "DASHBOARD_URL is no https address.", "Correct it, or unset it.");
  const init = { signal: AbortSignal.any([signal, AbortSignal.timeout(8000)]), redirect: "follow" } as const;
  try {
    const answer = await boundedFetch(new URL("status.json", url.replace(/\/*$/, "/")), init, 4 * 1024 * 1024);
    if (answer.status >= 500) throw new TypeError(`status ${answer.status}`);
    const served = servedSchema.safeParse(JSON.parse(await answer.text()));
    return served.success ? new Date(served.data.madeAt) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    signal.throwIfAborted();
    throw new OperationError(
      "dashboard-unreachable",
      "The dashboard's page does not answer.",
      "Wait for the next run.",
    );
  }
}
