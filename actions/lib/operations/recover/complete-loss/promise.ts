import { errorCode } from "../../../base/errors.ts";
import { formatDuration, formatInstant } from "../../../base/measures.ts";
import { type Alert, cleanAlert } from "../../../notify/alert.ts";
import { conversationOf, deliver } from "../../../notify/channel.ts";
import { openChannels, pageUrls } from "../../../notify/open-channels.ts";
import { noThreads, vaultThreads } from "../../../notify/slack.ts";
import { cleaner } from "../../../report/run/clean-text.ts";
import { jobName } from "../../../report/run/run-report.ts";
import { kept, type Phase } from "../phases.ts";
import { type LossWork, rtoMinutesOf } from "./work.ts";

/** `decide`: what the phases may take together is used up, and what is left of the promised time is people's. `past`: so is that. */
type Turn = "decide" | "past";

type Tell = (turn: Turn, alert: Alert) => Promise<void>;

/**
 * Watches the time that the policy promises, from the recovery's begin. Phases that go on past their deadline could use up all of it. When the
 * phases' share is used up, and again when all of it is, this is noted and people are told at once what they can choose: each once, also
 * when a later run takes the recovery up. Nothing is interrupted.
 *
 * @param signal ends it, without an error
 */
export async function watchPromise(
  work: LossWork,
  phases: readonly Phase<LossWork>[],
  signal: AbortSignal,
  tell: Tell = tellNow(work),
): Promise<void> {
  const { clock, state, log } = work;
  const rtoMinutes = rtoMinutesOf(work);
  const begun = Date.parse(state.begunAt);
  const turns = { decide: begun + rtoMinutes * 60_000 * (1 - kept), past: begun + rtoMinutes * 60_000 };
  try {
    for (const [turn, at] of Object.entries(turns) as [Turn, number][]) {
      await clock.sleep(at - clock.now(), signal);
      const noted = work.facts().promise;
      // Taken up after the promise was broken: it is too late to decide in time.
      if (noted[turn] !== null || (turn === "decide" && clock.now() >= turns.past)) continue;
      await state.note({ promise: { ...noted, [turn]: new Date(clock.now()).toISOString() } });
      const current = phases.find(({ name }) => !state.times.some(({ phase }) => phase === name));
      const alert = promiseAlert(turn, work, current);
      log.warn(`${alert.sentence} ${alert.lines.join(" ")}`);
      // A channel that breaks must stop neither what is being brought back nor what is told later.
      await tell(turn, alert).catch((error: unknown) =>
        log.warn(`People could not be told (${errorCode(error) ?? "no code"}): tell them yourself.`),
      );
    }
  } catch (error) {
    if (!signal.aborted) log.warn(`The promised time is not watched any more (${errorCode(error) ?? "no code"}).`);
  }
}

/** What people are told, and what they can choose. */
function promiseAlert(turn: Turn, work: LossWork, current: Phase<LossWork> | undefined): Alert {
  const { state, clock, env } = work;
  const rtoMinutes = rtoMinutesOf(work);
  const { scenario } = work.facts().request;
  const promised = formatDuration(rtoMinutes * 60_000);
  const until = formatInstant(Date.parse(state.begunAt) + rtoMinutes * 60_000);
  const phase = current === undefined ? "" : ` It is at "${current.name}".`;
  const page = `runbooks/recover-${scenario}.md`;
  const url = pageUrls(env)(page);
  const since = formatDuration(clock.now() - Date.parse(state.begunAt));
  const sentence =
    turn === "decide"
      ? `Recovery ${state.id} has run for ${since}; ${promised} are promised, until ${until}.${phase} Somebody has to decide now.`
      : `Recovery ${state.id} is PAST THE PROMISE of ${promised}, which ended at ${until}.${phase}`;
  return {
    ...{ level: turn === "decide" ? "news" : "critical", sentence },
    title: turn === "decide" ? `Recovery: decide now (${scenario})` : `Recovery: past the promise (${scenario})`,
    facts: [],
    lines: choices(scenario, current),
    next: "Choose one, and tell the users what to expect: the runbook has the words.",
    links: url === undefined ? [] : [{ text: `Runbook: ${page}`, url }],
  };
}

function choices(scenario: string, current: Phase<LossWork> | undefined): string[] {
  return [
    `Let it go on: nothing is broken off.${current === undefined ? "" : ` ${current.whenLate}`}`,
    "Read the data meanwhile: restore the newest set into a plain PostgreSQL (`lifeboat restore latest`).",
    `Begin anew with another set or region: end this run, then \`lifeboat recover ${scenario} --give-up\` and begin with --set or --region. What it has done so far is lost.`,
  ];
}

/** By the channels that the policy names, in the conversation of this run. */
const tellNow =
  ({ context, sources, facts }: LossWork): Tell =>
  async (turn, alert) => {
    const { env, log, run } = context;
    const { policy } = context.config();
    const { channels: names, reach } = turn === "past" ? policy.notify.critical : policy.notify.failure;
    // A region that is gone must not hold up the message.
    const threads = facts().request.scenario === "regional-disaster" ? noThreads : vaultThreads(sources.vault);
    const about = { ...conversationOf(run, jobName(env), "recover"), onlyContinue: false };
    const channels = openChannels(names, { env, log, threads });
    const reached = await deliver(cleanAlert(alert, cleaner(env)), about, channels, { reach });
    if (reached.told.length > 0) log.info(`Told: ${reached.told.join(", ")}.`);
    else log.warn("Nobody could be told: tell them yourself.");
    for (const { channel, reason } of reached.untold) log.warn(`${channel} could not be told: ${reason}.`);
  };
