import { countOf, few, formatMinute } from "../../base/measures.ts";
import type { PromisesPolicy } from "../../config/policy/promises.ts";
import type { PublicStatus } from "../../supabase/status-page.ts";
import type { ReadOnlyMode, Service } from "../../supabase/vitals.ts";
import type { Finding } from "./check.ts";

const day = 86_400_000;

/** On its way from one state to another: it passes, or becomes one of those that do not. */
const passing = new Set(["COMING_UP", "RESIZING", "RESTARTING", "UPGRADING", "RESTORING", "PAUSING", "GOING_DOWN"]);
/** Without these nothing can be backed up. */
const needed: readonly Service["name"][] = ["db", "pooler", "storage"];

/** @param status Supabase's word for the project */
export function judgeHealth(status: string, services: readonly Service[]): Finding {
  const off = services.filter(({ state }) => state !== "healthy");
  const words = off.map(({ name, state }) => `${name} is ${state === "coming-up" ? "coming up" : "unhealthy"}`);
  const found =
    off.length === 0
      ? `The project is ${status}, and its ${countOf(services.length, "service is", "services are")} healthy.`
      : `The project is ${status}; ${few(words)}.`;
  const texts = {
    means: "While it is not healthy, backups may fail and the application may be down.",
    next: "Look at the project in the dashboard and at status.supabase.com; where data is lost, follow runbooks/incident.md.",
  };
  if (status === "UNKNOWN" || services.length === 0) return { ...texts, state: "unknown", found };
  const broken = off.some(({ name, state }) => state === "unhealthy" && needed.includes(name));
  if (broken || (status !== "ACTIVE_HEALTHY" && !passing.has(status))) return { ...texts, state: "critical", found };
  return status === "ACTIVE_HEALTHY" && off.length === 0
    ? { state: "ok", found }
    : { ...texts, state: "warning", found };
}

export function judgeReadOnly({ enabled, liftedUntil }: ReadOnlyMode): Finding {
  const texts = {
    means: "The application cannot write. Backups still read.",
    next: "Enlarge the disk or remove data, as read-only mode comes from a full disk: see the check `disk`.",
  };
  if (enabled) return { ...texts, state: "critical", found: "The database is in read-only mode." };
  if (liftedUntil === undefined) return { state: "ok", found: "The database takes writes." };
  return {
    ...texts,
    ...{ state: "warning", found: `Read-only mode is lifted by hand until ${formatMinute(liftedUntil)}.` },
    means: "After that the application cannot write, unless the disk has room again.",
  };
}

const plans = ["free", "pro", "team", "enterprise"] as const satisfies readonly PromisesPolicy["supabase"]["plan"][];

/** The organisation's plan beside the one that the policy was written for: a change of it shows here. @param plan as the API says it */
export function judgePlan(plan: string, counted: PromisesPolicy["supabase"]["plan"]): Finding {
  const is = plans.indexOf(plan as (typeof plans)[number]);
  if (plan === counted) return { state: "ok", found: `The organisation's plan is ${plan}, as the policy says.` };
  return {
    state: is !== -1 && is < plans.indexOf(counted) ? "critical" : "warning",
    found: `The organisation's plan is ${plan}, and the policy was written for ${counted}.`,
    means:
      "How long Supabase keeps its backups, what it includes and what can be restored depend on the plan: promises and limits may not hold.",
    next: "Set promises.supabase.plan, run `lifeboat policy check` and see what it says; where nobody has changed the plan, look at the billing page.",
  };
}

/** What Supabase says in public. It says it late and not of single projects: by itself it is never critical. */
export function judgeStatusPage(status: PublicStatus): Finding {
  const means = "What Supabase has trouble with may reach this project: backups and recoveries may take longer.";
  const next = "Read status.supabase.com, and wait with what can wait.";
  if (!status.known)
    return {
      ...{ means, next },
      state: "warning",
      found: `Nothing is known of the public status page: ${status.why}.`,
    };
  const troubles =
    status.troubles.length === 0 ? "" : ` (${few(status.troubles, 3, "; ").replaceAll(/[\p{C}\s]+/gu, " ")})`;
  const found = `The public status page says: ${status.summary}${troubles}.`;
  // Something small is always wrong somewhere: that alone nobody has to know.
  return status.severe ? { ...{ means, next }, state: "warning", found } : { state: "ok", found };
}

export interface TokenFacts {
  /** Of one project and of named permissions, by its form; a classic one may do all that its owner may. */
  readonly scoped: boolean;
  /** The day that it ends, as the policy says: the API does not tell. `YYYY-MM-DD`; null: not said. */
  readonly expires: string | null;
  /** Permissions that it lacks for what is looked at. */
  readonly missing: readonly string[];
  /** The API has not taken it at all: unknown, revoked or expired. */
  readonly refused: boolean;
}

const warnDays = 30;
const criticalDays = 14;
const longestDays = 365;

/** Whether the token of the Management API can do what the monitor needs, no more, and for how long. */
export function judgeToken({ scoped, expires, missing, refused }: TokenFacts, now: Date): Finding {
  const blind =
    "Without it nobody sees whether Supabase's own backups are made, and limits are reached without warning.";
  const renew =
    "Make a new scoped token with read permissions for this project (dashboard, Account, Access Tokens), set SUPABASE_ACCESS_TOKEN in the environment `monitor`, and its last day in monitor.tokenExpires.";
  const left = expires === null ? null : Math.floor((Date.parse(expires) + day - now.getTime()) / day);
  const due = expires === null || refused ? {} : { dueAt: new Date(Date.parse(expires) + day).toISOString() };
  const say = (state: Finding["state"], found: string, means: string, next: string): Finding =>
    state === "ok" ? { state, found, ...due } : { state, found, means, next, ...due };
  if (refused)
    return say("critical", "Supabase does not take the token: it is unknown, revoked or expired.", blind, renew);
  const ends = expires === null ? "" : `It ends on ${expires}.`;
  if (left !== null && left <= criticalDays)
    return say(
      "critical",
      left < 0 ? `${ends} That day is over.` : `${ends} That is in ${countOf(left, "day")}.`,
      blind,
      renew,
    );
  if (missing.length > 0)
    return say(
      "warning",
      `The token lacks ${few(missing)}. ${ends}`.trim(),
      "The checks that need them cannot look.",
      "Make a new token that has them too: those of a token cannot be changed later.",
    );
  if (left !== null && left <= warnDays)
    return say("warning", `${ends} That is in ${countOf(left, "day")}.`, blind, renew);
  if (!scoped)
    return say(
      "warning",
      `The token is not a scoped one. ${ends}`.trim(),
      "It may do everything that its owner may, even delete the project. So may anybody who reads it from this environment.",
      renew,
    );
  if (left === null)
    return say(
      "warning",
      "It is not known when the token ends: Supabase's API does not say.",
      `A scoped token lives for ${longestDays} days at most. ${blind}`,
      "Set its last day in monitor.tokenExpires of the policy: the dashboard shows it (Account, Access Tokens).",
    );
  return say("ok", `The token has what is needed. ${ends}`, blind, renew);
}
