import type { Log } from "../log.ts";

/** Runs the stages of a restore one after another, tells them, and keeps what each took. */
export class Stages {
  readonly taken: { name: string; seconds: number }[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await this.#log.group(name, work);
    } finally {
      this.taken.push({ name, seconds: Math.round((performance.now() - began) / 100) / 10 });
    }
  }
}
