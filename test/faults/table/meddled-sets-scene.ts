import type { S3Client } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { selectSet } from "../../../actions/lib/operations/test-restore/select-set.ts";
import { verifySet } from "../../../actions/lib/operations/verify/verify.ts";
import { meddlingFailure } from "../../../actions/lib/report/run/run-report.ts";
import { verifyDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { setPrefix } from "../../../actions/lib/vault/format/manifest.ts";
import { listSets } from "../../../actions/lib/vault/sets/catalogue.ts";
import { type BackupLab, backUp, openBackupLab } from "../../integration/backup-lab.ts";
import { execute } from "../../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../../lab/servers/started.ts";
import { type BucketAttacker, openBucketAttacker } from "./bucket-attacker.ts";
import { problemsOf } from "./inspect-vault.ts";
import type { FaultRow, Seen } from "./row.ts";

export interface MeddledSetsRow extends FaultRow<MeddledSets, void> {
  readonly stage: "verify latest" | "verify by id" | "list" | "restore test" | "backup";
}

/** What a row's attacker sees: sets oldest first, by `database/daily/<set>/`. */
export interface MeddledSets extends BucketAttacker {
  readonly prefixes: readonly string[];
}

type Answer = Pick<Seen, "code"> & { readonly outcome: Seen["outcome"] };

/** A vault with three sets of a small database. After each row, what was done to it is taken back, and all of it is whole. */
export class MeddledSetsScene implements AsyncDisposable {
  readonly #lab: BackupLab;
  readonly #client: S3Client = sharedS3().client();
  readonly #url: string;
  readonly #database: string;
  readonly #sets: readonly string[];

  private constructor(lab: BackupLab, database: string, sets: readonly string[]) {
    this.#lab = lab;
    this.#database = database;
    this.#url = sharedPostgres(17).superuserUrl(database);
    this.#sets = sets;
  }

  static async open(): Promise<MeddledSetsScene> {
    const name = `meddled_${process.pid}`;
    const server = sharedPostgres(17);
    const lab = await openBackupLab(sharedS3());
    await execute(server.superuserUrl(), `create database ${name}`);
    const url = server.superuserUrl(name);
    await execute(url, "create table marks as select n as id from generate_series(1, 50) n");
    const sets: string[] = [];
    for (let made = 0; made < 3; made++) sets.push((await backUp(lab, url)).set);
    return new MeddledSetsScene(lab, name, sets);
  }

  async run(row: MeddledSetsRow): Promise<Seen> {
    const attacker = openBucketAttacker(this.#lab.vault, this.#client);
    const prefixes = this.#sets.map((set) => setPrefix("daily", set));
    await row.inject({ ...attacker, prefixes });
    const { outcome, code } = await this.#command(row.stage);
    await attacker.undo();
    const broken: string[] = [];
    for (const prefix of prefixes) broken.push(...(await problemsOf(this.#client, this.#lab, prefix)));
    const falseSuccess = outcome === "success" && (row.outcome !== "success" || broken.length > 0);
    return { outcome: falseSuccess ? "false success" : outcome, code, broken, falseSuccess };
  }

  async #command(stage: MeddledSetsRow["stage"]): Promise<Answer> {
    const { vault, signers } = this.#lab;
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, signers);
    try {
      if (stage === "list") {
        const listed = await listSets(vault, { verify });
        const all = this.#sets.every((set) => listed.some((one) => one.set === set));
        const told = listed.some(({ problem }) => problem !== null);
        return { outcome: all && told ? "damage named" : "success", code: undefined };
      }
      if (stage === "restore test") {
        const { policy } = await this.#lab.config(this.#url);
        await selectSet(vault, { named: undefined, proofs: [], policy, trusted: signers });
        return { outcome: "success", code: undefined };
      }
      if (stage === "backup") return await this.#backUp();
      const which = stage === "verify latest" ? "latest" : (this.#sets.at(-1) ?? "");
      const { outcome } = await verifySet(vault, which, { trustedSigners: signers, deep: false }, silentLog);
      return { outcome: outcome === "whole" ? "success" : "damage named", code: undefined };
    } catch (error) {
      if (!(error instanceof LifeboatError)) return { outcome: "ends without a name", code: undefined };
      const refused = error.exitCode === 2 && stage === "backup";
      return { outcome: refused ? "refused before writing" : "failed by name", code: error.code };
    }
  }

  async #backUp(): Promise<Answer> {
    const result = await backUp(this.#lab, this.#url);
    const whole = (await problemsOf(this.#client, this.#lab, result.prefix)).length === 0;
    const failure = meddlingFailure(result.alarms);
    if (failure === undefined) return { outcome: "success", code: undefined };
    return { outcome: whole ? "published, then failed by name" : "damage named", code: failure.code };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execute(sharedPostgres(17).superuserUrl(), `drop database ${this.#database} with (force)`);
    this.#client.destroy();
    await this.#lab[Symbol.asyncDispose]();
  }
}
