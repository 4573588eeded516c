import { ConfigurationError, LifeboatError, OperationError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/flow/clock.ts";
import type { Log } from "../../../base/log.ts";
import { type Environment, type ProjectStorage, refsOfDatabase, type Target } from "../../../config/environment.ts";
import type { Config } from "../../../config/load.ts";
import { Secret } from "../../../config/problems.ts";
import type { ManagementApi } from "../../../supabase/management-api.ts";
import {
  type ProjectKeys,
  projectUrl,
  readDatabaseAddress,
  readProjectKeys,
  storageBySession,
} from "../../../supabase/new-project/reach.ts";
import { assertProjectAllowed } from "../../../supabase/project.ts";
import { promiseOf } from "../../../vault/format/proof.ts";
import type { Context } from "../../context.ts";
import type { Sources } from "../sources.ts";
import type { RecoveryState } from "../state.ts";
import { factsSchema, type LossFacts, type Restored } from "./facts.ts";

/** Where the project comes back. */
export interface Place {
  readonly target: Target;
  /** Undefined where no files can be written. */
  readonly storage: ProjectStorage | undefined;
  /** Null where the target's settings name none: then nothing of the Management API can be done for it. */
  readonly ref: string | null;
  /** Of its API; null with `ref`. */
  readonly url: string | null;
  /** Undefined where the Management API was not asked. */
  readonly keys: ProjectKeys | undefined;
}

/** What the phases of a complete loss work with. */
export class LossWork {
  readonly context: Context;
  readonly sources: Sources;
  readonly state: RecoveryState;
  readonly clock: Clock;
  /** The target is staging, which a drill empties again. */
  readonly staysStaging: boolean;
  #api: ManagementApi | undefined;
  #place: Promise<Place> | undefined;

  /** @param api undefined where a person has made the target and no token is set */
  constructor(
    context: Context,
    {
      sources,
      state,
      clock,
      api,
      staysStaging = false,
    }: Pick<LossWork, "sources" | "state" | "clock"> & { api: ManagementApi | undefined; staysStaging?: boolean },
  ) {
    this.context = context;
    this.sources = sources;
    this.state = state;
    this.clock = clock;
    this.staysStaging = staysStaging;
    this.#api = api;
    this.facts = () => this.state.facts(factsSchema);
  }

  get log(): Log {
    return this.context.log;
  }

  get env(): Environment {
    return this.context.env;
  }

  /** Undefined where there is no way to it. */
  get optionalApi(): ManagementApi | undefined {
    return this.#api;
  }

  /** @throws ConfigurationError `api-token-missing` */
  get api(): ManagementApi {
    if (this.#api !== undefined) return this.#api;
    throw new ConfigurationError(
      "api-token-missing",
      "SUPABASE_ACCESS_TOKEN is not set.",
      "Set it to what it was when this recovery began.",
    );
  }

  /** As noted now. */
  readonly facts: () => LossFacts;

  /** Name of the project that this recovery makes: nobody else's. */
  get projectName(): string {
    return `${this.facts().plan.project?.name ?? ""} ${this.state.id}`;
  }

  /** Asked once. @throws what the API refuses */
  place(): Promise<Place> {
    this.#place ??= this.#find();
    // What could not be asked now may be asked later.
    this.#place.catch(() => {
      this.#place = undefined;
    });
    return this.#place;
  }

  async #find(): Promise<Place> {
    const { plan, ref, password } = this.facts();
    if (plan.project === null) return this.#given();
    if (ref === null || password === null)
      throw new OperationError("recovery-unknown", `Recovery ${this.state.id} has not noted which project it made.`);
    const { region } = plan.project;
    const keys = await this.#keys(this.api, ref);
    const database = await readDatabaseAddress(this.api, { ref, region, password: new Secret(password) }, this.env);
    return {
      target: { name: `project ${ref}`, database, projectRef: ref },
      storage: keys && storageBySession({ ref, region }, keys, this.env),
      ...{ ref, url: projectUrl(ref, this.env), keys },
    };
  }

  /** Without them the database comes back all the same, and the files wait for a person. */
  async #keys(api: ManagementApi, ref: string): Promise<ProjectKeys | undefined> {
    try {
      return await readProjectKeys(api, ref);
    } catch (error) {
      if (!(error instanceof LifeboatError) || error.code !== "api-keys-missing") throw error;
      this.log.warn(`${error.message} ${error.next ?? ""}`);
      return undefined;
    }
  }

  /** As the policy's target says; its files by a session of the project's API where no S3 key is set. */
  async #given(): Promise<Place> {
    const given: Config = this.sources.config;
    // The declaration's `needs` names `target` whenever a plan makes no project.
    const { target, targetStorage } = given as Config<"target"> & Partial<Config<"targetStorage">>;
    const [ref = null] = refsOfDatabase(target);
    const api = this.optionalApi;
    if (ref === null || api === undefined)
      return { target, storage: targetStorage, ref, url: ref && projectUrl(ref, this.env), keys: undefined };
    const keys = await this.#keys(api, ref);
    const region = await assertProjectAllowed(api, ref, given.policy.regions);
    const bySession = region && keys && storageBySession({ ref, region }, keys, this.env);
    return { target, storage: targetStorage ?? (bySession || undefined), ref, url: projectUrl(ref, this.env), keys };
  }
}

/** @throws OperationError `recovery-unknown` when a phase that comes before has noted nothing */
export function restoredOf(work: Pick<LossWork, "facts" | "state">): Restored {
  const { restored } = work.facts();
  if (restored !== null) return restored;
  throw new OperationError("recovery-unknown", `Recovery ${work.state.id} has not noted what was restored.`);
}

/** Within so many minutes the policy promises the project back. */
export function rtoMinutesOf({ context, facts }: Pick<LossWork, "context" | "facts">): number {
  return context.config().policy.promises.scenarios[promiseOf[facts().request.scenario]].rtoMinutes;
}
