import { LifeboatError } from "../../base/errors.ts";
import type { Lease } from "../../vault/lease/lease.ts";

/** Asked before each removal. @returns null to go on, or why nothing more may go. @throws OperationError `lease-lost`, `s3-unavailable` */
export type Gate = (what: string) => Promise<string | null>;

export interface Restraints {
  readonly lease: Pick<Lease, "assertHeld">;
  /** Throws OperationError `incident-on` when one has begun. */
  readonly incident: (what: string) => Promise<void>;
  /** Why one of the sets that go has to stay now: somebody holds or uses it since the plan was made. */
  readonly held: () => Promise<string | null>;
}

/** What is true when the plan is made need not be true before its last removal: so everything is asked again before each. */
export function openGate({ lease, incident, held }: Restraints): Gate {
  return async (what) => {
    await lease.assertHeld();
    try {
      await incident(what);
    } catch (error) {
      // Decided by somebody: no failure of this run.
      if (error instanceof LifeboatError && error.code === "incident-on") return error.message.replace(/\.$/, "");
      throw error;
    }
    return held();
  };
}
