import { createHash } from "node:crypto";
import { OperationError } from "../../base/errors.ts";
import { compressWhole } from "../../seal/body/compress.ts";
import { sealDocument } from "../../seal/body/document.ts";
import { readKeyring } from "../../seal/keys/keyring.ts";
import { type PinnedRecipient, pinnedKeys } from "../../seal/keys/pins.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import { objectLockOf } from "../../vault/bucket/inspect.ts";
import { lockObject, retainUntil } from "../../vault/bucket/lock.ts";
import { type ErasedEntry, isErased, keyKey, type LedgerEntry, scriptKey } from "../../vault/erasures/entries.ts";
import { commitmentOf, type HashKey, newHashKey, readHashKey, storeHashKey } from "../../vault/erasures/hash-key.ts";
import { appendEntry, assertWhole, type Ledger, readLedger } from "../../vault/erasures/ledger.ts";
import { psqlScript } from "../../vault/erasures/script.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import type { VerifyRelease } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { assertStored } from "../../vault/s3/read-back.ts";
import type { Context } from "../context.ts";
import { openRepairVault } from "../repair/repair-vault.ts";

/** The ledger of erasures, open for a person who holds a key that signs in it. */
export interface OpenLedger {
  readonly context: Context;
  readonly vault: Vault;
  readonly verify: VerifyRelease;
  readonly ledger: Ledger;
  /** Of the hashes; a new one that is not stored yet where nobody was ever erased. */
  readonly key: HashKey;
  sign(bytes: Uint8Array): Promise<string>;
}

/** @throws ConfigurationError `signing-key-missing`, `erasure-key-closed`; OperationError `ledger-broken`, `erasure-key-lost` */
export async function openLedger(context: Context): Promise<OpenLedger> {
  const { store, verify } = await openRepairVault(context);
  const { vault, key: opening } = store;
  const ledger = await readLedger(vault, verify);
  for (const alarm of ledger.alarms) context.log.warn(alarm);
  assertWhole(ledger);
  return {
    ...{ context, vault, verify, ledger },
    key: await keyOf(ledger, vault, verify, opening),
    sign: (bytes) => signDetached(bytes, opening),
  };
}

async function keyOf(ledger: Ledger, vault: Vault, verify: VerifyRelease, opening: Parameters<typeof readHashKey>[3]) {
  const commitment = ledger.entries.find(isErased)?.key;
  return commitment === undefined ? newHashKey() : readHashKey(vault, commitment, verify, opening);
}

type Erased = Omit<ErasedEntry, "format" | "number" | "mark" | "previous" | "id" | "at" | "by" | "key" | "script">;

/**
 * Writes an erasure into the ledger, before anything of it is removed: from then on no road brings the rows back.
 * @param make what is erased, by the hashes of this key
 * @param same tells an entry that an earlier run of the same plan has written
 * @throws as `appendEntry`
 */
export async function recordErasure(
  open: OpenLedger,
  make: (key: HashKey) => Erased,
  same: (entry: ErasedEntry) => boolean,
): Promise<ErasedEntry> {
  const { context, vault, verify, sign } = open;
  const opening = await context.openingKey();
  const { recipients } = pinnedKeys(
    await readKeyring(context.config().publicKeys.armored),
    context.config().policy.keys,
  );
  const stored: string[] = [];
  const done = await appendEntry(vault, verify, sign, async (ledger) => {
    if (ledger.entries.some((one) => isErased(one) && same(one))) return undefined;
    const known = ledger.entries.find(isErased)?.key;
    const key = known === undefined ? open.key : await readHashKey(vault, known, verify, opening);
    if (known === undefined && (await isMissing(vault, keyKey(commitmentOf(key)))))
      stored.push(await storeHashKey(vault, key, recipients, sign));
    const at = await vault.serverTime();
    const head = { id: newSetId(at), at: at.toISOString(), by: context.who, key: commitmentOf(key) };
    const entry = { ...make(key), ...head };
    const number = ledger.entries.length + 1;
    const whole = { format: "lifeboat-erasure/1", number, mark: 0, previous: null, script: noScript } as const;
    const script = await storeScript(open, entry.id, [...ledger.entries, { ...whole, ...entry }], key, recipients);
    stored.push(script.key, `${script.key}.sig`);
    return { ...entry, script };
  });
  if (done.key !== undefined) stored.push(done.key);
  await lockAll(open, stored);
  const entry = done.entry ?? done.ledger.entries.find((one): one is ErasedEntry => isErased(one) && same(one));
  if (entry === undefined || !isErased(entry))
    throw new OperationError("ledger-busy", "The ledger of erasures has changed meanwhile.", "Run it again.");
  return entry;
}

const noScript = { key: "", bytes: 0, sha256: "" } as const;

async function isMissing(vault: Vault, key: string): Promise<boolean> {
  for await (const one of vault.list(key)) if (one.key === key) return false;
  return true;
}

/** The same for psql, sealed to people: who restores by hand has nothing else. */
export async function storeScript(
  { vault, sign }: Pick<OpenLedger, "vault" | "sign">,
  id: string,
  entries: readonly LedgerEntry[],
  key: HashKey,
  recipients: readonly PinnedRecipient[],
): Promise<ErasedEntry["script"]> {
  const people = recipients.filter(({ role }) => role !== "prover");
  const body = await sealDocument(compressWhole(Buffer.from(psqlScript(entries, key))), people);
  const name = scriptKey(id);
  const signature = Buffer.from(await sign(body));
  await vault.put(name, body, { ifNoneMatch: true, contentType: "application/pgp-encrypted" });
  await assertStored(vault, name, body);
  await vault.put(`${name}.sig`, signature, { ifNoneMatch: true, contentType: "application/pgp-signature" });
  await assertStored(vault, `${name}.sig`, signature);
  return { key: name, bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") };
}

/** As long as the sets that are kept longest: each of them may come back. */
export async function lockAll(
  { vault, context }: Pick<OpenLedger, "vault" | "context">,
  keys: readonly string[],
): Promise<void> {
  const days = Object.values(context.config().policy.tiers).map(({ retentionDays }) => retentionDays);
  const lock = await objectLockOf(vault);
  if (lock.state !== "known" || !lock.value.enabled) return;
  const until = retainUntil(new Date(), Math.max(...days));
  for (const key of keys) await lockObject(vault, key, until);
}
