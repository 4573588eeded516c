import { type PromiseFacts, type PromiseFinding, span } from "./promises.ts";
import type { Schedule } from "./read-schedules.ts";
import { type Cron, rhythmOf } from "./schedule.ts";

/** What is wrong with the schedules themselves, whatever is promised. */
export function scheduleFindings({ policy, schedules }: Pick<PromiseFacts, "policy" | "schedules">): PromiseFinding[] {
  return [
    ...schedules.wrong.map(
      ({ where, text, problem }): PromiseFinding => ({
        name: "cron.unreadable",
        level: "broken",
        message: `'${text}' in ${where} is no schedule: ${problem}. It never runs.`,
        next: "Write five fields as GitHub's documentation of `schedule` shows them.",
      }),
    ),
    ...schedules.schedules.flatMap((schedule) => [
      ...schedule.crons.flatMap((cron) => cronFindings(cron, schedule)),
      ...onTheHour(schedule),
    ]),
    ...retentionFindings({ policy, schedules }),
  ];
}

function cronFindings(cron: Cron, { where, oncePer, zoned }: Schedule): PromiseFinding[] {
  const { perYear } = rhythmOf([{ crons: [cron], oncePer: undefined, zoned }]);
  if (perYear === 0) {
    return [
      {
        name: "cron.never",
        level: "broken",
        message: `'${cron.text}' in ${where} never runs: there is no such day.`,
        next: "Correct its day and month.",
      },
    ];
  }
  const [minute, hour, day = "", , weekday = ""] = cron.text.split(" ");
  const often = cron.minutes.some((each, index) => each - (cron.minutes[index - 1] ?? Number.NEGATIVE_INFINITY) < 5);
  return [
    ...(cron.eitherDay
      ? [
          {
            name: "cron.either-day",
            level: oncePer === undefined ? ("broken" as const) : ("doubtful" as const),
            message:
              `'${cron.text}' in ${where} runs on days ${day} of the month and on every day ${weekday} of the week as well ` +
              `(${Math.round(perYear)} times a year): cron joins its two day fields by OR.`,
            next: `Write '${minute} ${hour} * * ${weekday}' and let the vault decide (once-per: month): the first such day makes the set.`,
          },
        ]
      : []),
    ...(often
      ? [
          {
            name: "cron.too-often",
            level: "doubtful" as const,
            message: `'${cron.text}' in ${where} asks for less than 5 minutes between runs, which GitHub does not give.`,
            next: "Ask for every 5 minutes, or less often.",
          },
        ]
      : []),
  ];
}

/** GitHub: load is high at the start of every hour, and runs may be late or dropped (docs, "Events that trigger workflows"). */
function onTheHour({ crons, where, purpose }: Schedule): PromiseFinding[] {
  if (crons.length === 0 || !crons.every(({ minutes }) => minutes.every((minute) => minute % 60 === 0))) return [];
  return [
    {
      name: "cron.on-the-hour",
      level: "doubtful",
      message: `Every run of ${where} (${purpose}) starts on the hour, when GitHub is latest and drops runs.`,
      next: "Move it, or add a second attempt, to an odd minute.",
    },
  ];
}

/** A tier whose sets are gone before the next one is there leaves nothing for a while. */
function retentionFindings({ policy, schedules }: Pick<PromiseFacts, "policy" | "schedules">): PromiseFinding[] {
  const tiers = ["daily", "weekly", "monthly"] as const;
  return tiers.flatMap((tier): PromiseFinding[] => {
    const works = schedules.schedules.filter(({ purpose }) => purpose === tier);
    const kept = policy.tiers[tier].retentionDays * 1440;
    if (works.length === 0) {
      const message = `No schedule makes ${tier} sets, although the policy keeps them for ${span(kept)}.`;
      return [
        { name: `tier.${tier}`, level: "doubtful", message, next: `Schedule tier ${tier}, or rely on the others.` },
      ];
    }
    const { worstGap } = rhythmOf(works);
    const between = worstGap + policy.promises.lateMinutes + policy.promises.runMinutes;
    // One that never runs is told by itself.
    if (!Number.isFinite(worstGap) || kept >= between) return [];
    const message = `A ${tier} set is kept for ${span(kept)}, and the next one may come only after ${span(between)}.`;
    const next = `Keep tier ${tier} for at least ${Math.ceil(between / 1440)} days, or make its sets more often.`;
    return [{ name: `retention.${tier}`, level: "broken", message, next }];
  });
}
