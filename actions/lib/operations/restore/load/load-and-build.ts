import type { Build } from "../plan/plan-builds.ts";
import { dumpClient, runSteps, type StepFailures } from "../plan/steps.ts";
import { type DataTask, type Loading, loadArtifact, rowsToCome } from "./load-data.ts";

export interface LoadAndBuild {
  /** Why a table's rows did not go in, by `schema.table`, when all artifacts have been read; empty when all did. */
  readonly rows: Promise<ReadonlyMap<string, string>>;
  /** Settles last. Both reject with the first error, when no session is at work any more. */
  readonly builds: Promise<StepFailures>;
}

/**
 * Streams the data into the target and builds keys and indexes, in several sessions at once. Rows come first; a session
 * that finds no more to load builds what is ready meanwhile: one table that is larger than all others together would
 * otherwise keep a single session busy for most of a restore.
 * @param jobs how many sessions load or build at once
 */
export function loadAndBuild(task: DataTask, builds: readonly Build[], jobs: number): LoadAndBuild {
  const work = new Workers(task, builds, jobs);
  const built = work.run();
  built.catch(() => {}); // `rows` rejects with the same
  return { rows: work.rows, builds: built };
}

class Workers {
  readonly #task: DataTask;
  readonly #jobs: number;
  readonly #artifacts: DataTask["artifacts"][number][];
  readonly #queue: BuildQueue;
  readonly #loaded: Loading;
  readonly #stepFailures: StepFailures = new Map();
  readonly #rows = Promise.withResolvers<ReadonlyMap<string, string>>();
  #loading: number;
  /** The first. */
  #failure: { readonly error: unknown } | undefined;
  #news = Promise.withResolvers<void>();

  constructor(task: DataTask, builds: readonly Build[], jobs: number) {
    this.#task = task;
    this.#jobs = Math.max(1, jobs);
    this.#artifacts = [...task.artifacts];
    this.#loaded = {
      ...{ failures: new Map(), tried: new Set(), checked: new Set() },
      onLoaded: (table) => {
        this.#queue.loaded(table);
        this.#tell();
      },
    };
    this.#loading = task.artifacts.length;
    this.#queue = new BuildQueue(builds, rowsToCome(task));
    this.#rows.promise.catch(() => {}); // whoever waits for it hears of it
  }

  get rows(): Promise<ReadonlyMap<string, string>> {
    return this.#rows.promise;
  }

  /** Nothing goes on in the background after a failure: it is told when every worker has ended. */
  async run(): Promise<StepFailures> {
    if (this.#loading === 0) this.#allLoaded();
    await Promise.all(Array.from({ length: this.#jobs }, () => this.#worker()));
    if (this.#failure !== undefined) {
      this.#rows.reject(this.#failure.error);
      throw this.#failure.error;
    }
    return this.#stepFailures;
  }

  async #worker(): Promise<void> {
    try {
      await this.#load();
      await this.#build();
    } catch (error) {
      this.#failure ??= { error };
      this.#tell();
    }
  }

  async #load(): Promise<void> {
    if (this.#artifacts.length === 0) return;
    const client = await this.#task.connect();
    try {
      for (let next = this.#artifacts.shift(); next !== undefined; next = this.#artifacts.shift()) {
        await loadArtifact(this.#task, client, next, this.#loaded);
        this.#loading -= 1;
        if (this.#loading === 0) this.#allLoaded();
        if (this.#failure !== undefined) return;
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async #build(): Promise<void> {
    if (this.#failure !== undefined || this.#queue.isEmpty) return;
    const client = await dumpClient(this.#task.connect);
    try {
      while (this.#failure === undefined && !this.#queue.isEmpty) {
        const builds = this.#queue.takeSome();
        if (builds.length === 0) {
          await this.#news.promise;
          continue;
        }
        const steps = builds.flatMap((build) => build.steps);
        for (const [step, reason] of await runSteps(client, steps)) this.#stepFailures.set(step, reason);
        for (const build of builds) this.#queue.ended(build);
        this.#tell();
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  #allLoaded(): void {
    this.#queue.allLoaded();
    this.#rows.resolve(this.#loaded.failures);
    this.#tell();
  }

  /** Workers that found nothing to do look again. */
  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/** Small builds that one session does in one go. */
const together = 64;

/**
 * Which build may begin now: one whose rows are in, whose needs are built, and that no running one would keep waiting for
 * a lock. Knows the sessions' work only by what it is told.
 */
export class BuildQueue {
  #waiting: Build[];
  readonly #running = new Set<Build>();
  readonly #built = new Set<Build>();
  readonly #unloaded: Set<string>;

  /** @param unloaded `schema.table` of those whose rows are still to come */
  constructor(builds: readonly Build[], unloaded: Iterable<string>) {
    this.#waiting = [...builds];
    this.#unloaded = new Set(unloaded);
  }

  /** Nothing waits any more; something may still be running. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The rows of a table are in, or will not come. */
  loaded(table: string): void {
    this.#unloaded.delete(table);
  }

  allLoaded(): void {
    this.#unloaded.clear();
  }

  /** The first that may begin, or many small ones, for one session in this order: they count as running from now on. */
  takeSome(): readonly Build[] {
    const first = this.#waiting.find((build) => this.#mayBegin(build));
    if (first === undefined) return [];
    const some = first.small
      ? this.#waiting.filter((build) => build.small && this.#mayBegin(build)).slice(0, together)
      : [first];
    for (const build of some) this.#running.add(build);
    this.#waiting = this.#waiting.filter((build) => !this.#running.has(build));
    return some;
  }

  /** It has ended, well or not. */
  ended(build: Build): void {
    this.#running.delete(build);
    this.#built.add(build);
  }

  #mayBegin({ early, tables, needs, shared }: Build): boolean {
    if (early ? tables.some((table) => this.#unloaded.has(table)) : this.#unloaded.size > 0) return false;
    if (needs.some((need) => !this.#built.has(need))) return false;
    return [...this.#running].every(
      (other) => (shared && other.shared) || !other.tables.some((table) => tables.includes(table)),
    );
  }
}
