import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { loadConfig } from "../../../actions/lib/config/load.ts";
import { runRestore } from "../../../actions/lib/operations/restore/run-restore.ts";
import { targetConnector } from "../../../actions/lib/operations/target/sessions.ts";
import { readMarker, setState } from "../../../actions/lib/operations/test-restore/staging/marker.ts";
import { openStagingLab, type StagingLab } from "../../integration/staging-lab.ts";
import { execute, withClient } from "../../lab/index.ts";
import type { FaultRow, Seen } from "./row.ts";

/** What happens in a project that was marked as staging, before the next monthly test. */
export interface LiveProject {
  /** As the project's owner. */
  sql(statement: string): Promise<void>;
  /** As one of the platform's services. */
  platform(statement: string): Promise<void>;
  /** An ordinary restore into it. */
  restore(): Promise<void>;
}

export interface StagingRow extends FaultRow<LiveProject, void> {
  /** What the last test left. */
  readonly left: "empty" | "kept" | "testing";
  readonly undo?: string;
}

/** A staging project that has seen a test. */
export class StagingScene implements AsyncDisposable {
  readonly #on: StagingLab;

  private constructor(on: StagingLab) {
    this.#on = on;
  }

  static async open(): Promise<StagingScene> {
    const on = await openStagingLab(["daily"]);
    await on.tests.mark();
    return new StagingScene(on);
  }

  async run(row: StagingRow): Promise<Seen> {
    const { staging, tests } = this.#on;
    await this.#leave(row.left);
    await row.inject({
      sql: async (statement) => void (await execute(staging.postgresUrl, statement)),
      platform: (statement) => execute(staging.superuserUrl, statement),
      restore: async () => {
        const env = { ...tests.env, TARGET_DATABASE_URL: staging.postgresUrl };
        const config = await loadConfig({ needs: ["vault", "opening", "target"], env });
        await runRestore({ config, ref: "latest", log: silentLog });
      },
    });
    const before = await this.#contents();
    const codes: string[] = [];
    // Of a test that died, a person who types --wipe knows more than the marker.
    const wipe = row.left === "testing" ? [] : [() => tests.wipe()];
    for (const attempt of [() => tests.run({ dryRun: true }), () => tests.run(), ...wipe]) {
      codes.push(await attempt().then(() => "done", codeOf));
    }
    const after = await this.#contents();
    if (row.undo !== undefined) await execute(staging.superuserUrl, row.undo);
    const emptied = before !== after;
    const went = codes.some((code) => code === "done");
    return {
      outcome: went ? (emptied ? "false success" : "success") : "refused, target untouched",
      code: [...new Set(codes)].join(" "),
      broken: emptied && row.outcome !== "success" ? ["the project was changed"] : [],
      falseSuccess: went && row.outcome !== "success",
    };
  }

  /** As a test left it, noted at this moment. */
  async #leave(left: StagingRow["left"]): Promise<void> {
    const { tests, staging, sets } = this.#on;
    const marker = await withClient(staging.superuserUrl, readMarker);
    if (marker?.state === "empty" && left !== "empty") await tests.run({ keepHours: 1 });
    if (marker?.state !== "empty" || left !== "empty") {
      const config = await loadConfig({ needs: ["target"], target: "staging", env: { ...tests.env } });
      const client = await targetConnector(config, "lab", { log: silentLog })();
      await setState(client, left === "empty" ? "kept" : left, { set: sets[0] ?? "", keepUntil: new Date(0) });
      await client.end();
    }
    if (left === "empty" && marker?.state !== "empty") await tests.wipe();
  }

  /** Every object and every number of rows. */
  async #contents(): Promise<string> {
    const { rows } = await withClient(this.#on.staging.superuserUrl, (client) =>
      client.query(
        `select (select count(*) from pg_class where oid >= 16384 and relnamespace::regnamespace::text not like 'pg\\_%') as classes,
                (select count(*) from pg_policy) as policies, (select count(*) from pg_trigger) as triggers,
                (select count(*) from auth.users) as users, (select count(*) from storage.buckets) as buckets`,
      ),
    );
    return JSON.stringify(rows);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#on[Symbol.asyncDispose]();
  }
}

const codeOf = (error: unknown): string => (error instanceof LifeboatError ? error.code : String(error));
