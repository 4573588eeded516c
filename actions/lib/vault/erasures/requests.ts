import { isErased, type LedgerEntry, type ReceivedEntry } from "./entries.ts";

/** What the ledger says is not done yet. */
export interface OpenWork {
  /** Requests that nobody has answered, the most urgent first. */
  readonly requests: readonly ReceivedEntry[];
  /** Ids of erasures that were begun and not ended. */
  readonly unfinished: readonly { readonly id: string; readonly at: string }[];
}

/** Pure. */
export function openWork(entries: readonly LedgerEntry[]): OpenWork {
  const ended = new Set(entries.flatMap((one) => (one.event === "finish" ? one.of : [])));
  const erased = entries.filter(isErased);
  const answered = new Set(erased.flatMap(({ id, request }) => (request !== null && ended.has(id) ? request : [])));
  return {
    requests: entries
      .filter((one): one is ReceivedEntry => one.event === "receive")
      .filter(({ id }) => !ended.has(id) && !answered.has(id))
      .toSorted((a, b) => (a.due < b.due ? -1 : 1)),
    unfinished: erased.filter(({ id }) => !ended.has(id)).map(({ id, at }) => ({ id, at })),
  };
}
