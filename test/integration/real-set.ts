import { execFileSync } from "node:child_process";
import { join } from "node:path";
import pg from "pg";
import { textSource } from "../../actions/lib/backup/artifact-store.ts";
import { takeFingerprints } from "../../actions/lib/backup/fingerprints.ts";
import { Stop } from "../../actions/lib/backup/together.ts";
import { renderRecoverPage } from "../../actions/lib/prove/recover-page.ts";
import { silentLog } from "../../actions/lib/runtime/log.ts";
import { planDump, tablesOfOthers } from "../../actions/lib/source/dump-plan.ts";
import type { Inventory } from "../../actions/lib/source/inventory/model.ts";
import { readInventory } from "../../actions/lib/source/inventory/read.ts";
import { groupArguments, runPgDump, schemaArguments } from "../../actions/lib/source/pg-dump.ts";
import { pinOptions, pinStatement } from "../../actions/lib/source/session.ts";
import type { Vault } from "../../actions/lib/vault/client.ts";
import type { Manifest } from "../../actions/lib/vault/manifest.ts";
import { assembleSet, type Piece, type TestKey } from "./assembled-set.ts";

export interface RealSource {
  /** Connection string of somebody who may read everything. */
  readonly url: string;
  /** Folder with pg_dump. */
  readonly binDir: string;
}

/** A set of a real database, made without the backup's own orchestration: what verify and recovery are tried on. */
export async function backUpForTest(
  source: RealSource,
  into: { readonly vault: Vault; readonly signing: TestKey; readonly recipient: TestKey },
  largeTableBytes = 300_000,
): Promise<{ manifest: Manifest; inventory: Inventory }> {
  const client = new pg.Client({ connectionString: source.url });
  await client.connect();
  try {
    const { text, values } = pinStatement(5);
    await client.query(text, [...values]);
    await client.query("begin isolation level repeatable read read only");
    const snapshot = (await client.query<{ id: string }>("select pg_export_snapshot() as id")).rows[0]?.id ?? "";
    const stop = new Stop();
    const inventory = await takeFingerprints(await readInventory(client), [client], stop, silentLog);
    const program = join(source.binDir, "pg_dump");
    const env = { PGOPTIONS: pinOptions(), PGTZ: "UTC", ...libpq(source.url) };
    const dump = { program, env, snapshot, lockWaitSeconds: 5, signal: stop.signal };
    const tables = inventory.tables.filter(({ carried }) => carried);
    const limits = { largeTableBytes, groupBytes: 1_000_000, jobs: 2 };
    const groups = planDump(tables, { count: inventory.largeObjects.length, bytes: 0 }, limits);
    const pieces: Piece[] = [
      { name: "schema.dump.zst.pgp", kind: "schema", source: runPgDump(dump, schemaArguments(), "schema") },
      ...groups.map((group) => ({
        ...{ name: `data/${group.name}.dump.zst.pgp`, kind: group.kind },
        ...(group.kind === "data" ? { tables: group.tables.map(({ schema, name }) => `${schema}.${name}`) } : {}),
        source: runPgDump(dump, groupArguments(group, tablesOfOthers(groups, group)), group.name),
      })),
      { name: "roles.sql.zst.pgp", kind: "roles", source: textSource(roles(source)) },
    ];
    const manifest = await assembleSet({
      ...{ ...into, inventory, pieces },
      recoverPage: (draft, artifacts) => renderRecoverPage({ ...draft, artifacts }),
    });
    return { manifest, inventory };
  } finally {
    await client.end();
  }
}

function libpq(url: string): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    ...{ PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password },
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
  };
}

function roles({ url, binDir }: RealSource): string {
  const which = ["--roles-only", "--no-role-passwords"];
  const text = execFileSync(join(binDir, "pg_dumpall"), [...which, "-d", url], { encoding: "utf8" });
  return text.replaceAll(/^\\(un)?restrict .*\n| GRANTED BY [^;]+/gm, "");
}
