/**
 * A signal that is aborted by Ctrl-C or a polite kill, so that the work can end in good order; a second Ctrl-C, a second
 * later or more, ends us at once. (A terminal and npm may each deliver the first one.)
 */
export function onInterrupt(): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  let first: number | undefined;
  const interrupt = (name: NodeJS.Signals): void => {
    if (first !== undefined && Date.now() - first > 1000) process.exit(name === "SIGINT" ? 130 : 143);
    first ??= Date.now();
    controller.abort(new Interrupted(name));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    },
  };
}

/** Why the work was given up. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  constructor(signal: string) {
    super(`interrupted by ${signal}`);
  }
}
