import { z } from "zod";
import { LifeboatError, OperationError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/flow/clock.ts";
import type { Patience } from "../../../base/flow/retry.ts";
import type { Log } from "../../../base/log.ts";
import { ApiRefusal } from "../../../supabase/api-refusal.ts";
import type { Requested, SupabaseBackups } from "../../../supabase/point-in-time.ts";
import type { PublicStatus } from "../../../supabase/status-page.ts";
import type { ContentFacts, InsideFacts } from "./judge-inside.ts";
import type { Moment } from "./moment.ts";

export const scenario = "database-failure";

/** What somebody has asked for. */
export interface FailureRequest {
  /** RFC 3339 with offset. */
  readonly at: string;
  /** RFC 3339 with offset: when somebody has asked for it by hand, in the dashboard. */
  readonly askedAt: string | undefined;
  readonly noSetBecause: string | undefined;
  readonly planB: "start" | undefined;
  /** Ref of the project, typed. */
  readonly production: string | undefined;
  /** Of plan B's project. */
  readonly region: string | null;
  readonly projectName: string | null;
}

/** What a try to look into the database came to. */
export type Look =
  | { readonly kind: "inside"; readonly facts: InsideFacts }
  /** It answers and lets nobody in: the password is not (yet) what it was, or too many have tried (the pooler's breaker). */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "silent"; readonly why: string };

/** A set of the vault that can be trusted. */
export interface KnownSet {
  readonly set: string;
  /** ISO 8601. */
  readonly snapshotAt: string;
  /** Seconds that making it took. */
  readonly seconds: number;
}

/** Of the API's client: whoever looks every few seconds does not wait for one answer. */
export const apiPatience: Patience = { attempts: 3, totalSeconds: 45, baseMillis: 1000, capMillis: 20_000 };

/** The world, as far as a point-in-time recovery has to do with it. */
export interface Ports {
  readonly clock: Clock;
  readonly log: Log;
  publicStatus(signal: AbortSignal): Promise<PublicStatus>;
  /** Supabase's word. @throws what the API's client throws */
  projectStatus(): Promise<string>;
  backups(): Promise<SupabaseBackups>;
  request(unix: number): Promise<Requested>;
  /** Opens one session, asks, and hangs up: within some seconds. Throws nothing but the signal's reason. */
  look(unix: number, signal: AbortSignal): Promise<Look>;
  /** Compares the database with that set (`newestSet`); undefined where there is none. @throws LifeboatError when it breaks off */
  compare(signal: AbortSignal): Promise<ContentFacts | undefined>;
  /** The newest that is no newer than the moment, else the newest. */
  newestSet(): Promise<KnownSet | undefined>;
  /** @returns its id */
  beginIncident(): Promise<string>;
  /** Makes a set under the incident's mark and reads it back. @returns its id @throws LifeboatError */
  makeSet(signal: AbortSignal): Promise<string>;
}

const time = z.number();
const sentinelsSchema = z.strictObject({
  before: z.strictObject({ at: time, timeline: z.number() }).nullable(),
  after: z.strictObject({ count: z.number(), newest: time.nullable() }),
  newest: time.nullable(),
});

/** What a later run of the same recovery has to know. Times in milliseconds since 1970. */
export const knownSchema = z.object({
  unix: z.number().int(),
  typed: z.string().max(100),
  /** The newest look into the database from before the request. */
  before: z
    .strictObject({
      ...{ askedAt: time, uptime: time, timeline: z.number().nullable(), tables: z.number() },
      ...{ inRecovery: z.boolean(), readOnly: z.boolean(), sentinels: sentinelsSchema.nullable() },
    })
    .nullable(),
  incident: z.string().max(100).nullable(),
  /** The set that was made before the request; null: none. */
  set: z.string().max(100).nullable(),
  /** Why there is none. */
  noSet: z.string().max(500).nullable(),
  /** Noted before the request is sent: whoever takes it up knows that it may have been. */
  requestedAt: time.nullable(),
  /** Whether it is known to have been taken. */
  accepted: z.boolean(),
  verdict: z.enum(["proven", "unproven"]).nullable(),
});
export type Known = z.output<typeof knownSchema>;

export function nothingKnown({ unix, typed }: Moment): Known {
  const none = { before: null, incident: null, set: null, noSet: null, requestedAt: null, verdict: null };
  return { unix, typed, ...none, accepted: false };
}

/** What the phases work with. */
export interface Work {
  readonly ports: Ports;
  readonly target: Moment;
  /** Why no set is made before the request, in words; undefined: one is made where the database answers. */
  readonly noSetBecause: string | undefined;
  known: Known;
  /** Returns when it is safely noted. */
  remember(known: Known): Promise<void>;
}

export async function remember(work: Work, change: Partial<Known>): Promise<void> {
  work.known = { ...work.known, ...change };
  await work.remember(work.known);
}

/** For `catch`: undefined where something is not to be had now. What the API refuses will not change. @throws it, and what is not ours */
export function unlessRefused(error: unknown): undefined {
  if (error instanceof ApiRefusal) throw error;
  return unlessOurs(error);
}

/** For `catch`: undefined where something is not to be had, refused or not. @throws what is not ours */
export function unlessOurs(error: unknown): undefined {
  if (error instanceof LifeboatError) return undefined;
  throw error;
}

/** Why a point-in-time recovery does not go on by itself. */
export type Cause =
  | "pitr-off"
  | "no-window"
  | "refused"
  | "unsure"
  | "set-missing"
  | "restore-failed"
  | "not-back"
  | "not-proven";

/** A person has to decide, now: what is left, and what each way would lose, is told with it (`ways`). */
export class Decision extends OperationError {
  readonly why: Cause;

  constructor(cause: Cause, message: string, next: string) {
    super(`recovery-${cause}`, message, next);
    this.why = cause;
  }
}
