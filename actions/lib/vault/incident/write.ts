import { randomBytes } from "node:crypto";
import { OperationError } from "../../base/errors.ts";
import { noteTouched } from "../../base/touched.ts";
import { isConditionFailed } from "../../s3/store-errors.ts";
import { type SignBytes, writeNote } from "../../seal/keys/signature.ts";
import { objectLockOf } from "../bucket/inspect.ts";
import { retainUntil } from "../bucket/lock.ts";
import { mostReason } from "../format/manifest.ts";
import type { VerifySignature } from "../published/signed-manifest.ts";
import type { Vault } from "../s3/client.ts";
import type { PutOptions } from "../s3/objects.ts";
import { beginName, incidentPrefix, readIncident } from "./state.ts";

interface Said {
  readonly id: string;
  readonly reason: string;
  /** Who says so, in words. */
  readonly by: string;
  readonly at: Date;
}

/** So long nobody removes what an incident has left, where the bucket can lock. */
const lockDays = 90;

/** Begins an incident in this bucket. Without a key to sign with it counts as well. @throws OperationError `incident-taken` */
export async function beginIncident(
  vault: Vault,
  { id, reason, by, at }: Said,
  sign: SignBytes | undefined,
): Promise<void> {
  const document = {
    format: "lifeboat-incident/1",
    incident: id,
    reason: reason.slice(0, mostReason),
    by,
    at: at.toISOString(),
  };
  await putRecord(vault, `${incidentPrefix(id)}${beginName}`, await writeNote(document, sign), at);
}

/**
 * Ends one incident in this bucket, and looks whether it is over.
 * @param sign by a key that `verify` trusts, or the end does not count
 * @throws OperationError `incident-still-on` when the end was written and does not count
 */
export async function endIncident(
  vault: Vault,
  { id, reason, by, at }: Said,
  sign: SignBytes,
  verify: VerifySignature,
): Promise<void> {
  const document = {
    format: "lifeboat-incident-end/1",
    incident: id,
    reason: reason.slice(0, mostReason),
    by,
    at: at.toISOString(),
  };
  const note = await writeNote(document, sign);
  try {
    await putRecord(vault, `${incidentPrefix(id)}end.json`, note, at);
  } catch (error) {
    // Somebody has taken the name. What they wrote ends nothing, and must not keep the incident on either.
    if (!(error instanceof OperationError && error.code === "incident-taken")) throw error;
    await putRecord(vault, `${incidentPrefix(id)}end-${randomBytes(4).toString("hex")}.json`, note, at);
  }
  const state = await readIncident(vault, verify);
  if (!state.on || !state.all.some((one) => one.id === id)) return;
  throw new OperationError(
    "incident-still-on",
    `The end of incident ${id} was written to bucket ${vault.bucket} and does not count: neither the operations nor the escrow key has signed it, or ${incidentPrefix(id)} is flooded`,
    "Sign with the operations or escrow key, as the policy pins it, and see runbooks/incident.md.",
  );
}

/** Writes what belongs to an incident, once, under a lock where the bucket has them. @throws OperationError `incident-taken` */
export async function putRecord(
  vault: Vault,
  key: string,
  body: Uint8Array,
  at: Date,
  options: PutOptions = {},
): Promise<void> {
  const lock = await objectLockOf(vault);
  const locked = lock.state === "known" && lock.value.enabled ? { retainUntil: retainUntil(at, lockDays) } : {};
  await vault
    .put(key, body, { contentType: "application/json", ...options, ifNoneMatch: true, ...locked })
    .catch((error: unknown) => {
      if (!isConditionFailed(error)) throw error;
      throw new OperationError(
        "incident-taken",
        `${key} in bucket ${vault.bucket} is there already`,
        "See `lifeboat incident`.",
      );
    });
  noteTouched("made", key, body);
}
