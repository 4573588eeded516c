import type { ActionResult } from "./action-result.ts";

/** Why a run fails although its work was done: somebody else has written to the vault. Undefined without an alarm. */
export function meddlingFailure(alarms: readonly string[]): ActionResult["failure"] {
  if (alarms.length === 0) return undefined;
  return {
    code: "vault-meddled",
    message: alarms.join(" "),
    next: "Nothing was removed from the vault. Find out who can write to it and did, then put back what was there: runbooks/vault-meddled.md.",
  };
}
