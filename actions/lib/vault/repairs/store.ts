import { createHash, randomBytes } from "node:crypto";
import { OperationError } from "../../base/errors.ts";
import { noteTouched } from "../../base/touched.ts";
import { openSealed, sealArtifact } from "../../seal/body/artifact.ts";
import type { Recipient } from "../../seal/keys/keyring.ts";
import type { UnlockedKey } from "../../seal/keys/private-key.ts";
import {
  assertCommitment,
  keysFileName,
  newSessionKey,
  type SessionKey,
  sessionKeyCommitment,
  unwrapSessionKey,
  wrapSessionKey,
} from "../../seal/keys/session-key.ts";
import { signDetached } from "../../seal/keys/signature.ts";
import { objectLockOf } from "../bucket/inspect.ts";
import { lockObject, retainUntil } from "../bucket/lock.ts";
import { publishSigned } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import { openArtifact } from "../s3/download.ts";
import { assertStored, readBack } from "../s3/read-back.ts";
import { uploadStream } from "../s3/upload.ts";
import { readAsWritten } from "../s3/versions.ts";
import {
  type BegunRecord,
  type DoneRecord,
  type KeysRecord,
  type ListBody,
  type PlanRecord,
  type RepairRecord,
  repairFiles,
  repairPrefix,
} from "./records.ts";

export interface RepairVault {
  readonly vault: Vault;
  /** The operations key: opens lists, and signs what is told of them. */
  readonly key: UnlockedKey;
  readonly recipients: readonly Recipient[];
  /** Days for which nobody can remove what is written, where the bucket can lock. */
  readonly lockDays: number;
  readonly partBytes: number;
  readonly signal?: AbortSignal;
}

/** A list on its way: its plain bytes, and what they came to once they have passed. */
export interface ListSource {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Asked when the last byte has passed. */
  told(): Omit<ListBody, "segments">;
}

/** Seals a plan into the vault. @throws OperationError `repair-taken`, `stored-differs`, `lock-failed`, `s3-unavailable`; what the source throws */
export async function storePlan(
  to: RepairVault,
  plan: Pick<PlanRecord, "id" | "kind" | "of" | "project" | "madeAt">,
  source: ListSource,
): Promise<PlanRecord> {
  const session = newSessionKey();
  const prefix = repairPrefix(plan.id);
  const wrapped = await wrapSessionKey(session, to.recipients);
  await to.vault.put(prefix + keysFileName, wrapped, {
    ...{ ifNoneMatch: true, contentType: "application/pgp-encrypted" },
    ...(to.signal && { signal: to.signal }),
  });
  await assertStored(to.vault, prefix + keysFileName, wrapped);
  const record: PlanRecord = {
    ...{ format: "lifeboat-repair-plan/1" as const, ...plan },
    sealedTo: to.recipients.map(({ fingerprint }) => fingerprint),
    sessionKeyCommitment: sessionKeyCommitment(session, plan.id),
    body: await storeBody(to, plan.id, repairFiles.plan, session, source),
  };
  await publish(to, plan.id, repairFiles.planRecord, record);
  await lock(to, [prefix + keysFileName]);
  return record;
}

/**
 * Notes that a transaction is about to end, its undo sealed ahead of the note: what a database has kept can be taken back, whatever
 * happens to this process now.
 * @throws as storePlan
 */
export async function storeBegun(
  to: RepairVault,
  session: SessionKey,
  begun: Omit<BegunRecord, "format" | "undo">,
  source: ListSource,
): Promise<BegunRecord> {
  const name = repairFiles.undo(begun.transaction);
  const undo = await storeBody(to, begun.id, name, session, source);
  const record: BegunRecord = { format: "lifeboat-repair-begun/1", ...begun, undo };
  await publish(to, begun.id, repairFiles.begun(begun.transaction), record);
  return record;
}

/**
 * Notes what became of a transaction; once it is noted, it stays so. Two that have asked the database have heard the same.
 * @throws as storePlan
 */
