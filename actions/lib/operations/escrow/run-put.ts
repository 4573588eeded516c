import { createReadStream } from "node:fs";
import { ConfigurationError, errorCode } from "../../base/errors.ts";
import type { Config } from "../../config/load.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { type PinnedRecipient, pinnedKeys } from "../../seal/keys/pins.ts";
import { expiredRecipients } from "../../seal/keys/session-key.ts";
import { signatureCounts, signDetached } from "../../seal/keys/signature.ts";
import { objectLockOf } from "../../vault/bucket/inspect.ts";
import { retainUntil } from "../../vault/bucket/lock.ts";
import { releaseVerifier } from "../../vault/configured.ts";
import { type EscrowEntry, mostValueBytes, readEscrow, sealValue, writeEscrow } from "../../vault/escrow.ts";
import { newSetId, timeOfSet } from "../../vault/format/manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import type { Context } from "../context.ts";
import { checkValue } from "./names.ts";

export interface PutRequest {
  readonly name: string;
  /** Path of the file that holds the value; undefined: stdin. */
  readonly file: string | undefined;
  readonly dryRun: boolean;
}

export interface PutDone extends Pick<EscrowEntry, "id" | "name"> {
  readonly outcome: "put" | "would-put";
  /** Roles of those who can open it. */
  readonly opens: readonly string[];
  /** Until when the store lets nobody remove it; null: it is not locked. */
  readonly lockedUntil: Date | null;
  /** Of the one that was the newest of this name; null: it is the first. */
  readonly replaces: string | null;
}

/**
 * Seals a value to the escrow key and puts it into the vault, signed by a person's key.
 * @throws ConfigurationError `escrow-name`, `escrow-value`, `escrow-key-missing`, `escrow-signature`; what `writeEscrow` throws
 */
export async function runPut(context: Context, { name, file, dryRun }: PutRequest): Promise<PutDone> {
  const config = context.config("vault", "opening");
  const { policy } = config;
  const checked = checkValue(name, await readValue(file));
  const { to, digestTo } = await recipientsOf(config);
  for (const { role, fingerprint } of expiredRecipients(to, new Date()))
    context.log.warn(`The ${role} key ${fingerprint} has EXPIRED; the value is sealed to it all the same. Renew it.`);
  const key = await context.openingKey();
  const sign = (bytes: Uint8Array) => signDetached(bytes, key);
  const verify = await releaseVerifier(config);
  if (!(await signatureCounts(sign, verify)))
    throw new ConfigurationError(
      "escrow-signature",
      `Nobody would believe what the key ${key.fingerprint} signs: escrow takes the word of the operations or the escrow key alone.`,
      "Set RESTORE_PRIVATE_KEY to the operations key (the escrow key can stay where it is: only its public half is needed).",
    );
  const vault = await context.vault();
  const list = await readEscrow(vault, verify);
  for (const alarm of list.alarms) context.log.warn(alarm);
  const before = list.newest.get(name)?.entry.id ?? null;
  // By the store's clock, and always later than the one before: the newest counts.
  const now = Math.max((await vault.serverTime()).getTime(), before === null ? 0 : timeOfSet(before) + 1000);
  const entry: EscrowEntry = {
    ...{ format: "lifeboat-escrow/1", id: newSetId(new Date(now)), name, thumbprint: checked.thumbprint },
    sealedTo: to.map(({ fingerprint }) => fingerprint),
    digest: checked.digest === null ? null : await sealValue(Buffer.from(checked.digest), digestTo),
    value: await sealValue(checked.value, to),
  };
  const lockedUntil = await lockOf(vault, policy, new Date(now));
  if (!dryRun) await writeEscrow(vault, entry, sign, lockedUntil);
  const opens = to.map(({ role }) => role);
  return { id: entry.id, name, outcome: dryRun ? "would-put" : "put", opens, lockedUntil, replaces: before };
}

/** A little more than may be kept, so that what is too long is seen to be. */
async function readValue(file: string | undefined): Promise<Buffer> {
  if (file === undefined && process.stdin.isTTY)
    throw new ConfigurationError(
      "usage",
      "escrow put reads the value from stdin, and stdin is this terminal, which shows what is typed.",
      "Pipe it in (`pbpaste | npx lifeboat escrow put …`), or name a file with --file.",
    );
  const source = file === undefined ? process.stdin : createReadStream(file);
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of source as AsyncIterable<Buffer>) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > mostValueBytes) break;
    }
  } catch (error) {
    const next = "Give the path of the file that holds the value, or pipe it in and leave --file out.";
    throw new ConfigurationError(
      "escrow-value",
      `The value cannot be read: ${errorCode(error) ?? "unknown error"}.`,
      next,
    );
  }
  return Buffer.concat(pieces);
}

/** Whom to seal to, by the policy; the digest of a function's secret also to operations, who can open every set's. */
async function recipientsOf({ policy, publicKeys }: Config) {
  const { recipients } = pinnedKeys(await readKeyring(publicKeys.armored), policy.keys);
  const of = (...roles: readonly string[]): PinnedRecipient[] => recipients.filter(({ role }) => roles.includes(role));
  if (of("escrow").length === 0)
    throw new ConfigurationError(
      "escrow-key-missing",
      "There is no escrow key to seal to.",
      "Make one with `lifeboat keys generate --role escrow` and pin it in the policy.",
    );
  const to = policy.recovery.escrow === "escrow" ? of("escrow") : of("escrow", "operations");
  return { to, digestTo: of("escrow", "operations") };
}

/** As long as the sets that are kept longest: one of them may need it. */
async function lockOf(vault: Vault, { tiers }: Policy, from: Date): Promise<Date | null> {
  const days = Object.values(tiers).flatMap(({ lock, retentionDays }) => (lock === "none" ? [] : [retentionDays]));
  if (days.length === 0) return null;
  const lock = await objectLockOf(vault);
  return lock.state === "known" && lock.value.enabled ? retainUntil(from, Math.max(...days)) : null;
}
