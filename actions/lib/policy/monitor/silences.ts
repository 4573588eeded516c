import { longestSilenceDays, type Silence } from "../../config/policy/monitor.ts";

const day = 86_400_000;

/** When a silence is over: at the end of its last day (UTC), ms. */
export function endOf({ until }: Silence): number {
  return Date.parse(`${until}T00:00:00Z`) + day;
}

/**
 * The silence of a check that counts now, the longest where there are several. One that ends later than any may is none yet: a date far away
 * must not keep a check quiet for ever.
 */
export function silenceOf(silences: readonly Silence[], check: string, now: Date): Silence | undefined {
  return silences.filter((one) => one.check === check && counts(one, now)).sort((a, b) => endOf(b) - endOf(a))[0];
}

function counts(silence: Silence, now: Date): boolean {
  const left = endOf(silence) - now.getTime();
  return left > 0 && left <= (longestSilenceDays + 1) * day;
}
