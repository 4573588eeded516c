import { type Scenario, scenarios } from "../config/policy/promises.ts";
import { egressFindings, egressSentence } from "./egress.ts";
import { incidentFindings, isVaultScenario, lossFindings, timeFindings } from "./promise-findings.ts";
import {
  ageOf,
  measuredMinutes,
  type PromiseCheck,
  type PromiseFacts,
  type PromiseFinding,
  type PromiseRow,
  type WorstCase,
  worstCase,
} from "./promises.ts";
import { scheduleFindings } from "./schedule-findings.ts";
import { describePending, termsInForce } from "./terms.ts";

/**
 * What is promised for each scenario, beside what schedules, plan, retention and storage class allow at worst, what is true now and
 * what was last measured. Pure: the caller reads the schedules and asks the vault.
 */
export function judgePromises(facts: PromiseFacts): PromiseCheck {
  const worst = worstCase(facts);
  const found = [
    ...scheduleFindings(facts),
    ...lossFindings(facts, worst),
    ...timeFindings(facts, worst),
    ...egressFindings(facts, worst),
    ...incidentFindings(facts.vault, facts.policy.incident, facts.now),
  ];
  const findings = settle(found, facts);
  const rows = scenarios.flatMap((scenario) => rowsOf(scenario, facts, worst, findings));
  return {
    rows,
    findings,
    green: findings.every(({ level }) => level !== "broken"),
    checkedAt: facts.now.toISOString(),
    online: facts.vault !== undefined,
    egress: egressSentence(facts, worst),
    shortened: shortened(facts),
  };
}

/** A term that is made shorter lets sets go that people may count on. Where there is no set yet, nobody does. */
function shortened({ policy, vault, now }: PromiseFacts): string[] {
  const announced = vault?.announced ?? [];
  if (announced.length === 0) return [];
  const { daily, weekly, monthly } = policy.tiers;
  const terms = { daily: daily.retentionDays, weekly: weekly.retentionDays, monthly: monthly.retentionDays };
  return termsInForce(terms, announced, now.getTime()).pending.map(describePending);
}

/** The worst first, and what somebody has taken on set apart. */
function settle(found: readonly PromiseFinding[], { policy, now }: PromiseFacts): PromiseFinding[] {
  const { accepted } = policy.promises;
  const today = now.toISOString().slice(0, 10);
  const settled = found.map((finding): PromiseFinding => {
    const taken = accepted.find((each) => each.finding === finding.name);
    if (taken === undefined || finding.level !== "broken") return finding;
    if (taken.until < today) {
      return { ...finding, message: `${finding.message} This was accepted until ${taken.until}, which has passed.` };
    }
    return { ...finding, level: "accepted", next: `Accepted until ${taken.until}: ${taken.reason} ${finding.next}` };
  });
  const idle = accepted.filter(({ finding }) => !found.some(({ name }) => name === finding));
  const order = ["broken", "accepted", "doubtful"];
  return [
    ...settled,
    ...idle.map(
      ({ finding }): PromiseFinding => ({
        name: "accepted.idle",
        level: "doubtful",
        message: `The policy accepts '${finding}', which is not found now.`,
        next: "Take it out of promises.accepted when it is settled, or correct its name.",
      }),
    ),
  ].sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
}

function rowsOf(
  scenario: Scenario,
  facts: PromiseFacts,
  worst: WorstCase,
  findings: readonly PromiseFinding[],
): PromiseRow[] {
  const { promises } = facts.policy;
  const { rtoMinutes, rpoMinutes } = promises.scenarios[scenario];
  const pitr = promises.supabase.pitrDays !== null && promises.supabase.plan !== "free";
  const own = !isVaultScenario(scenario);
  const loss = own ? worst.ownLoss : Math.max(worst.databaseLoss, worst.filesLoss);
  const lossNames = own
    ? ["rpo.pitr", "pitr.plan"]
    : [
        "rpo.database",
        "rpo.files",
        "unscheduled.database",
        "unscheduled.files",
        "now.database",
        "now.files",
        "egress.sets",
      ];
  const timeNames = [
    `rto.${scenario}`,
    ...(own ? [] : ["archive-thaw"]),
    ...(scenario === "regionalDisaster" ? ["region"] : []),
  ];
  // A proof measures how long a set takes; point-in-time recovery is Supabase's, and no proof knows its time.
  const measured = own && pitr ? undefined : measuredMinutes(facts.vault, scenario)?.minutes;
  const thaw = !own && worst.needsThaw ? worst.thaw : 0;
  const time = measured === undefined ? (thaw > 0 ? thaw : undefined) : measured + thaw;
  return [
    {
      ...{ scenario, what: "RPO" as const, promised: rpoMinutes, atWorst: loss },
      ...{ now: own ? undefined : lossNow(facts), measured: undefined },
      state: stateOf(findings, lossNames, [loss, own ? 0 : (lossNow(facts) ?? 0)], rpoMinutes),
    },
    {
      ...{ scenario, what: "RTO" as const, promised: rtoMinutes, atWorst: time, now: undefined, measured },
      state: stateOf(findings, timeNames, [time], rtoMinutes),
    },
  ];
}

function lossNow({ vault, now }: PromiseFacts): number | undefined {
  if (vault === undefined) return undefined;
  const age = (at: string | undefined): number => (at === undefined ? Number.POSITIVE_INFINITY : ageOf(at, now));
  return Math.max(age(vault.newestSetAt), vault.newestFilesAt === null ? 0 : age(vault.newestFilesAt));
}

function stateOf(
  findings: readonly PromiseFinding[],
  names: readonly string[],
  truths: readonly (number | undefined)[],
  promised: number,
): PromiseRow["state"] {
  const about = findings.filter(({ name }) => names.includes(name));
  if (about.some(({ level }) => level === "broken")) return "broken";
  if (about.some(({ level }) => level === "accepted")) return "accepted";
  if (truths.some((truth) => truth !== undefined && truth > promised)) return "broken";
  return truths.some((truth) => truth === undefined) ? "unmeasured" : "kept";
}
