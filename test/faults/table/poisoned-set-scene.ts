import type { S3Client } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { verifySet } from "../../../actions/lib/operations/verify/verify.ts";
import { signDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { type Manifest, setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import type { Vault } from "../../../actions/lib/vault/s3/client.ts";
import { openSet } from "../../../actions/lib/vault/sets/open-set.ts";
import { assembleSet, newTestKey, type SetParts, type TestKey } from "../../integration/assembled-set.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { newVault } from "../proxy/test-bucket.ts";
import { smallInventory, smallPieces } from "../small-set.ts";
import { type BucketAttacker, openBucketAttacker } from "./bucket-attacker.ts";
import { codeOf, endingOf } from "./ending.ts";
import type { FaultRow, Seen } from "./row.ts";

/** `restore` reads everything of the set as a restore does. */
export type SetReader = "verify" | "verify --deep" | "restore";

export interface PoisonedRow extends FaultRow<Poisoner, Manifest | undefined> {
  readonly stage: SetReader;
}

export interface Poisoner extends BucketAttacker {
  /** `database/daily/<set>/` of the set that is read, and of another of the same project. */
  readonly prefix: string;
  readonly other: string;
  get(key: string): Promise<{ readonly body: Buffer; readonly metadata: Record<string, string> }>;
  /** Whom sets are sealed to: everybody knows these keys' public halves. */
  readonly recipients: TestKey["recipients"];
  /** A key of the attacker's own. */
  readonly stranger: TestKey;
  sign(bytes: Uint8Array): Promise<string>;
  /** Makes a set of the attacker's with the true signing key: for whoever has stolen that. It is the one that is read then. */
  assemble(parts: Pick<SetParts, "pieces"> & Partial<SetParts>): Promise<Manifest>;
}

/** No attack may take more, whatever a few bytes become. */
const mostMemory = 300e6;

/** Two small sets. Success: what was laid changes nothing, and every artifact is what it was. */
export class PoisonedSets implements AsyncDisposable {
  readonly #vault: Vault;
  readonly #client: S3Client = sharedS3().client();
  readonly #signing: TestKey;
  readonly #recipient: TestKey;
  readonly #stranger: TestKey;
  readonly #sets: readonly Manifest[];

  private constructor(vault: Vault, keys: readonly [TestKey, TestKey, TestKey], sets: readonly Manifest[]) {
    this.#vault = vault;
    [this.#signing, this.#recipient, this.#stranger] = keys;
    this.#sets = sets;
  }

  static async open(): Promise<PoisonedSets> {
    const vault = await newVault();
    const [signing, recipient, stranger] = await Promise.all([
      newTestKey("signing"),
      newTestKey("operations"),
      newTestKey("signing"),
    ]);
    const make = () => assembleSet({ vault, signing, recipient, inventory: smallInventory, pieces: smallPieces() });
    return new PoisonedSets(vault, [signing, recipient, stranger], [await make(), await make()]);
  }

  async run(row: PoisonedRow): Promise<Seen> {
    const attacker = openBucketAttacker(this.#vault, this.#client);
    const [other, own] = this.#sets;
    if (own === undefined || other === undefined) throw new Error("there are no sets");
    const made = await row.inject({
      ...attacker,
      ...{ prefix: setPrefix(own.tier, own.set), other: setPrefix(other.tier, other.set), stranger: this.#stranger },
      recipients: this.#recipient.recipients,
      get: async (key) => {
        const { body, metadata } = await this.#vault.get(key);
        return { body: Buffer.from(body), metadata };
      },
      sign: (bytes) => signDetached(bytes, this.#stranger.unlocked),
      assemble: (parts) =>
        assembleSet({
          ...{ vault: this.#vault, signing: this.#signing, recipient: this.#recipient, inventory: smallInventory },
          ...parts,
        }),
    });
    const memory = process.memoryUsage().rss;
    const seen = await this.#read(row.stage, made ?? own);
    const broken = process.memoryUsage().rss - memory > mostMemory ? ["it took more than 300 MB"] : [];
    await attacker.undo();
    const after = await this.#read("verify --deep", own);
    if (after.outcome !== "success") broken.push(`the set afterwards: ${after.outcome} ${after.code}`);
    const falseSuccess = seen.outcome === "success" && row.outcome !== "success";
    return { ...seen, outcome: falseSuccess ? "false success" : seen.outcome, broken, falseSuccess };
  }

  async #read(stage: SetReader, { tier, set }: Manifest): Promise<Pick<Seen, "code" | "outcome">> {
    const keys = { trustedSigners: this.#signing.signers, privateKey: this.#recipient.unlocked };
    const work = async () => {
      if (stage !== "restore")
        return await verifySet(this.#vault, { tier, set }, { ...keys, deep: stage === "verify --deep" }, silentLog);
      const open = await openSet(this.#vault, { tier, set }, keys);
      await open.inventory();
      for (const { name, plainBytes } of open.manifest.artifacts) {
        let bytes = 0;
        for await (const chunk of open.artifact(name)) {
          bytes += chunk.length;
          if (bytes > plainBytes) throw new Error("more is handed on than the manifest says");
        }
      }
      return { outcome: "whole" as const, findings: [] };
    };
    const ending = await endingOf(work());
    if (ending === "hangs") return { outcome: "hangs", code: undefined };
    if ("error" in ending) {
      const outcome = ending.error instanceof LifeboatError ? "failed by name" : "ends without a name";
      return { outcome, code: codeOf(ending) };
    }
    const damage = ending.findings.filter(({ severity }) => severity === "damage");
    return { outcome: ending.outcome === "whole" ? "success" : "damage named", code: damage[0]?.code };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    this.#vault.close();
  }
}
