import { countOf } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import type { KeyCheck } from "../../seal/keys/pins.ts";

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
