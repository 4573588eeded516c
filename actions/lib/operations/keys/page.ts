import { countOf } from "../../base/measures.ts";
import type { Page } from "../../report/page.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { checkKeys, type KeyCheck, type PinnedRecipient, pinnedKeys } from "../../seal/keys/pins.ts";
import { peopleVerifier, releaseVerifier } from "../../vault/configured.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { lockDaysOf } from "../repair/repair-vault.ts";
import { type RewrapRow, rewrapSets } from "./rewrap.ts";
import { type RewrappedLedger, rewrapLedger } from "./rewrap-ledger.ts";
import { type RewrappedRepair, type RewrapRepairsOptions, rewrapRepairs } from "./rewrap-repairs.ts";

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
export function rewrapPage(
  sets: readonly RewrapRow[],
  repairs: readonly RewrappedRepair[] = [],
  ledgers: readonly RewrappedLedger[] = [],
): Page {
  const rows = [
    ...sets.map(({ set, ...row }) => ({ ...row, what: set })),
    ...repairs.map(({ repair, ...row }) => ({ ...row, what: repair, tier: "repair" })),
    ...ledgers.map((row) => ({ ...row, what: "ledger of erasures", tier: "ledger" })),
  ];
  const count = (outcome: RewrapRow["outcome"]): number => rows.filter((row) => row.outcome === outcome).length;
  const counted = [
    countOf(sets.length, "set"),
    ...(repairs.length === 0 ? [] : [countOf(repairs.length, "repair")]),
    ...(ledgers.length === 0 ? [] : ["the ledger of erasures"]),
  ];
  const parts = [
    ...(count("rewrapped") > 0 ? [`${count("rewrapped")} rewrapped`] : []),
    ...(count("would-rewrap") > 0 ? [`${count("would-rewrap")} would be rewrapped`] : []),
    ...(count("unchanged") > 0 ? [`${count("unchanged")} unchanged`] : []),
    ...(count("failed") > 0 ? [`${count("failed")} FAILED`] : []),
  ];
  return {
    title: "Rewrap",
    sentence: parts.length === 0 ? "There is no set to rewrap." : `${counted.join(" and ")}: ${parts.join(", ")}.`,
    tables: [
      {
        header: ["what", "tier", "outcome", "opened by, before", "opened by, now"],
        rows: rows.map(({ what, tier, outcome, before, after }) => [
          what,
          tier,
          outcome,
          before.join(" "),
          after.join(" "),
        ]),
      },
    ],
    notes: rows.flatMap(({ what, problem, keptVersions }) => [
      ...(problem === null ? [] : [`${what}: ${problem.message} ${problem.next ?? ""}`.trimEnd()]),
      ...(keptVersions.length === 0
        ? []
        : [
            `${what}: ${countOf(keptVersions.length, "older version")} of its keys cannot go yet; former recipients who can read the vault can open it until then.`,
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
  const { log, signal } = context;
  const [vault, privateKey, gate] = [await context.vault(), await context.openingKey(), await context.incidentGate()];
  const sets = await rewrapSets({
    ...{
      vault,
      sets: set === undefined ? undefined : [set],
      recipients,
      trusted,
      dryRun,
      privateKey,
      log,
      signal,
      gate,
    },
    ...{ signingKey: await context.signingKey(), verifyRelease: await releaseVerifier(context.config()) },
  });
  const repairs = set === undefined ? await rewrapAllRepairs(context, { recipients, gate, dryRun }) : [];
  const ledger = set === undefined ? await rewrapLedger(context, { recipients, gate, dryRun }) : [];
  const exitCode = [...sets, ...repairs, ...ledger].some(({ outcome }) => outcome === "failed") ? 1 : 0;
  return { result: { sets, repairs, ledger }, page: rewrapPage(sets, repairs, ledger), exitCode };
}

async function rewrapAllRepairs(
  context: Context,
  {
    recipients,
    ...options
  }: Pick<RewrapRepairsOptions, "gate" | "dryRun"> & { recipients: readonly PinnedRecipient[] },
): Promise<RewrappedRepair[]> {
  const { policy } = context.config();
  const key = await context.openingKey();
  const verify = await peopleVerifier(context.config());
  const store = {
    ...{ vault: await context.vault(), key, recipients, lockDays: lockDaysOf(policy) },
    ...{ partBytes: policy.vault.partBytes, signal: context.signal },
  };
  return rewrapRepairs({ store, verify, warn: context.log.warn, ...options });
}
