import { LifeboatError } from "../../../base/errors.ts";
import { formatDuration } from "../../../base/measures.ts";
import { ApiRefusal } from "../../../supabase/api-refusal.ts";
import type { Requested } from "../../../supabase/point-in-time.ts";
import { refuseBeforeWindow, utcSecond } from "./moment.ts";
import { Decision, remember, unlessRefused, type Work } from "./work.ts";

/** Between two questions: 120 requests a minute are everybody's of the same account together. */
const pauseMillis = 10_000;
/** So long is looked for signs of a request whose answer was lost, before it is sent again. */
const lookMillis = 120_000;
const mostSends = 2;

/**
 * Asks for the recovery, once: it cannot be undone and has no number to ask for. A moment that cannot be reached yet is waited for; an
 * answer that was lost is not followed by a second request before the database and Supabase's word show that nothing has begun.
 *
 * @throws ConfigurationError `time-before-window`, what the API refuses; Decision `pitr-off`, `refused`, `unsure`
 */
export async function askForRecovery(work: Work, signal: AbortSignal): Promise<void> {
  const { ports, target } = work;
  if (work.known.accepted) return;
  let sends = 0;
  // An earlier run was killed between the request and its answer.
  if (work.known.requestedAt !== null) {
    sends++;
    ports.log.warn("An earlier run may have sent the request already: looking before it is sent again.");
    if (await hasBegun(work, work.known.requestedAt, signal)) return remember(work, { accepted: true });
  }
  for (;;) {
    await waitForWindow(work, signal);
    const look = await ports.look(target.unix, signal);
    const requestedAt = ports.clock.now();
    await remember(work, { requestedAt, ...(look.kind === "inside" && { before: look.facts }) });
    const answer = await send(work);
    switch (answer.answer) {
      case "accepted":
        ports.log.info(
          `Supabase has taken the request at ${utcSecond(requestedAt)}. Its first word afterwards is still the old one.`,
        );
        return remember(work, { accepted: true });
      case "unsure":
        sends++;
        ports.log.warn("The answer to the request was lost: looking whether the recovery has begun.");
        if (await hasBegun(work, requestedAt, signal)) return remember(work, { accepted: true });
        if (sends >= mostSends)
          throw new Decision(
            "unsure",
            `The request was sent ${sends} times, no answer came, and nothing shows that it was taken.`,
            "Ask for it by hand: dashboard, Database, Backups, Point in time; then run this again with --asked-at TIME. Or choose another way.",
          );
        break;
      case "out-of-range":
        await remember(work, { requestedAt: null });
        if (answer.earliest !== undefined)
          refuseBeforeWindow(target, { earliest: answer.earliest, latest: answer.latest ?? target.unix });
        await ports.clock.sleep(waitFor(target.unix, answer.latest), signal);
        break;
      case "none":
        await remember(work, { requestedAt: null });
        await ports.clock.sleep(pauseMillis, signal);
        break;
      default:
        await remember(work, { requestedAt: null });
        throw refusedBy(answer);
    }
  }
}

/** `none`: nothing has reached the API. */
async function send({ ports, target }: Work): Promise<Requested | { readonly answer: "none" }> {
  try {
    return await ports.request(target.unix);
  } catch (error) {
    if (error instanceof ApiRefusal || !(error instanceof LifeboatError)) throw error;
    ports.log.warn(`${error.message} It is tried again.`);
    return { answer: "none" };
  }
}

/** Seconds behind: the bound moves on with the clock. Never a storm of requests, never longer than half a minute. */
function waitFor(unix: number, latest: number | undefined): number {
  if (latest === undefined) return 20_000;
  return Math.min(30_000, Math.max(5000, (unix - latest) * 1000));
}

/** Until what the API says can be reached has passed the moment. Where it does not say, the request itself will tell. */
async function waitForWindow({ ports, target }: Work, signal: AbortSignal): Promise<void> {
  for (let said = false; ; said = true) {
    const backups = await ports.backups().catch(unlessRefused);
    const window = backups?.window;
    if (window == null || window.latest >= target.unix) return;
    if (!said)
      ports.log.info(
        `Waiting until Supabase can go back to ${utcSecond(target.unix * 1000)}; its newest point is ${utcSecond(window.latest * 1000)}.`,
      );
    await ports.clock.sleep(waitFor(target.unix, window.latest), signal);
  }
}

/**
 * Whether a recovery has begun since a request: the database was started again or has gone silent, or Supabase calls the project
 * something else than healthy.
 */
async function hasBegun({ ports, target, known }: Work, requestedAt: number, signal: AbortSignal): Promise<boolean> {
  const until = Math.max(ports.clock.now(), requestedAt) + lookMillis;
  let silent = 0;
  for (;;) {
    const look = await ports.look(target.unix, signal);
    if (look.kind === "inside" && look.facts.askedAt - look.facts.uptime > requestedAt) return true;
    silent = look.kind === "inside" ? 0 : silent + 1;
    const status = await ports.projectStatus().catch(unlessRefused);
    if (status !== undefined && /^(RESTOR|COMING_UP|GOING_DOWN|RESTARTING)/.test(status)) return true;
    // It answered before the request, and has stopped since.
    const stopped = known.before !== null && silent > 0;
    if (stopped && silent >= 3) return true;
    if (ports.clock.now() >= until && !stopped) {
      ports.log.info(`Nothing of a recovery was seen for ${formatDuration(lookMillis)}: the request was not taken.`);
      return false;
    }
    await ports.clock.sleep(pauseMillis, signal);
  }
}

function refusedBy(answer: Extract<Requested, { answer: "refused" }>): Decision {
  const said = answer.said === "" ? "" : ` It says: ${answer.said}`;
  switch (answer.reason) {
    case "pitr-off":
      return new Decision(
        "pitr-off",
        `Supabase has no point-in-time recovery for this project.${said}`,
        "Choose one of the ways that are left.",
      );
    case "disk-full":
      return new Decision(
        "refused",
        `Supabase could not look at the database, which is what a disk that is nearly full looks like.${said}`,
        "Enlarge the disk (dashboard, Database Settings; one change in about four hours), then run the same command again. Or choose another way.",
      );
    default:
      return new Decision(
        "refused",
        `Supabase refuses the recovery.${said}`,
        "Try it in the dashboard (Database, Backups, Point in time), or choose another way. Supabase's support: supabase.com/dashboard/support/new.",
      );
  }
}
