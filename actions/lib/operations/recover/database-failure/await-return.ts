import { formatDuration } from "../../../base/measures.ts";
import { type ContentFacts, type InsideFacts, type Judgement, judgeInside } from "./judge-inside.ts";
import { Decision, type Look, remember, unlessOurs, type Work } from "./work.ts";

/** Out of these nothing comes by waiting. */
const lost = new Set(["RESTORE_FAILED", "INIT_FAILED", "REMOVED"]);
const pauseMillis = 5000;
/** Wrong passwords at a steady pace trip the pooler's breaker, for every login: each refusal doubles the pause. */
const refusedMillis = { first: 10_000, most: 60_000 } as const;
/** What cannot be proven is said when it has been so for a while, and Supabase calls the project healthy. */
const settledMillis = 45_000;
/** What is proven has to stay so for a while: a restore was seen to fail right after its database had come back. */
const steadyMillis = 15_000;
/** Two looks at one server tell its start a little differently: what the question took is in it. */
const sameStart = 5000;

/**
 * Waits until the database shows from inside that it has gone back to the moment. Supabase's word alone never counts: its first answer
 * after a request is healthy, and stays so after some restores that brought back nothing.
 *
 * @param until milliseconds since 1970: by then somebody has to decide
 * @throws Decision `restore-failed`, `not-back`, `not-proven`
 */
export async function awaitReturn(work: Work, until: number, signal: AbortSignal): Promise<Judgement> {
  const { ports } = work;
  const seen = new Observations(work);
  for (;;) {
    // It is asked again; that it refuses or is gone does not keep anybody from looking inside.
    const status = await ports.projectStatus().catch(unlessOurs);
    seen.look(await ports.look(work.target.unix, signal));
    const judgement = await seen.judge(signal);
    if (judgement !== undefined && judgement.verdict !== "failed" && seen.settled(judgement, status)) {
      await remember(work, { verdict: judgement.verdict });
      return judgement;
    }
    seen.told(status, judgement);
    if (status !== undefined && lost.has(status))
      throw new Decision(
        "restore-failed",
        `Supabase calls the project ${status}. ${seen.describe(judgement)}`,
        "Nothing comes of waiting. Choose another way, and open a ticket: supabase.com/dashboard/support/new.",
      );
    const now = ports.clock.now();
    if (now >= until)
      throw new Decision(
        judgement === undefined ? "not-back" : "not-proven",
        `${formatDuration(now - (work.known.requestedAt ?? now))} after the request the recovery is not shown to be done. Supabase calls the project ${status ?? "nothing"}. ${seen.describe(judgement)}`,
        "Run the same command again to wait longer, or choose another way.",
      );
    await ports.clock.sleep(Math.min(seen.pause(), Math.max(0, until - now)), signal);
  }
}

/** What was seen so far. */
class Observations {
  readonly #work: Work;
  #last: Look = { kind: "silent", why: "not asked yet" };
  #refusals = 0;
  #contents: { readonly startedAt: number; readonly found: ContentFacts | undefined } | undefined;
  #since: { readonly verdict: Judgement["verdict"]; readonly at: number } | undefined;
  #said = "";

  constructor(work: Work) {
    this.#work = work;
  }

  look(look: Look): void {
    this.#last = look;
    this.#refusals = look.kind === "refused" ? this.#refusals + 1 : 0;
  }

  async judge(signal: AbortSignal): Promise<Judgement | undefined> {
    const judgement = await this.#look(signal);
    if (judgement?.verdict !== this.#since?.verdict)
      this.#since = judgement && { verdict: judgement.verdict, at: this.#work.ports.clock.now() };
    return judgement;
  }

  async #look(signal: AbortSignal): Promise<Judgement | undefined> {
    if (this.#last.kind !== "inside") return undefined;
    const { facts } = this.#last;
    const quick = this.#judge(facts, undefined);
    if (quick.verdict === "failed") return quick;
    const contents = await this.#compare(facts, signal);
    // What was compared has to be what is there now: it may have been started again meanwhile.
    const again = await this.#work.ports.look(this.#work.target.unix, signal);
    if (again.kind !== "inside") {
      this.look(again);
      return undefined;
    }
    return this.#judge(again.facts, contents);
  }

  #judge(now: InsideFacts, contents: ContentFacts | undefined): Judgement {
    const { target, known } = this.#work;
    return judgeInside({ target, requestedAt: known.requestedAt, before: known.before ?? undefined, now, contents });
  }

  /** Once for each start of the server: it takes a while, and what was lost is lost from the start. */
  async #compare({ askedAt, uptime }: InsideFacts, signal: AbortSignal): Promise<ContentFacts | undefined> {
    const startedAt = askedAt - uptime;
    if (this.#contents !== undefined && Math.abs(this.#contents.startedAt - startedAt) < sameStart)
      return this.#contents.found;
    try {
      const found = await this.#work.ports.compare(signal);
      this.#contents = { startedAt, found };
      return found;
    } catch (error) {
      signal.throwIfAborted();
      // It broke off, or was started again: the next look tells.
      return unlessOurs(error);
    }
  }

  /** Whether a verdict has been the same for long enough; what is only unproven needs Supabase's word as well. */
  settled({ verdict }: Judgement, status: string | undefined): boolean {
    const since = this.#since?.verdict === verdict ? this.#work.ports.clock.now() - this.#since.at : 0;
    return verdict === "proven" ? since >= steadyMillis : status === "ACTIVE_HEALTHY" && since >= settledMillis;
  }

  pause(): number {
    if (this.#refusals === 0) return pauseMillis;
    return Math.min(refusedMillis.most, refusedMillis.first * 2 ** (this.#refusals - 1));
  }

  /** What is new is said; the same is not said every five seconds. */
  told(status: string | undefined, judgement: Judgement | undefined): void {
    const line = `Supabase calls the project ${status ?? "nothing: its API does not answer"}. ${this.describe(judgement)}`;
    const kind = `${status} ${this.#last.kind} ${judgement?.findings.map(({ what, verdict }) => `${what} ${verdict}`).join()}`;
    if (kind === this.#said) return;
    this.#said = kind;
    this.#work.ports.log.info(line);
  }

  describe(judgement: Judgement | undefined): string {
    const last = this.#last;
    if (last.kind === "silent") return `The database does not answer (${last.why}).`;
    if (last.kind === "refused")
      return `The database lets nobody in (${last.why}). After a recovery the password may be the one of that time: set it anew (dashboard, Database Settings).`;
    const found = judgement?.findings.filter(({ verdict }) => verdict !== "proven") ?? [];
    if (judgement !== undefined && found.length === 0) return "From inside: all of it is proven.";
    return `From inside: ${found.map(({ what, why }) => `${what}: ${why}`).join("; ")}.`;
  }
}
