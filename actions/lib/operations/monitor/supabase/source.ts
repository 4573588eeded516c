import { ConfigurationError } from "../../../base/errors.ts";
import { type Clock, realClock } from "../../../base/flow/clock.ts";
import { readManagementApi } from "../../../config/environment.ts";
import { ApiRefusal } from "../../../supabase/api-refusal.ts";
import { type ManagementApi, openManagementApi, type Transport } from "../../../supabase/management-api.ts";
import { readMetrics } from "../../../supabase/metrics.ts";
import { readBackups } from "../../../supabase/point-in-time.ts";
import {
  readBackupDays,
  readDiskAutoscale,
  readDiskUse,
  readPitrDays,
  readPlan,
  readProject,
  readReadOnly,
  readServices,
} from "../../../supabase/vitals.ts";
import { type Look, once } from "../check.ts";

/** What a test may put in the place of the world. */
export interface Seams {
  readonly transport?: Transport;
  readonly clock?: Clock;
}

/** A request may take so long, and is tried so often, that a check ends before the table gives it up. */
const requestSeconds = 8;
const patience = { attempts: 3, totalSeconds: 12, baseMillis: 500, capMillis: 4000 };
/** Milliseconds between two requests. */
const spacing = 200;

/** Milliseconds between two counts of the rows that were written. */
const watched = 10_000;

/**
 * What the checks ask Supabase. Everything is asked when it is first needed, and once: a run makes ten requests, an eleventh where
 * point-in-time recovery lags. Every method throws what the client throws, and ConfigurationError `configuration` where the token or the
 * project is not set.
 */
export class SupabaseSource {
  readonly #look: Look;
  readonly #seams: Seams;
  readonly #clock: Clock;
  #api: ManagementApi | undefined;

  constructor(look: Look, seams: Seams = {}) {
    this.#look = look;
    this.#seams = seams;
    this.#clock = seams.clock ?? realClock;
  }

  readonly project = this.#once(readProject);
  readonly services = this.#once(readServices);
  readonly backups = this.#once(readBackups);
  readonly readOnly = this.#once(readReadOnly);
  readonly diskUse = this.#once(readDiskUse);
  readonly diskAutoscale = this.#once(readDiskAutoscale);
  readonly pitrDays = this.#once(readPitrDays);
  readonly metrics = this.#once(readMetrics);
  readonly #metricsAgain = this.#once(readMetrics);
  readonly plan = this.#once(async (api) => readPlan(api, await this.#organization()));
  readonly backupDays = this.#once(async (api) => readBackupDays(api, await this.#organization()));

  /** The rows that were ever written, twice within seconds; undefined where the server does not tell. */
  async written(): Promise<{ readonly first: number; readonly second: number } | undefined> {
    const { rowsWritten: first } = await this.metrics();
    if (first === undefined) return undefined;
    await this.#clock.sleep(watched, this.#look.context.signal);
    const { rowsWritten: second } = await this.#metricsAgain();
    return second === undefined ? undefined : { first, second };
  }

  /**
   * What the token is refused, over everything that is asked.
   * @throws what one of them throws, when nothing was answered and nothing refused
   */
  async refusals(): Promise<{ readonly refused: boolean; readonly missing: readonly string[] }> {
    const all = [
      ...[this.project, this.services, this.backups, this.readOnly, this.diskUse, this.diskAutoscale],
      ...[this.pitrDays, this.metrics, this.plan, this.backupDays],
    ];
    const settled = await Promise.allSettled(all.map((ask: () => Promise<unknown>) => ask()));
    const reasons: unknown[] = settled.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    const denied = reasons.filter((reason) => reason instanceof ApiRefusal);
    if (reasons.length === settled.length && denied.length === 0) throw reasons[0];
    return {
      refused: denied.some(({ code }) => code === "api-token"),
      missing: [...new Set(denied.flatMap(({ missingPermissions }) => missingPermissions))].sort(),
    };
  }

  /** Whether the token is one of named permissions (supabase.com/changelog, scoped personal access tokens). */
  get scoped(): boolean {
    return this.#settings().token.reveal().startsWith("sbp_fc");
  }

  async #organization(): Promise<string> {
    const { organization } = await this.project();
    if (organization !== undefined) return organization;
    throw new ConfigurationError(
      "organization-unknown",
      "Supabase's Management API does not tell the project's organisation.",
      "Give the token's account the right to read the project's organisation.",
    );
  }

  #once<T>(read: (api: ManagementApi, ref: string) => Promise<T>): () => Promise<T> {
    return once(async () => read(this.#open(), this.#ref()));
  }

  #open(): ManagementApi {
    this.#api ??= openManagementApi({
      ...this.#settings(),
      ...{ requestSeconds, patience, spacing, clock: this.#clock, signal: this.#look.context.signal },
      ...(this.#seams.transport && { transport: this.#seams.transport }),
    });
    return this.#api;
  }

  #settings() {
    const settings = readManagementApi(this.#look.context.env);
    if (settings !== undefined) return settings;
    throw new ConfigurationError(
      "configuration",
      "SUPABASE_ACCESS_TOKEN is not set: Supabase was not asked.",
      "Set SUPABASE_ACCESS_TOKEN to a scoped token with read permissions for this project: in .env, and in the environment `monitor` on GitHub.",
    );
  }

  #ref(): string {
    const { projectRef } = this.#look.context.config();
    if (projectRef !== null) return projectRef;
    throw new ConfigurationError(
      "configuration",
      "SUPABASE_PROJECT_REF is not set: Supabase was not asked.",
      "Set the project's ref.",
    );
  }
}
