import { expect } from "vitest";
import { z } from "zod";
import type { Vault } from "../../actions/lib/vault/s3/client.ts";
import { readCases } from "../lab/cases/read-case.ts";
import { createProject, dropProject, execute, type LabProject, seedQimma, withClient } from "../lab/index.ts";
import { startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, openBackupLab } from "./backup-lab.ts";
import { openRecoveryMachine, type RecoveryMachine } from "./recovery-machine.ts";

/** What a set is recovered from, and into: a seeded project, its vault, and a cluster of plain PostgreSQL. */
export interface RecoveryLab extends AsyncDisposable {
  readonly lab: BackupLab;
  readonly source: LabProject;
  /** Where its RECOVER.md is followed. */
  readonly machine: RecoveryMachine;
  /** A database of the cluster, whose superuser has another name than that of the source's. */
  targetUrl(database: string): string;
  /** The same, made now and empty. */
  newTarget(database: string): Promise<string>;
}

const hashed = (await readCases(new URL("../cases/", import.meta.url).pathname)).find(
  ({ name }) => name === "hashed-by-numbers",
);

/** What the rows are, in whichever partition they lie: those of a hash over an enum lie in others after a restore. */
export async function rowsOfHashed(url: string): Promise<unknown> {
  return withClient(url, async (client) => (await client.query(hashed?.query ?? "")).rows);
}

/** @param name of the source's database @param rows size and seed of the source */
export async function openRecoveryLab(
  major: 15 | 17,
  name: string,
  rows: { readonly bytes: number; readonly seed: number },
): Promise<RecoveryLab> {
  const server = sharedPostgres(major);
  await using opened = new AsyncDisposableStack();
  const [target, lab] = await Promise.all([startPostgres(major, { superuser: "owner" }), openBackupLab(sharedS3())]);
  opened.defer(() => target.stop());
  opened.use(lab);
  const source = await createProject(server.superuserUrl(), name);
  opened.defer(() => dropProject(server.superuserUrl(), name));
  await seedQimma(source.postgresUrl, { ...rows, superuserUrl: source.superuserUrl });
  for (const { sql } of hashed?.steps ?? []) await execute(source.postgresUrl, sql);
  const machine = opened.use(await openRecoveryMachine(lab, server.binDir));
  const held = opened.move();
  return {
    ...{ lab, source, machine },
    targetUrl: (database) => target.superuserUrl(database),
    async newTarget(database) {
      await execute(target.superuserUrl(), `create database ${database} template template0 encoding 'UTF8'`);
      return target.superuserUrl(database);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** @param prefix of the set or snapshot */
export async function recoverPageOf(vault: Vault, prefix: string): Promise<string> {
  return Buffer.from((await vault.get(`${prefix}RECOVER.md`)).body).toString();
}

const endedSchema = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() });

/** What a recovery that was run to its end says is not there. It ends with an exit status of its own then. */
export async function lostIn(
  recovering: Promise<unknown>,
): Promise<{ missing: string[]; stdout: string; stderr: string }> {
  const ended = await recovering.then(
    () => ({ code: 0, stdout: "", stderr: "" }),
    (error: unknown) => error,
  );
  const { code, stdout, stderr } = endedSchema.parse(ended);
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining("NOT EVERYTHING IS HERE") });
  return { missing: [...stderr.matchAll(/^- (.*)$/gm)].map(([, line = ""]) => line), stdout, stderr };
}
