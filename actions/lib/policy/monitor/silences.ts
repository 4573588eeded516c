import { longestSilenceDays, type Silence } from "../../config/policy/monitor.ts";

const day = 86_400_000;

/** When a silence is over: at the end of its last day (UTC), ms. */
function endOf({ until }: Pick<Silence, "until">): number {
  return Date.parse(`${until}T00:00:00Z`) + day;
}

/**
 * The silence of a check that counts now, the longest where there are several. One that ends later than any may is none yet: a date far away
 * must not keep a check quiet for ever.
 */
export function silenceOf(silences: readonly Silence[], check: string, now: Date): Silence | undefined {
  return silences
    .filter((one) => one.check === check && standingOf(one, now) === "counts")
    .sort((a, b) => endOf(b) - endOf(a))[0];
}

/** Whether a silence is over, counts now, or ends so late that it does not count yet. */
export function standingOf(silence: Pick<Silence, "until">, now: Date): "over" | "counts" | "too late" {
  const left = endOf(silence) - now.getTime();
  if (left <= 0) return "over";
  return left <= (longestSilenceDays + 1) * day ? "counts" : "too late";
}
