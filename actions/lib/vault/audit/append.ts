import { OperationError } from "../../base/errors.ts";
import { pauseBefore } from "../../base/flow/retry.ts";
import { isConditionFailed } from "../../s3/store-errors.ts";
import type { SignBytes } from "../../seal/keys/signature.ts";
import { objectLockOf } from "../bucket/inspect.ts";
import { retainUntil } from "../bucket/lock.ts";
import type { Vault } from "../s3/client.ts";
import { type Draft, entryBytes, entryKey, type Head, hashOf } from "./entry.ts";
import { findHead, type TrustEntries } from "./find-head.ts";

/** How long nobody may remove an entry, and whether that holds for everybody. */
export interface EntryLock {
  readonly mode: "governance" | "compliance";
  readonly days: number;
}

interface Trail {
  readonly vault: Vault;
  readonly trust: TrustEntries;
  /** Undefined: the run has no key, and its entry is vouched for by the next signed one, whose hash it goes into. */
  readonly sign: SignBytes | undefined;
  readonly lock: EntryLock;
}

/** Others who write at the same moment go first so often at most. */
const most = { attempts: 25, baseMillis: 20, capMillis: 500 } as const;

/** What adds entries to the trail of one bucket, one after another. */
export interface TrailWriter {
  /** The last entry that this writer has put there, and what it follows. */
  readonly head: Head | undefined;
  /** The store's clock now, as far as it has been asked; undefined: not yet. */
  now(): Date | undefined;
  /**
   * Adds one entry: in the next free place, on the condition that it is free. Who loses reads again and takes the place after.
   * @param draft is given the store's time
   * @throws OperationError `audit-busy`, `audit-flooded`; what the store says
   */
  append(draft: (at: Date) => Draft): Promise<Head>;
}

export function openTrail({ vault, trust, sign, lock }: Trail): TrailWriter {
  let head: Head | undefined;
  let clock: { readonly store: number; readonly ours: number } | undefined;
  let locks: boolean | undefined;
  const set = (date: Date): void => {
    clock = { store: date.getTime(), ours: performance.now() };
  };
  const now = () => clock && new Date(clock.store + performance.now() - clock.ours);

  async function find(): Promise<Head> {
    const found = await findHead(vault, trust);
    set(found.at ?? (await vault.serverTime()));
    return found.head;
  }

  return {
    get head() {
      return head;
    },
    now,
    async append(draft) {
      // A store that does not say is asked to lock all the same: it refuses aloud.
      locks ??= await objectLockOf(vault).then((fact) => fact.state !== "known" || fact.value.enabled);
      for (let attempt = 1; attempt <= most.attempts; attempt++) {
        if (attempt > 1) await pauseBefore(attempt, most);
        const before = head ?? (await find());
        const at = now() ?? new Date();
        const bytes = await entryBytes(draft(at), before, sign);
        const locked = locks ? { retainUntil: retainUntil(at, lock.days), lockMode: lock.mode } : {};
        try {
          await vault.put(entryKey(before.count + 1), bytes, {
            ...{ ifNoneMatch: true, contentType: "application/json", ...locked },
          });
          head = { count: before.count + 1, sha256: hashOf(bytes) };
          return head;
        } catch (error) {
          if (!isConditionFailed(error)) throw error;
          head = undefined;
        }
      }
      throw new OperationError(
        "audit-busy",
        `An entry of the audit trail in bucket ${vault.bucket} found its place taken ${most.attempts} times`,
        "Run again. If it comes back, look who writes below audit/: `lifeboat audit verify`.",
      );
    },
  };
}
