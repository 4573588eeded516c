import { inspect } from "node:util";
import { mapBounded } from "../../../actions/lib/base/flow/bounded.ts";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { policySchema } from "../../../actions/lib/config/policy/policy.ts";
import { readLastSet } from "../../../actions/lib/operations/backup/earlier-sets.ts";
import { tidyUp } from "../../../actions/lib/operations/backup/tidy-up.ts";
import { readVaultReports } from "../../../actions/lib/operations/publish/vault-reports.ts";
import type { Transport } from "../../../actions/lib/s3/transport.ts";
import { signDetached, verifyDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import { encodeManifest, publishSet, resolveSet } from "../../../actions/lib/vault/sets/catalogue.ts";
import { readProofs } from "../../../actions/lib/vault/sets/proof-store.ts";
import { firstOf, trustedSets } from "../../../actions/lib/vault/standing.ts";
import own from "../../../lifeboat.config.ts";
import { newTestKey, type TestKey } from "../../integration/assembled-set.ts";
import { newBucket } from "../proxy/test-bucket.ts";
import { setId, storeUnpublished } from "../proxy/test-manifest.ts";
import type { FaultRow, Seen } from "./row.ts";

export type Searcher = "latest" | "newest trusted" | "proofs" | "reports" | "backup's clean-up";

/** What somebody lays who has a day, and what it may cost a reader then. */
export interface JunkRow extends FaultRow<Junk, void> {
  readonly stage: Searcher;
  /** Requests at most. They are counted, and not the time: a busy machine may be slow with a list. */
  readonly requests: number;
}

export interface Junk {
  /** The one true set. */
  readonly set: string;
  /** Puts so many objects. */
  lay(count: number, at: (index: number) => string, body?: Uint8Array | string): Promise<void>;
  /** By a key of the attacker's own. */
  sign(bytes: Uint8Array): Promise<string>;
}

const policy = policySchema.parse(own);
const lease = { async assertHeld() {} };

/** A vault with one set, which everybody must still find. What a row lays stays: the next one's comes on top of it. */
export class JunkScene implements AsyncDisposable {
  readonly #vault: Vault;
  readonly #signing: TestKey;
  readonly #stranger: TestKey;
  readonly #set: string;
  readonly #asked: string[];

  private constructor(vault: Vault, signing: TestKey, stranger: TestKey, set: string, asked: string[]) {
    this.#vault = vault;
    this.#signing = signing;
    this.#stranger = stranger;
    this.#set = set;
    this.#asked = asked;
  }

  static async open(): Promise<JunkScene> {
    const [settings, signing, stranger] = await Promise.all([
      newBucket(),
      newTestKey("signing"),
      newTestKey("signing"),
    ]);
    const bare = openVault({ ...settings, retry: { attempts: 4, totalSeconds: 100, stallSeconds: 25 } });
    const set = setId(1);
    const manifest = await storeUnpublished(bare, "daily", set);
    const bytes = encodeManifest(manifest);
    await publishSet(bare, manifest, bytes, await signDetached(bytes, signing.unlocked), { lease });
    const asked: string[] = [];
    return new JunkScene(counting(bare, asked), signing, stranger, set, asked);
  }

  async run(row: JunkRow): Promise<Seen> {
    const vault = this.#vault;
    await row.inject({
      set: this.#set,
      lay: (count, at, body = "{}") =>
        mapBounded(
          Array.from({ length: count }, (_, index) => index),
          16,
          async (index) => void (await vault.put(at(index), Buffer.from(body))),
        ).then(() => undefined),
      sign: (bytes) => signDetached(bytes, this.#stranger.unlocked),
    });
    this.#asked.splice(0);
    const found = await this.#search(row.stage).catch((error: unknown) => inspect(error));
    const asked = this.#asked.length;
    const broken = asked > row.requests ? [`it took ${asked} requests, and ${row.requests} are the most`] : [];
    if (found !== "success" && found !== "damage named") broken.push(found);
    const outcome = found === "damage named" ? found : found === "success" ? found : "ends without a name";
    return { outcome, code: undefined, broken, falseSuccess: false };
  }

  async #search(stage: Searcher): Promise<string> {
    const vault = this.#vault;
    const { signers } = this.#signing;
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
    const isOurs = (set: string | undefined): string => (set === this.#set ? "success" : `found is ${set ?? "none"}`);
    if (stage === "latest") return isOurs((await resolveSet(vault, "latest")).set);
    if (stage === "newest trusted") {
      const passed: string[] = [];
      const found = await firstOf(trustedSets(vault, verify, { passedOver: (name) => void passed.push(name) }));
      // Given up after so many: none is found, which makes things look worse than they are.
      return found === undefined && passed.length > 0 ? "damage named" : isOurs(found?.set);
    }
    if (stage === "proofs") return (await readProofs(vault, verify)).refused.length > 0 ? "success" : "nothing refused";
    if (stage === "reports")
      return (await readVaultReports(vault, verify)).refused.length > 0 ? "success" : "nothing refused";
    const [warnings, alarms]: [string[], string[]] = [[], []];
    const tidy = { vault, lease, policy, bucketLocks: false, signers, warnings, alarms, log: silentLog };
    const published = await tidyUp(tidy);
    if (!/folders below database\/daily\/ have no manifest/.test(warnings.join())) return "no word of the folders";
    if (alarms.length > 0) return alarms.join();
    return isOurs((await readLastSet(vault, signers, warnings, published))?.set);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#vault.close();
  }
}

function counting(bare: Vault, asked: string[]): Vault {
  const transport: Transport = {
    ...bare.transport,
    request(request, attempt) {
      asked.push(request.operation);
      return bare.transport.request(request, attempt);
    },
  };
  return {
    ...{ ...bare, transport },
    get(key, options) {
      asked.push("GetObject");
      return bare.get(key, options);
    },
  };
}