export async function storeDone(to: RepairVault, done: Omit<DoneRecord, "format" | "mark">): Promise<void> {
  const write = (mark: string | null): Promise<void> => {
    const record: DoneRecord = { format: "lifeboat-repair-done/1", ...done, mark };
    return publish(to, done.id, repairFiles.done(done.transaction, mark), record);
  };
  try {
    await write(null);
  } catch (error) {
    if (!(error instanceof OperationError && error.code === "repair-taken")) throw error;
    // A run was killed between the signature and the note, or somebody has taken the name: either must not keep it unsettled.
    await write(randomBytes(4).toString("hex"));
  }
}

async function storeBody(
  { vault, partBytes, signal, ...to }: RepairVault,
  id: string,
  name: string,
  session: SessionKey,
  { bytes, told }: ListSource,
): Promise<ListBody> {
  const prefix = repairPrefix(id);
  const options = { prefix, partBytes, ...(signal && { signal }) };
  const segments = await uploadStream(vault, prefix + name, sealArtifact(bytes, session), options);
  await readBack(vault, prefix, segments, signal ? { signal } : {});
  await lock(
    { vault, ...to },
    segments.map(({ key }) => prefix + key),
  );
  return { ...told(), segments };
}

async function publish(to: RepairVault, id: string, name: string, document: object): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
  const key = repairPrefix(id) + name;
  await publishSigned(to.vault, key, bytes, await signDetached(bytes, to.key), {
    ...{ kind: "repair" as const, ...(to.signal && { signal: to.signal }) },
  });
  await lock(to, [`${key}.sig`, key]);
}

async function lock(
  { vault, lockDays }: Pick<RepairVault, "vault" | "lockDays">,
  keys: readonly string[],
): Promise<void> {
  const state = await objectLockOf(vault);
  if (state.state !== "known" || !state.value.enabled) return;
  const until = retainUntil(new Date(), lockDays);
  for (const key of keys) await lockObject(vault, key, until);
}

/** A repair as far as it takes to open it. */
export type Sealed = Pick<RepairRecord, "plan" | "keys">;

/** What its session key is sealed in now. */
export async function keysOf(vault: Vault, { plan, keys }: Sealed): Promise<Uint8Array> {
  if (keys !== undefined) return Buffer.from(keys.keysPgp, "base64");
  return (await readAsWritten(vault).get(repairPrefix(plan.id) + keysFileName, { maxBytes: 1024 * 1024 })).body;
}

/**
 * The session key of a repair, which its signed plan names.
 * @throws OperationError `session-key-foreign`, `keys-damaged`; ConfigurationError `wrong-private-key`
 */
export async function repairKey(vault: Vault, sealed: Sealed, key: UnlockedKey): Promise<SessionKey> {
  const { id, sessionKeyCommitment: named } = sealed.plan;
  const body = await keysOf(vault, sealed);
  const session = await unwrapSessionKey(body, key);
  assertCommitment(session, id, named);
  noteTouched("opened", repairPrefix(id) + keysFileName, body);
  return session;
}

/** Notes to whom a repair is sealed from now on. @returns the name of the note. @throws as storePlan */
export async function storeKeys(to: RepairVault, id: string, keysPgp: Uint8Array): Promise<string> {
  const mark = randomBytes(4).toString("hex");
  const record: KeysRecord = {
    ...{ format: "lifeboat-repair-keys/1" as const, id, mark, at: new Date().toISOString() },
    keysPgp: Buffer.from(keysPgp).toString("base64"),
  };
  await publish(to, id, repairFiles.keys(mark), record);
  return repairFiles.keys(mark);
}

/**
 * The plain bytes of a list, stored parts checked against the signed record. They can be relied on only once the iteration has
 * ended without an error, which their hash is part of.
 * @throws OperationError `artifact-damaged`, `list-foreign`; what seal/ throws for a body that does not open
 */
export async function* openBody(
  vault: Vault,
  id: string,
  { hash, segments }: Pick<ListBody, "hash" | "segments">,
  session: SessionKey,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const name = segments[0]?.key ?? repairFiles.plan;
  const digest = createHash("sha256");
  const stored = openArtifact(vault, repairPrefix(id), { name, segments }, signal ? { signal } : {});
  for await (const chunk of openSealed(stored, session)) {
    digest.update(chunk);
    yield chunk;
  }
  if (digest.digest("hex") === hash) return;
  throw new OperationError(
    "list-foreign",
    `${name} of repair ${id} holds another list than the one that was signed.`,
    "Nothing was changed. Look for an older version of that object, and find out who wrote this one.",
  );
}
