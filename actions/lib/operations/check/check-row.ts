import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Config } from "../../config/load.ts";
import { type Keyring, readKeyring } from "../../seal/keys/keyring.ts";
import { checkKeys, type KeyFinding, type PinnedKeys, pinnedKeys, pinnedSigners } from "../../seal/keys/pins.ts";
import { readPrivateKey, type UnlockedKey } from "../../seal/keys/private-key.ts";
import { signDetached, verifyDetached } from "../../seal/keys/signature.ts";

/** One line of the preflight's table. `next` says what to do when `status` is not ok. */
export interface CheckRow {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly found: string;
  readonly next: string | undefined;
}

export function ok(check: string, found: string): CheckRow {
  return { check, status: "ok", found, next: undefined };
}

export function warn(check: string, found: string, next: string): CheckRow {
  return { check, status: "warn", found, next };
}

export function fail(check: string, found: string, next: string | undefined): CheckRow {
  return { check, status: "fail", found, next };
}

/** A row for an error of ours. Anything else is a fault of the program and goes on its way. */
export function failed(check: string, error: unknown): CheckRow {
  if (!(error instanceof LifeboatError)) throw error;
  return fail(check, error.message, error.next);
}

/**
 * What a run throws when any check failed: all of them at once, before anything was written.
 * The code is the failed check's own name when it is alone, so that a caller can tell.
 */
export function refusal(rows: readonly CheckRow[]): ConfigurationError | undefined {
  const fails = rows.filter(({ status }) => status === "fail");
  if (fails.length === 0) return undefined;
  const lines = fails.map(({ check, found, next }) => `  ${check}: ${found}${next === undefined ? "" : ` → ${next}`}`);
  return new ConfigurationError(
    "preflight-failed",
    `${fails.length === 1 ? "A check" : `${fails.length} checks`} failed; nothing was written:\n${lines.join("\n")}`,
    "Repair what is listed, then run `npx lifeboat check` again.",
  );
}

/**
 * What a run begins with, when nothing failed; what is doubtful is noted, and said.
 * @throws ConfigurationError `preflight-failed`
 */
export function assertPassed<Ready>(
  { rows, ready }: { readonly rows: readonly CheckRow[]; readonly ready: Ready | undefined },
  warnings: string[],
  log: Log,
): Ready {
  for (const { check, status, found, next } of rows) {
    if (status !== "warn") continue;
    const text = `${check}: ${found}${next === undefined ? "" : ` → ${next}`}`;
    warnings.push(text);
    log.warn(text);
  }
  const refused = refusal(rows);
  if (refused !== undefined) throw refused;
  if (ready === undefined) throw new ConfigurationError("preflight-failed", "The preflight found no way to begin.");
  return ready;
}

export interface InspectedKeys {
  readonly rows: readonly CheckRow[];
  /** Undefined when a row failed. */
  readonly pinned: PinnedKeys | undefined;
  readonly signing: UnlockedKey | undefined;
}

/** Who will be able to open the set, and who signs it. */
export async function checkKeysSet(config: Config<"signing">): Promise<InspectedKeys> {
  const { policy, publicKeys } = config;
  let keyring: Keyring;
  try {
    keyring = await readKeyring(publicKeys.armored);
  } catch (error) {
    return { rows: [failed("recipients", error)], pinned: undefined, signing: undefined };
  }
  const { rows, findings } = checkKeys(keyring, policy.keys, new Date(), policy.backup.warnBeforeKeyExpiryDays);
  const names = rows
    .filter(({ role }) => role !== "unpinned" && role !== "signing")
    .flatMap((row) => (row.fingerprint === null ? [] : [`${row.role} ${row.fingerprint.slice(-16)}`]));
  const found = findings.map(asRow);
  if (keyring.recipients.length === 0) {
    found.unshift(
      fail(
        "recipients",
        `${publicKeys.origin} holds no public key that can be sealed to`,
        "npx lifeboat keys generate --pin, or set BACKUP_PUBLIC_KEYS.",
      ),
    );
  }
  const good = found.every(({ status }) => status !== "fail");
  const signing = await checkSigning(config, keyring);
  return {
    rows: [...(good ? [ok("recipients", names.join(", "))] : []), ...found, signing.row],
    pinned: good ? pinnedKeys(keyring, policy.keys) : undefined,
    signing: signing.key,
  };
}

function asRow({ level, code, message, next }: KeyFinding): CheckRow {
  const check = code.startsWith("signing") ? "signing key" : code.startsWith("key-") ? "key expiry" : "recipients";
  return level === "error" ? fail(check, message, next) : warn(check, message, next);
}

async function checkSigning(
  config: Config<"signing">,
  keyring: Keyring,
): Promise<{ row: CheckRow; key: UnlockedKey | undefined }> {
  try {
    const { armored, passphrase } = config.signing;
    const key = await readPrivateKey(armored.reveal(), passphrase?.reveal());
    if (config.policy.keys.signing[0] !== key.fingerprint) {
      const pinned = config.policy.keys.signing.includes(key.fingerprint);
      const found = pinned
        ? `${key.fingerprint} is not the newest of the pinned ones`
        : `${key.fingerprint} is not pinned in the policy`;
      const next =
        "Use the key that the policy pins first under keys.signing, or pin this one (npx lifeboat keys generate --pin does).";
      return { row: pinned ? warn("signing key", found, next) : fail("signing key", found, next), key };
    }
    // Tried now, because otherwise an expired key would show as the very last step of the run.
    const bytes = new TextEncoder().encode("lifeboat");
    await verifyDetached(bytes, await signDetached(bytes, key), pinnedSigners(keyring, config.policy.keys));
    return { row: ok("signing key", key.fingerprint), key };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    return { row: failed("signing key", error), key: undefined };
  }
}
