import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";

/** What happened to something in the vault. */
export type Touch = "made" | "opened" | "removed";

export interface Touched {
  readonly name: string;
  /** In hex: of what is stored there, of a set of its manifest, which names all the others; null where it was not read. */
  readonly sha256: string | null;
}

/** What a run has touched so far, each thing once, by name. */
export class TouchRecord {
  readonly #things: Record<Touch, Map<string, string | null>> = {
    ...{ made: new Map(), opened: new Map(), removed: new Map() },
  };

  add(touch: Touch, { name, sha256 }: Touched): void {
    this.#things[touch].set(name, sha256);
  }

  /** In the order of their names. */
  list(touch: Touch): Touched[] {
    const things = [...this.#things[touch]].map(([name, sha256]) => ({ name, sha256 }));
    return things.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

const records = new AsyncLocalStorage<TouchRecord>();

/** Does the work, and keeps what it touches in the record. */
export function recordTouches<T>(record: TouchRecord, work: () => Promise<T>): Promise<T> {
  return records.run(record, work);
}

/**
 * Notes for the audit trail that the running verb has made, opened or removed something. Called where it happens, in the vault's own
 * code, so that no verb can forget it. Outside of a run that is recorded nothing happens.
 * @param bytes what is stored there; left out where nobody has read it
 */
export function noteTouched(touch: Touch, name: string, bytes?: Uint8Array): void {
  const record = records.getStore();
  if (record === undefined) return;
  const sha256 = bytes === undefined ? null : createHash("sha256").update(bytes).digest("hex");
  record.add(touch, { name, sha256 });
}
