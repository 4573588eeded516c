import { inspect } from "node:util";
import type { S3Client } from "@aws-sdk/client-s3";
import { LifeboatError, OperationError } from "../../../actions/lib/base/errors.ts";
import { rewrapSets } from "../../../actions/lib/operations/keys/rewrap.ts";
import { verifySet } from "../../../actions/lib/operations/verify/verify.ts";
import { readKeyring } from "../../../actions/lib/seal/keys/keyring.ts";
import { pinnedKeys } from "../../../actions/lib/seal/keys/pins.ts";
import type { UnlockedKey } from "../../../actions/lib/seal/keys/private-key.ts";
import { verifyDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { signingKey } from "../../../actions/lib/vault/configured.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import { listSets } from "../../../actions/lib/vault/sets/catalogue.ts";
import { type BackupLab, backUp, openBackupLab } from "../../integration/backup-lab.ts";
import { execute } from "../../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../../lab/servers/started.ts";
import type { Trap } from "../proxy/http-faults.ts";
import { type HttpFaultProxy, startHttpFaultProxy } from "../proxy/http-proxy.ts";
import { quickRetry } from "../proxy/test-bucket.ts";
import { whatWasSaid } from "./ending.ts";
import { inspectVault, leaksIn, problemsOf } from "./inspect-vault.ts";
import type { FaultRow, Seen } from "./row.ts";
import { watchedLog } from "./watched-log.ts";

export type Command = "verify" | "verify --deep" | "list" | "rewrap";

export interface ReadingRow extends FaultRow<HttpFaultProxy, Trap> {
  readonly stage: Command;
}

type Answer = "success" | "damage named" | { readonly error: unknown };

/** A vault with two sets, and the proxy before it. */
export class ReadingScene implements AsyncDisposable {
  readonly #lab: BackupLab;
  readonly #store: HttpFaultProxy;
  readonly #client: S3Client = sharedS3().client();
  readonly #signing: UnlockedKey;
  readonly #sets: readonly string[];
  #rewraps = 0;

  private constructor(lab: BackupLab, store: HttpFaultProxy, signing: UnlockedKey, sets: readonly string[]) {
    this.#lab = lab;
    this.#store = store;
    this.#signing = signing;
    this.#sets = sets;
  }

  static async open(): Promise<ReadingScene> {
    const name = `reading_${process.pid}`;
    const server = sharedPostgres(17);
    const lab = await openBackupLab(sharedS3());
    await execute(server.superuserUrl(), `create database ${name}`);
    const url = server.superuserUrl(name);
    await execute(url, "create table marks as select n as id, md5(n::text) as mark from generate_series(1, 500) n");
    const sets = [(await backUp(lab, url)).set, (await backUp(lab, url, { tier: "weekly" })).set];
    await execute(server.superuserUrl(), `drop database ${name} with (force)`);
    const signing = await signingKey(await lab.config(url));
    return new ReadingScene(lab, await startHttpFaultProxy(sharedS3().endpoint), signing, sets);
  }

  /** One command under the fault, then the same without; what is stored must stay what it was. */
  async run(row: ReadingRow): Promise<Seen> {
    const log = watchedLog();
    const trap = await row.inject(this.#store);
    const answer = await this.#command(row.stage, log);
    const hit = trap.hits > 0;
    this.#store.clear();
    const { visible } = await inspectVault(this.#client, this.#lab.bucket);
    const broken: string[] = visible.length === this.#sets.length ? [] : ["a set is gone"];
    for (const prefix of visible) broken.push(...(await problemsOf(this.#client, this.#lab, prefix)));
    const secret = this.#lab.env("")["AWS_SECRET_ACCESS_KEY"] ?? "";
    broken.push(...leaksIn(whatWasSaid(log, answer), [secret]));
    const again = await this.#command(row.stage, watchedLog());
    if (again !== "success") broken.push(`the same command without the fault: ${inspect(again)}`);
    const named = typeof answer === "string" || answer.error instanceof LifeboatError;
    const code = typeof answer !== "string" && answer.error instanceof LifeboatError ? answer.error.code : undefined;
    const told = typeof answer === "string" ? answer : named ? "failed by name" : "ends without a name";
    // What it was to notice went by unnoticed.
    const falseSuccess = answer === "success" && (broken.length > 0 || row.outcome !== "success");
    const outcome = !hit ? "no fault was injected" : falseSuccess ? "false success" : told;
    return { outcome, code, broken, falseSuccess };
  }

  #vault(): Vault {
    const retry = { ...quickRetry, stallSeconds: 1 };
    return openVault({ ...sharedS3().bucketAccess(this.#lab.bucket), endpoint: this.#store.url, retry });
  }

  async #command(command: Command, log: ReturnType<typeof watchedLog>): Promise<Answer> {
    using vault = this.#vault();
    const trusted = this.#lab.signers;
    try {
      if (command === "list") return await this.#list(vault);
      if (command === "rewrap") return await this.#rewrap(vault, log);
      const options = { trustedSigners: trusted, deep: command === "verify --deep", privateKey: this.#lab.operations };
      const { outcome } = await verifySet(vault, { tier: "daily", set: this.#sets[0] ?? "" }, options, log);
      return outcome === "whole" ? "success" : "damage named";
    } catch (error) {
      return { error };
    }
  }

  async #list(vault: Vault): Promise<Answer> {
    const trusted = this.#lab.signers;
    const listed = await listSets(vault, { verify: (bytes, armored) => verifyDetached(bytes, armored, trusted) });
    if (listed.some(({ problem }) => problem !== null)) return "damage named";
    const complete = this.#sets.every((set) => listed.some((found) => found.set === set));
    return complete ? "success" : { error: new Error("a set is missing from the list, and nothing says so") };
  }

  /** Alternates with and without the prover's key, so that there is always something to rewrite. */
  async #rewrap(vault: Vault, log: ReturnType<typeof watchedLog>): Promise<Answer> {
    const config = await this.#lab.config("postgres://nobody@127.0.0.1/unused");
    const { recipients, signers } = pinnedKeys(await readKeyring(this.#lab.publicKeys), config.policy.keys);
    const some = ++this.#rewraps % 2 === 0 ? recipients : recipients.filter(({ role }) => role !== "prover");
    const rows = await rewrapSets({
      ...{ vault, sets: [this.#sets[0] ?? ""], recipients: some, trusted: signers, log },
      ...{ privateKey: this.#lab.operations, signingKey: this.#signing },
      verifyRelease: (bytes, armored) => verifyDetached(bytes, armored, this.#lab.signers),
    });
    const problem = rows.find((row) => row.problem !== null)?.problem;
    return problem ? { error: new OperationError(problem.code, problem.message, problem.next) } : "success";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    await this.#store[Symbol.asyncDispose]();
    await this.#lab[Symbol.asyncDispose]();
  }
}
