/** Thrown into an attempt in which nothing moves any more. */
export class Stalled extends Error {
  override readonly name = "Stalled";
}

/** Aborts one attempt when its bytes stop moving, when it takes too long, or when the caller gives up. */
export interface StallWatch {
  readonly signal: AbortSignal;
  /** To be called for every slice that went out or came in. */
  moved(): void;
  /** Drops the connection of an answer that will not be read to its end. */
  abandon(): void;
  [Symbol.dispose](): void;
}

/** @param stallSeconds longest silence @param totalSeconds longest duration, both of one attempt */
export function watchStalls(stallSeconds: number, totalSeconds: number, outer?: AbortSignal): StallWatch {
  const controller = new AbortController();
  const onStall = () => controller.abort(new Stalled(`nothing moved for ${stallSeconds} s`));
  const silence = setTimeout(onStall, stallSeconds * 1000);
  const total = setTimeout(
    () => controller.abort(new Stalled(`not done after ${totalSeconds} s`)),
    totalSeconds * 1000,
  );
  const onOuter = () => controller.abort(outer?.reason);
  if (outer?.aborted) onOuter();
  else outer?.addEventListener("abort", onOuter, { once: true });
  return {
    signal: controller.signal,
    moved: () => void silence.refresh(),
    abandon: () => controller.abort(new Error("abandoned")),
    [Symbol.dispose]() {
      clearTimeout(silence);
      clearTimeout(total);
      outer?.removeEventListener("abort", onOuter);
    },
  };
}
