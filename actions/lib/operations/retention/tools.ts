import type { Log } from "../../base/log.ts";
import type { Policy } from "../../config/policy/policy.ts";
import type { SignBytes } from "../../seal/keys/signature.ts";
import type { HoldGate } from "../../vault/holds/gate.ts";
import type { Lease } from "../../vault/lease/lease.ts";
import type { VerifySignature } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";

/** What the vault that a replica follows has itself: there it stays, whatever the plan says. */
export interface Following {
  /** Whether the files' vault has this object, in any version. */
  readonly hasObject: (key: string) => boolean;
  /** Every key that the vault has below a prefix of records, in either bucket. */
  readonly recordsBelow: (prefix: string) => Promise<ReadonlySet<string>>;
}

/** What one of the two vaults is looked after with. */
export interface RetentionTools {
  readonly vault: Vault;
  readonly policy: Policy;
  readonly verify: VerifySignature;
  /** Checks proofs, against the provers' keys. */
  readonly verifyProof: VerifySignature;
  /** Signs the mark of when locks were looked at. */
  readonly sign?: SignBytes | undefined;
  /** Keeps writers out; null: looks, and changes nothing. */
  readonly lease: Pick<Lease, "assertHeld"> | null;
  readonly holds: HoldGate;
  /** Throws OperationError `incident-on` when one has begun. */
  readonly incident: (what: string) => Promise<void>;
  /** Why nothing may be removed; null: nothing speaks against it. */
  readonly stop: string | null;
  readonly bucketLocks: boolean;
  /** By the store's clock, ms since 1970. */
  readonly now: number;
  /** Days that are added to each term: a replica keeps longer. */
  readonly longer: number;
  /** The vault itself says what it removes, locks what stays and keeps records by their own terms: none. A replica follows it. */
  readonly following?: Following | undefined;
  /** A set that somebody asks about. */
  readonly explain?: string | undefined;
  readonly log: Log;
}
