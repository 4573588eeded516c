import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { type SignBytes, signDetached, verifyDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { newSetId } from "../../../actions/lib/vault/format/manifest.ts";
import { assertNoIncident } from "../../../actions/lib/vault/incident/state.ts";
import { beginIncident, endIncident } from "../../../actions/lib/vault/incident/write.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import { newTestKey } from "../../integration/assembled-set.ts";
import { newBucket } from "../proxy/test-bucket.ts";
import { type BucketAttacker, openBucketAttacker } from "./bucket-attacker.ts";
import type { FaultRow, Seen } from "./row.ts";

type Key = Awaited<ReturnType<typeof newTestKey>>;

/** What somebody who writes the bucket has before them, and no key that counts. */
export interface IncidentAttacker extends BucketAttacker {
  readonly vault: Vault;
  /** `incident/<id>/` of the incident, and of one that has ended before it. */
  readonly incident: string;
  readonly older: string;
  readonly id: string;
  readonly byStranger: SignBytes;
  /** The owner ends it, as they would at any time. */
  end(): Promise<void>;
}

/** `stage` says whether the incident is on, or over, when the attack begins. */
export interface IncidentRow extends FaultRow<IncidentAttacker, void> {
  readonly stage: "an incident that is on" | "an incident that is over";
}

/** A vault with an incident. What asks is what every operation asks before it forgets something. */
export class IncidentScene implements AsyncDisposable {
  readonly #ours: Key;
  readonly #stranger: Key;

  constructor(ours: Key, stranger: Key) {
    this.#ours = ours;
    this.#stranger = stranger;
  }

  static async open(): Promise<IncidentScene> {
    return new IncidentScene(await newTestKey("signing"), await newTestKey("signing"));
  }

  async run(row: IncidentRow): Promise<Seen> {
    const bucket = await newBucket({ lock: false });
    using vault = openVault(bucket);
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, this.#ours.signers);
    const signBy =
      ({ unlocked }: Key) =>
      (bytes: Uint8Array) =>
        signDetached(bytes, unlocked);
    const said = (id: string) => ({ id, reason: "keys were stolen", by: "a test", at: new Date() });
    const [older, id] = [newSetId(new Date(Date.now() - 60_000)), newSetId(new Date())];
    const begin = (one: string) => beginIncident(vault, said(one), signBy(this.#ours));
    const end = (one: string) => endIncident(vault, said(one), signBy(this.#ours), verify);
    await begin(older);
    await end(older);
    await begin(id);
    if (row.stage === "an incident that is over") await end(id);
    await row.inject({
      ...openBucketAttacker(vault, vault.transport.client),
      ...{ vault, id, incident: `incident/${id}/`, older: `incident/${older}/`, byStranger: signBy(this.#stranger) },
      end: () => end(id),
    });
    try {
      await assertNoIncident(vault, verify, "retention removes what the policy no longer keeps");
      const falseSuccess = row.outcome !== "success";
      return { outcome: falseSuccess ? "false success" : "success", code: undefined, broken: [], falseSuccess };
    } catch (error) {
      const named = error instanceof LifeboatError;
      const outcome = named && error.exitCode === 2 ? "refused before writing" : "ends without a name";
      return { outcome, code: named ? error.code : undefined, broken: [], falseSuccess: false };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
