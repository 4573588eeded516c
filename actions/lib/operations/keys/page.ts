import { countOf } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { checkKeys, type KeyCheck, pinnedKeys } from "../../seal/keys/pins.ts";
import { releaseVerifier } from "../../vault/configured.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { type RewrapRow, rewrapSets } from "./rewrap.ts";

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

/** Whom the sets are sealed to now, and what still opens with a key that should not any more. */
export function rewrapPage(rows: readonly RewrapRow[]): Page {
  const count = (outcome: RewrapRow["outcome"]): number => rows.filter((row) => row.outcome === outcome).length;
  const parts = [
    ...(count("rewrapped") > 0 ? [`${count("rewrapped")} rewrapped`] : []),
    ...(count("would-rewrap") > 0 ? [`${count("would-rewrap")} would be rewrapped`] : []),
    ...(count("unchanged") > 0 ? [`${count("unchanged")} unchanged`] : []),
    ...(count("failed") > 0 ? [`${count("failed")} FAILED`] : []),
  ];
  return {
    title: "Rewrap",
    sentence:
      parts.length === 0 ? "There is no set to rewrap." : `${countOf(rows.length, "set")}: ${parts.join(", ")}.`,
    tables: [
      {
        header: ["set", "tier", "outcome", "opened by, before", "opened by, now"],
        rows: rows.map(({ set, tier, outcome, before, after }) => [
          set,
          tier,
          outcome,
          before.join(" "),
          after.join(" "),
        ]),
      },
    ],
    notes: rows.flatMap(({ set, problem, keptVersions }) => [
      ...(problem === null ? [] : [`${set}: ${problem.message} ${problem.next ?? ""}`.trimEnd()]),
      ...(keptVersions.length === 0
        ? []
        : [
            `${set}: ${countOf(keptVersions.length, "older version")} of keys.pgp cannot go yet; former recipients who can read the vault can open the set until then.`,
          ]),
    ]),
  };
}

/** Seals the session keys of existing sets to whom the policy pins now. */
export async function rewrap(
  context: Context,
  { set, dryRun }: { readonly set: string | undefined; readonly dryRun: boolean },
): Promise<Told> {
  const { publicKeys, policy } = context.config();
  const { recipients, signers: trusted } = pinnedKeys(await readKeyring(publicKeys.armored), policy.keys);
  const rows = await rewrapSets({
    ...{ vault: await context.vault(), sets: set === undefined ? undefined : [set], recipients, trusted, dryRun },
    ...{ privateKey: await context.openingKey(), signingKey: await context.signingKey() },
    ...{ log: context.log, signal: context.signal, gate: await context.incidentGate() },
    verifyRelease: await releaseVerifier(context.config()),
  });
  const exitCode = rows.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  return { result: { sets: rows }, page: rewrapPage(rows), exitCode };
}
