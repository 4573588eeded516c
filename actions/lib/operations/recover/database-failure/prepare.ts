import { LifeboatError } from "../../../base/errors.ts";
import { formatDuration } from "../../../base/measures.ts";
import type { PublicStatus } from "../../../supabase/status-page.ts";
import { describeMoment, type LastGood, refuseBeforeWindow } from "./moment.ts";
import { Decision, type Look, remember, unlessRefused, type Work } from "./work.ts";

/**
 * Looks at everything that a decision needs, and changes nothing: Supabase's status page, its word on the project, what it could go
 * back to, and the database itself.
 *
 * @throws ConfigurationError `time-before-window`, what the API refuses; Decision `pitr-off`, `no-window`
 */
export async function lookAround(work: Work, signal: AbortSignal): Promise<void> {
  const { ports, target } = work;
  const [page, status, look, newest] = await Promise.all([
    ports.publicStatus(signal),
    ports.projectStatus().catch(unlessRefused),
    ports.look(target.unix, signal),
    ports.newestSet().catch(unlessRefused),
  ]);
  for (const line of aboutStatus(page)) ports.log.info(line);
  ports.log.info(`Supabase calls the project ${status ?? "nothing: its API does not answer"}.`);
  ports.log.info(aboutLook(look));
  const before = look.kind === "inside" ? look.facts : null;
  await remember(work, { before });
  const lastGood = lastGoodOf(look, newest?.snapshotAt);
  ports.log.info(`The database is to go back to ${describeMoment(target, lastGood)}.`);
  const backups = await ports.backups();
  if (!backups.pitr)
    throw new Decision(
      "pitr-off",
      "Point-in-time recovery is not switched on for this project: Supabase cannot take it back to a moment, and has no way to restore it that a program could use.",
      "Choose one of the ways that are left.",
    );
  if (backups.window === null)
    throw new Decision(
      "no-window",
      "Point-in-time recovery is on and has nothing to go back to yet.",
      "Choose one of the ways that are left.",
    );
  refuseBeforeWindow(target, backups.window);
  const wait = target.unix - backups.window.latest;
  if (wait > 0)
    ports.log.info(
      `Supabase can go back to it in about ${formatDuration(wait * 1000)}: its newest point is a minute or two old.`,
    );
}

function aboutStatus(page: PublicStatus): string[] {
  if (!page.known)
    return [`What Supabase's status page says is not known: ${page.why}. That says nothing about the project.`];
  const head = `Supabase's status page: ${page.summary}.`;
  if (page.troubles.length === 0) return [head];
  return [
    head,
    ...page.troubles.map(
      (one) => `Supabase's trouble: ${one}. Where that is the cause, a recovery may wait for Supabase too.`,
    ),
  ];
}

function aboutLook(look: Look): string {
  if (look.kind === "silent") return `The database does not answer (${look.why}).`;
  if (look.kind === "refused") return `The database answers and lets nobody in (${look.why}).`;
  const { uptime, tables, sentinels } = look.facts;
  const seen =
    sentinels === null
      ? "without sentinels: no recovery of it can be proven (`lifeboat sentinels install`)"
      : "with sentinels";
  return `The database answers: started ${formatDuration(uptime)} ago, ${tables} tables, ${seen}.`;
}

/** @param snapshotAt of the newest set */
function lastGoodOf(look: Look, snapshotAt: string | undefined): LastGood | undefined {
  const sentinel = look.kind === "inside" ? look.facts.sentinels?.newest : null;
  if (typeof sentinel === "number") return { at: sentinel, what: "the newest sentinel" };
  return snapshotAt === undefined ? undefined : { at: Date.parse(snapshotAt), what: "the newest set" };
}

/** Nothing may be forgotten from here on. @throws Decision `set-missing` when it could not begin and nobody has waived the set */
export async function beginIncident(work: Work, signal: AbortSignal): Promise<void> {
  const { ports, noSetBecause } = work;
  try {
    await remember(work, { incident: await ports.beginIncident() });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LifeboatError)) throw error;
    if (noSetBecause === undefined)
      throw new Decision(
        "set-missing",
        `No incident could begin: ${error.message}`,
        `${error.next ?? ""} Or go on without, and say why: --no-set-because "…".`.trim(),
      );
    ports.log.warn(`No incident could begin, and it goes on without: ${error.message}`);
  }
}

/**
 * What the database is now is kept before it is overwritten: there is no way back. Not where it does not answer, and not where
 * somebody has said why.
 * @param seconds that it may take
 * @throws Decision `set-missing`
 */
export async function keepASet(work: Work, seconds: number, signal: AbortSignal): Promise<void> {
  const { ports, target, noSetBecause } = work;
  if (noSetBecause !== undefined) {
    ports.log.warn(`No set is made of what is there now: ${noSetBecause}`);
    return remember(work, { noSet: noSetBecause });
  }
  const look = await ports.look(target.unix, signal);
  if (look.kind !== "inside") {
    const noSet = `the database does not answer (${look.why})`;
    ports.log.warn(`No set is made of what is there now: ${noSet}.`);
    return remember(work, { noSet });
  }
  const waive = 'Or go on without, and say why: --no-set-because "…". What is there now is then lost for good.';
  const newest = await ports.newestSet().catch(unlessRefused);
  if (newest !== undefined && newest.seconds > seconds)
    throw new Decision(
      "set-missing",
      `A set of what is there now would take about ${formatDuration(newest.seconds * 1000)}, as the last one did; this phase has ${formatDuration(seconds * 1000)}.`,
      `Make one yourself first (\`lifeboat backup --tier daily\`), then run this again with --no-set-because. ${waive}`,
    );
  try {
    await remember(work, { set: await ports.makeSet(signal) });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LifeboatError)) throw error;
    throw new Decision(
      "set-missing",
      `No set could be made of what is there now: ${error.message}`,
      `${error.next ?? ""} ${waive}`.trim(),
    );
  }
}
