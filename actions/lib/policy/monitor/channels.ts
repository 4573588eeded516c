import type { ChannelName } from "../../config/policy/policy.ts";
import type { CheckResult, Finding } from "./check.ts";
import type { MonitorState } from "./state.ts";

type Unreached = MonitorState["unreached"];

export interface Reached {
  readonly told: readonly ChannelName[];
  readonly untold: readonly { readonly channel: ChannelName; readonly reason: string }[];
}

/**
 * Since when each channel takes nothing. An account that lets us in proves no message: what a message has found only a message ends.
 */
export function unreachedAfter(
  before: Unreached,
  tried: readonly Reached[],
  now: Date,
  by: "message" | "trial",
): Unreached {
  const after: Unreached = { ...before };
  for (const { told, untold } of tried) {
    for (const channel of told) if (by === "message" || after[channel]?.by === "trial") delete after[channel];
    for (const { channel, reason } of untold) {
      const since = after[channel]?.since;
      after[channel] = {
        since: since === undefined || Date.parse(since) > now.getTime() ? now.toISOString() : since,
        reason,
        by: after[channel]?.by === "message" ? "message" : by,
      };
    }
  }
  return after;
}

/** Its name among the checks. */
export const channelsCheck = "alert-channels";

/** The day's summary has failed by then, or two of a night's alarms. */
const criticalMillis = 86_400_000;

/** The monitor's check of its own ways to people. @param set those that the policy names and the environment sets */
export function judgeChannels(unreached: Unreached, set: readonly ChannelName[], now: Date): CheckResult {
  const name = {
    id: channelsCheck,
    group: "backups",
    title: "Channels that alerts go to",
    runbook: "runbooks/monitor-silent.md",
  } as const;
  return { ...name, ...judged(unreached, set, now) };
}

function judged(unreached: Unreached, set: readonly ChannelName[], now: Date): Finding {
  if (set.length === 0)
    return {
      state: "critical",
      found: "No channel is set.",
      means: "Nobody is told when a backup fails.",
      next: "Set Slack or e-mail in the environment `monitor` (.env.example).",
    };
  const silent = set.flatMap((channel) => {
    const one = unreached[channel];
    return one === undefined ? [] : [{ channel, ...one }];
  });
  if (silent.length === 0) return { state: "ok", found: `Set and not known to fail: ${set.join(", ")}.` };
  const long = silent.some(({ since }) => now.getTime() - Date.parse(since) >= criticalMillis);
  const none = silent.length === set.length;
  const told = silent.map(({ channel, since, reason }) => `${channel} since ${since.slice(0, 10)} (${reason})`);
  return {
    state: long || none ? "critical" : "warning",
    found: `Not reached: ${told.join(", ")}.`,
    means: none ? "Nobody is told when a backup fails." : "Alerts reach people only by the other channels.",
    next: "Correct the channel's settings; `lifeboat check` tries them.",
  };
}
