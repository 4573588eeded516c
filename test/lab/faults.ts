/** The faults that a server of the lab has been told to have, oldest first, and how many requests each has met. */
export class Faults<Fault extends { readonly kind: unknown; readonly times?: number }> {
  readonly #armed: { readonly fault: Fault; met: number }[] = [];

  /** @returns a function that ends the fault and tells how many requests it met */
  inject(fault: Fault): () => number {
    const armed = { fault, met: 0 };
    this.#armed.push(armed);
    return () => {
      const at = this.#armed.indexOf(armed);
      if (at >= 0) this.#armed.splice(at, 1);
      return armed.met;
    };
  }

  clear(): void {
    this.#armed.length = 0;
  }

  /**
   * The fault that a request meets, counted: the first that has not met as many as it may.
   * @param isFor whether a fault is meant for this request
   */
  meet(isFor: (fault: Fault) => boolean): Fault["kind"] | undefined {
    const armed = this.#armed.find(({ fault, met }) => met < (fault.times ?? Number.POSITIVE_INFINITY) && isFor(fault));
    if (armed === undefined) return undefined;
    armed.met++;
    return armed.fault.kind;
  }
}
