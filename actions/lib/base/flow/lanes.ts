/** Lets so many pieces of work run at a time, and so many bytes of theirs be held. One alone is always let in. */
export class Lanes {
  readonly #width: number;
  readonly #bytes: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #held = 0;

  constructor(width: number, bytes: number) {
    this.#width = width;
    this.#bytes = bytes;
  }

  /** Waits for a place. @returns a function that gives it back */
  async enter(bytes: number): Promise<() => void> {
    while (this.#running > 0 && (this.#running >= this.#width || this.#held + bytes > this.#bytes))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    this.#held += bytes;
    return () => {
      this.#running--;
      this.#held -= bytes;
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }
}
