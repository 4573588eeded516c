import type { S3Client } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import type { Signer } from "../../../actions/lib/seal/keys/keyring.ts";
import { signDetached, verifyDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { type EscrowEntry, openValue, readEscrow, sealValue, writeEscrow } from "../../../actions/lib/vault/escrow.ts";
import type { Vault } from "../../../actions/lib/vault/s3/client.ts";
import { newTestKey, type TestKey } from "../../integration/assembled-set.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { newVault } from "../proxy/test-bucket.ts";
import { type BucketAttacker, openBucketAttacker } from "./bucket-attacker.ts";
import type { FaultRow, Seen } from "./row.ts";

/** What somebody who writes the bucket finds: the same name twice, and another name once. */
export interface EscrowMeddler extends BucketAttacker {
  readonly older: string;
  readonly newest: string;
  readonly other: string;
  /** Of the keys that are no person's: one that the policy pins for jobs, and one that nobody knows. */
  readonly byJob: (bytes: Uint8Array) => Promise<string>;
  readonly byStranger: (bytes: Uint8Array) => Promise<string>;
  /** An entry that is newer than ours and opens with the escrow key, as anybody can make one. */
  forged(): Promise<EscrowEntry>;
  /** Lays an entry with this signature where it belongs. */
  lay(entry: EscrowEntry, sign: ((bytes: Uint8Array) => Promise<string>) | undefined): Promise<void>;
}

export interface EscrowRow extends FaultRow<EscrowMeddler, void> {
  readonly stage: "escrow";
}

const [olderId, newestId, otherId] = ["20260101T000000Z", "20260201T000000Z", "20260301T000000Z"].map(
  (time) => `${time}-1a2b3c4d`,
);
const keyOf = (id = ""): string => `escrow/${id}.json`;
const ours = { "signing-key": "the newest", "secret:STRIPE_KEY": "the only" };

/** Whatever is done: a recovery has our newest values, and whoever lists hears of it. */
export class MeddledEscrow implements AsyncDisposable {
  readonly #vault: Vault;
  readonly #client: S3Client = sharedS3().client();
  readonly #person: TestKey;
  readonly #job: TestKey;
  readonly #stranger: TestKey;

  private constructor(vault: Vault, person: TestKey, job: TestKey, stranger: TestKey) {
    this.#vault = vault;
    this.#person = person;
    this.#job = job;
    this.#stranger = stranger;
  }

  static async open(): Promise<MeddledEscrow> {
    const made = [newVault(), newTestKey("escrow"), newTestKey("signing"), newTestKey("signing")] as const;
    const [vault, person, job, stranger] = await Promise.all(made);
    const scene = new MeddledEscrow(vault, person, job, stranger);
    const sign = (bytes: Uint8Array) => signDetached(bytes, person.unlocked);
    for (const [id, name, value] of [
      [olderId, "signing-key", "an older one"],
      [newestId, "signing-key", ours["signing-key"]],
      [otherId, "secret:STRIPE_KEY", ours["secret:STRIPE_KEY"]],
    ] as const)
      await writeEscrow(vault, await scene.#entry(id, name, value), sign, null);
    return scene;
  }

  async #entry(id = "", name: string, value: string): Promise<EscrowEntry> {
    const { recipients, unlocked } = this.#person;
    const common = { format: "lifeboat-escrow/1", id, name, thumbprint: null, digest: null } as const;
    return { ...common, sealedTo: [unlocked.fingerprint], value: await sealValue(Buffer.from(value), recipients) };
  }

  async run(row: EscrowRow): Promise<Seen> {
    const attacker = openBucketAttacker(this.#vault, this.#client);
    await row.inject({
      ...attacker,
      ...{ older: keyOf(olderId), newest: keyOf(newestId), other: keyOf(otherId) },
      byJob: (bytes) => signDetached(bytes, this.#job.unlocked),
      byStranger: (bytes) => signDetached(bytes, this.#stranger.unlocked),
      forged: () => this.#entry("20991231T235959Z-1a2b3c4d", "signing-key", "the attacker's"),
      async lay(entry, sign) {
        const bytes = Buffer.from(JSON.stringify(entry));
        if (sign !== undefined) await attacker.put(`${keyOf(entry.id)}.sig`, Buffer.from(await sign(bytes)));
        await attacker.put(keyOf(entry.id), bytes);
      },
    });
    const seen = await this.#look().catch((error: unknown) => error);
    await attacker.undo();
    const broken = (await this.#look()) === "success" ? [] : ["what is in escrow is not as it was afterwards"];
    if (typeof seen === "string")
      return { outcome: seen as Seen["outcome"], code: undefined, broken, falseSuccess: seen === "false success" };
    const named = seen instanceof LifeboatError;
    const outcome = named ? "failed by name" : "ends without a name";
    return { outcome, code: named ? seen.code : undefined, broken, falseSuccess: false };
  }

  async #look(): Promise<"success" | "damage named" | "false success"> {
    const people: readonly Signer[] = this.#person.signers;
    const { newest, alarms, refused } = await readEscrow(this.#vault, (...signed) => verifyDetached(...signed, people));
    const values: Record<string, string | undefined> = {};
    for (const [name, { entry }] of newest)
      values[name] = (await openValue(entry.value, this.#person.unlocked))?.toString("utf8");
    const same = JSON.stringify(Object.entries(values).sort()) === JSON.stringify(Object.entries(ours).sort());
    if (!same) return "false success";
    return alarms.length + refused.length > 0 ? "damage named" : "success";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    this.#vault.close();
  }
}
