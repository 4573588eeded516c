import { type Stop, together } from "../../base/flow/bounded.ts";
import type { Stages } from "../../base/flow/stages.ts";
import type { Log } from "../../base/log.ts";
import { tableName } from "../../postgres/identifier.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { planExport, planGenerated } from "../../postgres/rows/export-rows.ts";
import { whileHeld } from "../../postgres/snapshot/snapshot.ts";
import type { Ready } from "../check/run-preflight.ts";
import type { SyncRequest, SyncResult } from "../sync/request.ts";
import { runSync } from "../sync/run-sync.ts";
import { takeConfiguration } from "./apart-stage.ts";
import { type DataStage, takeData } from "./data-stage.ts";
import { takeJsonExport } from "./json-stage.ts";
import type { BackupRequest, FileRequest } from "./result.ts";
import { dumpSchema, takeCatalogue } from "./schema-stage.ts";
import type { SetWriter } from "./set-writer.ts";
import { SourceAccess, startDdlGuard } from "./source-access.ts";
/** What goes on beside the backup, known as soon as it has begun. */
export interface Beside {
  run?: FileRun;
}

interface ReadingSource {
  readonly set: string;
  readonly writer: SetWriter;
  readonly beside: Beside;
  readonly warnings: string[];
}

/**
 * Everything that needs the database. When it returns, the locks are gone and all of our sessions are closed, but for that
 * of the files' list.
 */
export async function readSource(
  request: BackupRequest,
  ready: Ready,
  { set, writer, beside, warnings }: ReadingSource,
  stages: Stages,
  stop: Stop,
): Promise<void> {
  const { config, log } = request;
  await using source = await SourceAccess.open({
    settings: config.source,
    policy: config.policy.source,
    tools: ready.tools,
    stop,
    log,
  });
  await using guard = await stages.write("watch", () => startDdlGuard(source, stop));
  const schema = await stages.write("schema", () => takeCatalogue(source, guard));
  const warn = (text: string) => {
    warnings.push(text);
    log.warn(text);
  };
  const hasVault = schema.inventory.tables.some(isVaultSecrets);
  const configuration = takeConfiguration(
    config,
    { store: writer.store, secrets: hasVault ? writer.secrets : undefined },
    stop,
    { warn, info: log.info },
  );
  // It goes on beside the rows: that it failed is told when all are there, or by what stopped both.
  configuration.catch(() => {});
  const data = await stages.write("data", async () => {
    // Over a long way pg_dump asks for longer than the rows need: they are read meanwhile.
    const dump = dumpSchema(source, writer.store, await source.session("dump"), schema);
    dump.catch(() => {}); // told below, or by what stopped both
    const held = <T>(work: () => Promise<T>) => whileHeld(schema.snapshot.client, work);
    const dumped = async (): Promise<undefined> => {
      for (const artifact of await dump) writer.add(artifact);
      const databaseSet = { tier: request.tier, set };
      if (request.files) beside.run = startFiles(request.files, { snapshot: schema.snapshot, databaseSet }, stop);
    };
    const read = (): Promise<DataStage> =>
      takeData(source, writer.store, stop, schema, { secrets: writer.secrets, warn });
    const [rows] = await together<DataStage | undefined>(stop, [() => held(read), () => held(dumped)]);
    if (rows === undefined) throw new Error("The rows have not been read.");
    return rows;
  });
  for (const artifact of data.artifacts) writer.add(artifact);
  if (request.tier !== "daily") {
    const tables = data.inventory.tables.filter((table) => !isVaultSecrets(table));
    const { snapshot, unasked } = schema;
    // The values of generated columns come by a query alone.
    const generated = planGenerated(tables.filter((table) => !unasked.has(tableName(table))));
    const items = [...(request.tier === "weekly" ? planExport(tables) : []), ...generated];
    const rows = await stages.write("JSON export", () =>
      takeJsonExport(source, writer.store, stop, snapshot, items, unasked),
    );
    for (const artifact of rows) writer.add(artifact);
  }
  await stages.write("inventory", async () => {
    // Its list has a session of its own under the snapshot: the locks of ours need not last as long as the copy, or as an API is slow.
    await beside.run?.opened;
    guard.releases(schema.snapshot.pid);
    await source.hangUp(schema.snapshot.client);
    for (const artifact of await configuration) writer.add(artifact);
    await writer.describe(schema, data.inventory, data.measured);
  });
}

/** A copy of the files that runs beside a backup, under the backup's own snapshot. */
export interface FileRun {
  /** The list is open under the snapshot, and no longer needs whoever exported it. Rejects when it never will be. */
  readonly opened: Promise<void>;
  /** The files' snapshot is published. */
  readonly done: Promise<SyncResult>;
}

/** When it fails, the whole backup stops: a set that says it has files must have them. */
export function startFiles(request: FileRequest, within: NonNullable<SyncRequest["within"]>, stop: Stop): FileRun {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  const { tier } = within.databaseSet;
  const done = runSync({ ...request, tier, within, signal: stop.signal, onListOpened: resolve });
  done.catch((error: unknown) => {
    stop.now(error);
    reject(error);
  });
  opened.catch(() => {}); // whoever waits for `done` hears of it too
  return { opened, done };
}

/**
 * When the backup has failed: waits for the copy to end, and tells of files that were published by then. Their snapshot
 * names a set that there is not.
 */
export async function tellOfFilesAlone(run: FileRun | undefined, set: string, log: Log): Promise<void> {
  if (run === undefined) return;
  const [ended] = await Promise.allSettled([run.done]);
  if (ended.status === "rejected") return;
  log.warn(
    `The files are in the vault all the same: their snapshot ${ended.value.set} is whole, and names the database set ${set}, which this run did not make. Restore them with \`lifeboat restore-files ${ended.value.set}\`; an earlier set has files of its own.`,
  );
}
