import type { Stop } from "../../base/flow/bounded.ts";
import type { Stages } from "../../base/flow/stages.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { planExport, planGenerated } from "../../postgres/rows/export-rows.ts";
import type { Ready } from "../check/run-preflight.ts";
import { takeExtensionRows, takeSecrets } from "./apart-stage.ts";
import { nowhere, takeArchive } from "./archive-stage.ts";
import { takeData } from "./data-stage.ts";
import { type FileRun, startFiles } from "./file-run.ts";
import { takeJsonExport } from "./json-stage.ts";
import type { BackupRequest } from "./result.ts";
import { takeSchema } from "./schema-stage.ts";
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
  const { config, log, withoutFingerprints = false } = request;
  await using source = await SourceAccess.open({
    settings: config.source,
    policy: config.policy.source,
    tools: ready.tools,
    stop,
    log,
  });
  await using guard = await stages.write("watch", () => startDdlGuard(source, stop));
  const archive = request.tier === "monthly";
  const schema = await stages.write("schema", () => takeSchema(source, archive ? nowhere : writer.store, guard));
  if (!archive) writer.add(schema.artifact);
  const databaseSet = { tier: request.tier, set };
  if (request.files) beside.run = startFiles(request.files, { snapshot: schema.snapshot, databaseSet }, stop);
  const data = await stages.write("data", () =>
    archive
      ? takeArchive(source, writer.store, stop, schema)
      : takeData(source, writer.store, stop, schema, { withoutFingerprints }),
  );
  for (const artifact of data.artifacts) writer.add(artifact);
  for (const artifact of await takeExtensionRows(source, writer.store, schema.snapshot, data.inventory)) {
    writer.add(artifact);
  }
  const warn = (text: string) => {
    warnings.push(text);
    log.warn(text);
  };
  const sealed = { snapshot: schema.snapshot, inventory: data.inventory };
  const secrets = await takeSecrets(source, writer.secrets, sealed, warn);
  if (secrets !== undefined) writer.add(secrets);
  if (request.tier !== "daily") {
    const tables = data.inventory.tables.filter((table) => !isVaultSecrets(table));
    const items = [...(archive ? [] : planExport(tables)), ...planGenerated(tables)];
    const rows = await stages.write("JSON export", () =>
      takeJsonExport(source, writer.store, stop, schema.snapshot, items),
    );
    for (const artifact of rows) writer.add(artifact);
  }
  await stages.write("inventory", () => writer.describe(schema.snapshot, data.inventory));
  // Its list has a session of its own under the snapshot: the locks of ours need not last as long as the copy.
  await beside.run?.opened;
}
