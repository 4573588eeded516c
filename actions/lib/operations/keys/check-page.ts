import { countOf } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { checkKeys, type KeyCheck } from "../../seal/keys/pins.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";

/** The public keys beside the policy's pins. */
export function keyCheckPage({ rows, findings }: KeyCheck): Page {
  const errors = findings.filter(({ level }) => level === "error").length;
  const warnings = findings.length - errors;
  const beside = warnings === 0 ? "" : `, with ${countOf(warnings, "warning")}`;
  return {
    title: "Keys",
    sentence:
      errors === 0
        ? `The keys are as the policy pins them${beside}.`
        : `A backup would be refused: ${countOf(errors, "error")}${beside}.`,
    tables: [
      {
        header: ["role", "state", "expires", "fingerprint", "user id"],
        rows: rows.map(({ role, state, expires, fingerprint, userId }) => [
          role,
          state,
          expires?.toISOString().slice(0, 10) ?? "-",
          fingerprint ?? "-",
          userId ?? "-",
        ]),
      },
    ],
    notes: findings.map(({ level, message, next }) => `${level}: ${message} ${next}`),
  };
}

/** Holds the public keys against the pins of the policy. */
export async function checkPins(context: Context): Promise<Told> {
  const { policy, publicKeys } = context.config();
  const keyring = await readKeyring(publicKeys.armored);
  const found = checkKeys(keyring, policy.keys, new Date(), policy.backup.warnBeforeKeyExpiryDays);
  const exitCode = found.findings.some(({ level }) => level === "error") ? 2 : 0;
  return { result: found, page: keyCheckPage(found), exitCode };
}
