import type { Build } from "../plan/plan-builds.ts";

/**
 * Which build may begin now: one whose rows are in, whose needs are built, and that no running one would keep waiting for
 * a lock. Knows the sessions' work only by what it is told.
 */
export class BuildQueue {
  readonly #waiting: Build[];
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

  /** The first that may begin, which counts as running from now on. */
  take(): Build | undefined {
    const place = this.#waiting.findIndex((build) => this.#mayBegin(build));
    const [build] = place < 0 ? [] : this.#waiting.splice(place, 1);
    if (build !== undefined) this.#running.add(build);
    return build;
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
