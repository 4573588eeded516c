import { inspect } from "node:util";
import type { S3Client } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { readVaultReports, writeVaultReport } from "../../../actions/lib/operations/publish/vault-reports.ts";
import { locksAreDue } from "../../../actions/lib/operations/retention/locks.ts";
import type { RunReport } from "../../../actions/lib/report/run/run-report.ts";
import { signDetached, verifyDetached, writeNote } from "../../../actions/lib/seal/keys/signature.ts";
import { setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import { acquireLease } from "../../../actions/lib/vault/lease/lease.ts";
import type { Vault } from "../../../actions/lib/vault/s3/client.ts";
import {
  encodeManifest,
  listSets,
  publishSet,
  readSet,
  resolveSet,
} from "../../../actions/lib/vault/sets/catalogue.ts";
import { readStanding } from "../../../actions/lib/vault/standing.ts";
import { newTestKey, type TestKey } from "../../integration/assembled-set.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { reportOf } from "../../unit/simulated-runs.ts";
import { newVault } from "../proxy/test-bucket.ts";
import { setId, storeUnpublished } from "../proxy/test-manifest.ts";
import { type BucketAttacker, openBucketAttacker } from "./bucket-attacker.ts";
import type { FaultRow, Seen } from "./row.ts";

export type Reader = "latest" | "list" | "standing" | "lease" | "reports" | "retention mark";

export interface ForgedRow extends FaultRow<Forger, void> {
  readonly stage: Reader;
}

/** What the attacker sees of a vault with two sets, and the key that they have made for themselves. */
export interface Forger extends BucketAttacker {
  /** `database/daily/<set>/` of the newest set, and `database/weekly/<set>/` of an older one. */
  readonly newest: string;
  readonly older: string;
  readonly ownSignature: (bytes: Uint8Array) => Promise<string>;
  /** The key of a report that we have signed. */
  readonly report: string;
  /** The mark of a retention run that we have signed a month ago, and another note of ours. */
  readonly oldMark: Uint8Array;
  readonly otherNote: Uint8Array;
}

const now = new Date("2026-11-24T12:00:00Z");
export const markKey = "upkeep/done.json";
const markOf = (at: string) => ({ format: "lifeboat-upkeep/1", at }) as const;

/** What the attacker's reports say, and nobody may repeat. */
export const forgedWords = "Run curl evil.example";

/** Success here: what was laid is believed by nobody, and what is ours is found as if it were not there. */
export class ForgedWords implements AsyncDisposable {
  readonly #vault: Vault;
  readonly #client: S3Client = sharedS3().client();
  readonly #signing: TestKey;
  readonly #stranger: TestKey;
  readonly #sets: readonly string[];
  readonly #report: string;

  private constructor(vault: Vault, signing: TestKey, stranger: TestKey, sets: readonly string[], report: string) {
    this.#vault = vault;
    this.#signing = signing;
    this.#stranger = stranger;
    this.#sets = sets;
    this.#report = report;
  }

  static async open(): Promise<ForgedWords> {
    const [vault, signing, stranger] = await Promise.all([newVault(), newTestKey("signing"), newTestKey("signing")]);
    const sets: string[] = [];
    for (const [tier, hours] of [
      ["weekly", 5],
      ["daily", 10],
    ] as const) {
      const manifest = await storeUnpublished(vault, tier, setId(hours));
      const bytes = encodeManifest(manifest);
      const signature = await signDetached(bytes, signing.unlocked);
      await publishSet(vault, manifest, bytes, signature, { lease: { async assertHeld() {} } });
      sets.push(manifest.set);
    }
    const sign = (bytes: Uint8Array) => signDetached(bytes, signing.unlocked);
    const report = await writeVaultReport(vault, reportOf({ runId: "1", at: now.toISOString() }), sign);
    await vault.put(markKey, await writeNote(markOf("2026-11-24T11:00:00Z"), sign));
    return new ForgedWords(vault, signing, stranger, sets, report);
  }

  async run(row: ForgedRow): Promise<Seen> {
    const attacker = openBucketAttacker(this.#vault, this.#client);
    const [older = "", newest = ""] = this.#sets;
    const sign = (bytes: Uint8Array) => signDetached(bytes, this.#signing.unlocked);
    const other = { format: "lifeboat-other/1", at: now.toISOString() } as const;
    await row.inject({
      ...attacker,
      ...{ newest: setPrefix("daily", newest), older: setPrefix("weekly", older), report: this.#report },
      ...{ oldMark: await writeNote(markOf("2026-10-24T11:00:00Z"), sign), otherNote: await writeNote(other, sign) },
      ownSignature: (bytes) => signDetached(bytes, this.#stranger.unlocked),
    });
    const answer = await this.#ask(row.stage, newest).catch((error: unknown) => ({ error }));
    await attacker.undo();
    const broken: string[] = [];
    const after = await this.#ask("list", newest).catch((error: unknown) => ({ error }));
    if (after !== "success") broken.push(`the vault afterwards: ${inspect(after)}`);
    if ((await this.#ask("retention mark", newest)) !== "believed")
      broken.push("our own mark does not count afterwards");
    if (typeof answer === "string") {
      const falseSuccess = answer === "believed" || (answer === "success" && row.outcome !== "success");
      const outcome = falseSuccess ? "false success" : answer;
      return { outcome, code: undefined, broken, falseSuccess };
    }
    const { error } = answer;
    const named = error instanceof LifeboatError;
    const code = named ? error.code : undefined;
    return { outcome: named ? "failed by name" : "ends without a name", code, broken, falseSuccess: false };
  }

  async #ask(reader: Reader, newest: string): Promise<"success" | "damage named" | "believed"> {
    const vault = this.#vault;
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, this.#signing.signers);
    const kept = { retentionDays: 30, lock: "governance" } as const;
    const tiers = { daily: kept, weekly: kept, monthly: kept };
    const only = (yes: boolean) => (yes ? ("success" as const) : ("believed" as const));
    if (reader === "latest") {
      const { tier, set } = await resolveSet(vault, "latest");
      await readSet(vault, tier, set, verify);
      return only(set === newest);
    }
    if (reader === "list") {
      const listed = await listSets(vault, { verify });
      const ours = listed.filter(({ signature }) => signature === "verified").map(({ set }) => set);
      if (listed.some(({ problem }) => problem !== null)) return "damage named";
      return only(ours.toSorted().join() === this.#sets.toSorted().join() && listed.length === ours.length);
    }
    if (reader === "standing") {
      const { sets, proven, files } = await readStanding({
        ...{ vault, storage: vault, verify, verifyProof: verify, verifyRelease: verify, tiers },
      });
      return only(sets[0]?.set === newest && sets.length === 2 && proven === null && files === null);
    }
    if (reader === "lease") {
      await using _lease = await acquireLease(vault, "backup-database", { holder: "a test", ttlSeconds: 5 });
      return "success";
    }
    if (reader === "reports") {
      const { reports } = await readVaultReports(vault, verify, { since: now, now });
      return only(reports.filter(isOurs).length === 1 && reports.filter((one) => !isOurs(one)).every(isHint));
    }
    return only(await locksAreDue(vault, verify, now));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    this.#vault.close();
  }
}

const isOurs = ({ run, conclusion }: RunReport): boolean => run.runId === "1" && conclusion === "success";

/** No more than that something failed, in our own words. */
function isHint(report: RunReport): boolean {
  const told = report.operations.every(({ facts, failure }) => Object.keys(facts).length === 0 && failure !== null);
  return told && report.run.url === null && !JSON.stringify(report).includes(forgedWords);
}
