import { randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { ConfigurationError, LifeboatError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { clip, countOf } from "../base/measures.ts";
import { recordTouches, TouchRecord } from "../base/touched.ts";
import { type Environment, optional } from "../config/environment.ts";
import type { Config } from "../config/load.ts";
import { Problems } from "../config/problems.ts";
import { readVault } from "../config/vault-location.ts";
import { filePending, pendingFolder } from "../operations/audit/pending-entries.ts";
import type { RunTrail } from "../operations/audit/run-trail.ts";
import { readsReplica } from "../operations/field.ts";
import { auditOf, type Operation, type Told } from "../operations/operation.ts";
import { cleaner } from "../report/run/clean-text.ts";
import type { RunIdentity } from "../report/run/run-report.ts";
import type { Draft, EndDraft, Head, Who } from "../vault/audit/entry.ts";

interface AuditedWork {
  readonly operation: Operation;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly config: Config;
  readonly env: Environment;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly run: RunIdentity;
  /** Told the end of the trail, as soon as the run's own entry is it. */
  readonly anchored?: ((head: Head) => void) | undefined;
}

/** Somebody waits for the begin, and a cancelled job has seven seconds for the end. */
const patience = { attempts: 4, totalSeconds: 20, stallSeconds: 8 } as const;

/**
 * Does a verb's work between its two entries in the audit trail: `begin` before anything is touched, `end` whatever came of it. An
 * entry that cannot be written is an alarm; what removes something, or restores, is refused then.
 * @throws ConfigurationError `audit-unwritten`; what the work throws
 */
export async function auditedRun(run: AuditedWork, work: () => Promise<Told>): Promise<Told> {
  const { operation, inputs, env, log, signal } = run;
  const audited = auditOf(operation, inputs, env);
  if (!audited.counts) return work();
  const location = readVault(env, "S3_BACKUP_BUCKET", new Problems(), run.config.policy.regions);
  if (location === undefined) {
    log.info("This run leaves no entry in the audit trail: S3_BACKUP_BUCKET is not set.");
    return work();
  }
  const { openVault } = await import("../vault/s3/client.ts");
  const { openRunTrail } = await import("../operations/audit/run-trail.ts");
  using vault = openVault({ ...location, retry: patience });
  const entries = new Entries(run, await openRunTrail(run.config, env, vault), audited.rehearsal);

  const refusal = await entries.begin();
  if (refusal !== undefined) goOnWithout(run, audited.refused, refusal);
  else await entries.fileEarlier();
  const touched = new TouchRecord();
  let ended: Promise<LifeboatError | undefined> | undefined;
  const end = (how: Pick<EndDraft, "outcome" | "code">) => {
    ended ??= entries.end(how, touched);
    return ended;
  };
  // The work may be deaf to the signal; its entry is not.
  const cancelled = () => void end({ outcome: "cancelled", code: "cancelled" });
  signal.addEventListener("abort", cancelled, { once: true });
  try {
    const told = await recordTouches(touched, work);
    const outcome = told.failure !== undefined ? "failure" : told.skipped === true ? "skipped" : "success";
    const lost = await end({ outcome, code: told.failure?.code ?? null });
    // Who reads the replica knows that the vault is out of reach, and has been warned.
    const known = entries.withoutAudit !== null || readsReplica(operation.inputs, inputs);
    if (lost === undefined || known || notMadeYet(operation, lost)) return told;
    return alarmed(told, lost.message);
  } catch (error) {
    await end({ outcome: "failure", code: codeOf(error) });
    throw error;
  } finally {
    signal.removeEventListener("abort", cancelled);
  }
}

/** @throws ConfigurationError `audit-unwritten` for what must not be done without an entry */
function goOnWithout({ operation, inputs, log }: AuditedWork, refused: string | undefined, why: LifeboatError): void {
  const what = `The entry in the audit trail cannot be written: ${why.message.replace(/\.$/, "")}.`;
  if (notMadeYet(operation, why)) {
    log.warn(`${what} The run goes on, and its entry is written at its end, if the vault is there then.`);
    return;
  }
  const inWords = "withoutAudit" in operation.inputs.shape;
  if (refused !== undefined && inputs["withoutAudit"] === undefined) {
    throw new ConfigurationError(
      "audit-unwritten",
      `${what} '${operation.name}' ${refused}, and is refused without it.`,
      inWords
        ? 'Make the vault writable. Where that cannot wait, say so: --without-audit "why". The entry is then kept in a file beside you (runbooks/audit-trail.md).'
        : "Make `audit/` in the vault writable, then run it again (runbooks/audit-trail.md).",
    );
  }
  log.warn(`ALARM: ${what} The run goes on without it.`);
}

/** Who makes the account has no vault yet, or, at GitHub, no right to it: a trail that was never there alarms nobody. */
function notMadeYet({ writes }: Operation, { code }: LifeboatError): boolean {
  return writes.includes("account") && (code === "s3-bucket-missing" || code === "s3-credentials");
}

/** The work was done: that nobody can see it in the trail is for people to know. */
function alarmed(told: Told, why: string): Told {
  if (told.failure !== undefined) return told;
  return {
    ...told,
    failure: {
      code: "audit-unwritten",
      message: `The work was done, and its entry in the audit trail could not be written: ${why}`,
      next: "Make `audit/` in the vault writable; nothing that removes data, and no restore, runs until then (runbooks/audit-trail.md).",
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof LifeboatError && /^[a-z0-9-]{1,80}$/.test(error.code) ? error.code : "unexpected";
}

/** One entry of this run that is not in the trail yet. */
interface Waiting {
  draft(at: Date, filed: Draft["filed"]): Draft;
  /** When it was first to be written, by our clock. */
  since: Date | undefined;
}

class Entries {
  readonly withoutAudit: string | null;
  readonly #run: AuditedWork;
  readonly #trail: RunTrail;
  readonly #rehearsal: boolean;
  readonly #id = randomBytes(8).toString("hex");
  readonly #who: Who;
  readonly #clean: (text: string) => string;
  readonly #waiting: Waiting[] = [];
  #begun: Promise<LifeboatError | undefined> | undefined;

  constructor(run: AuditedWork, trail: RunTrail, rehearsal: boolean) {
    [this.#run, this.#trail, this.#rehearsal] = [run, trail, rehearsal];
    const clean = cleaner(run.env);
    this.#clean = (text) => clean(text.toWellFormed());
    this.#who = whoIs(run.run, run.env, this.#clean);
    this.withoutAudit = this.#text("withoutAudit", 500);
  }

  /** @returns why it could not be written; undefined: it stands there */
  begin(): Promise<LifeboatError | undefined> {
    const { operation, inputs, config, env } = this.#run;
    const works = operation.writes.includes("target") || "target" in operation.inputs.shape;
    const target = works ? (operation.target?.(inputs, config.policy) ?? this.#text("target")) : null;
    const given = optional(env, "LIFEBOAT_REASON");
    const entry = {
      ...{ event: "begin" as const, id: this.#id, operation: operation.name, who: this.#who },
      ...{ set: this.#text("set"), target, rehearsal: this.#rehearsal, breakGlass: this.#trail.breakGlass },
      what: this.#text("what") ?? this.#text("action") ?? this.#text("scenario") ?? this.#text("tier"),
      reason: this.#text("reason", 500) ?? (given === undefined ? null : clip(this.#clean(given), 500)),
      withoutAudit: this.withoutAudit,
    };
    this.#begun = this.#write((at, filed) => ({ ...entry, at: at.toISOString(), filed }));
    return this.#begun;
  }

  /** What earlier runs on this machine could not write. */
  async fileEarlier(): Promise<void> {
    const { env, log } = this.#run;
    try {
      const { filed, refused } = await filePending(this.#trail.writer, pendingFolder(env), accountOf(this.#who));
      if (filed > 0) log.info(`Filed ${countOf(filed, "entry", "entries")} of earlier runs in the audit trail.`);
      for (const path of refused) log.warn(`${path} is no entry of the audit trail that can be filed.`);
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      log.warn(`Entries of earlier runs could not be filed in the audit trail: ${error.message}`);
    }
  }

  /** @returns why an entry of this run could not be written; undefined: all stand there */
  async end(how: Pick<EndDraft, "outcome" | "code">, touched: TouchRecord): Promise<LifeboatError | undefined> {
    await this.#begun;
    const { thingsOf } = await import("../vault/audit/entry.ts");
    const things = {
      made: thingsOf(touched.list("made")),
      opened: thingsOf(touched.list("opened")),
      removed: thingsOf(touched.list("removed")),
    };
    const entry = { event: "end" as const, id: this.#id, operation: this.#run.operation.name, who: this.#who };
    const lost = await this.#write((at, filed) => ({ ...entry, ...how, ...things, at: at.toISOString(), filed }));
    if (lost !== undefined) await this.#keep();
    return lost;
  }

  async #write(draft: Waiting["draft"]): Promise<LifeboatError | undefined> {
    const { writer } = this.#trail;
    this.#waiting.push({ draft, since: undefined });
    try {
      for (let one = this.#waiting[0]; one !== undefined; one = this.#waiting[0]) {
        const { draft: make, since } = one;
        const by = accountOf(this.#who);
        const head = await writer.append((at) =>
          since === undefined ? make(at, null) : make(since, { at: at.toISOString(), by }),
        );
        this.#waiting.shift();
        this.#run.anchored?.(head);
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      for (const one of this.#waiting) one.since ??= new Date();
      return error;
    }
  }

  /** What could not be written waits in a file, where a person has said that it has to go on. */
  async #keep(): Promise<void> {
    const { env, log } = this.#run;
    if (this.withoutAudit === null) return;
    const { keepPending } = await import("../vault/audit/pending.ts");
    const drafts = this.#waiting.map(({ draft, since = new Date() }) => draft(since, null));
    const path = await keepPending(pendingFolder(env), this.#id, drafts);
    log.warn(`The entries of this run in the audit trail are kept in ${path}: file them with \`lifeboat audit file\`.`);
    // A runner's disk is gone with its job; its log is not.
    if (this.#who.by === "github") for (const draft of drafts) log.info(JSON.stringify(draft));
  }

  #text(name: string, most = 300): string | null {
    const value = this.#run.inputs[name];
    return typeof value === "string" && value !== "" ? clip(this.#clean(value), most) : null;
  }
}

export function accountOf(who: Who): string {
  return who.by === "github" ? who.actor : who.user;
}

export function whoIs(run: RunIdentity, env: Environment, clean: (text: string) => string): Who {
  const name = (text: string) => clip(clean(text), 300);
  if (optional(env, "GITHUB_RUN_ID") === undefined)
    return { by: "person", user: name(account(env)), host: name(hostname()), run: run.runId };
  const environment = optional(env, "LIFEBOAT_ENVIRONMENT");
  return {
    by: "github",
    actor: name(optional(env, "GITHUB_TRIGGERING_ACTOR") ?? optional(env, "GITHUB_ACTOR") ?? "unknown"),
    ...{ workflow: run.workflow, run: run.runId, attempt: run.attempt, event: run.event },
    job: name(optional(env, "GITHUB_JOB") ?? "unknown"),
    environment: environment === undefined ? null : name(environment),
  };
}

/** A machine need not know the account that a process runs as. */
function account(env: Environment): string {
  try {
    return userInfo().username;
  } catch {
    return optional(env, "USER") ?? "unknown";
  }
}
