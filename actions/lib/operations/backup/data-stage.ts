import { type Stop, together } from "../../base/flow/bounded.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { planFiles, sequenceFiles } from "../../postgres/rows/data-plan.ts";
import { sequencesSql } from "../../postgres/rows/data-sql.ts";
import { whileHeld } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import { takeLargeObjects, takeSecrets } from "./apart-stage.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { askServer, type Said } from "./fingerprints.ts";
import { type Measured, readCounters } from "./index-stage.ts";
import { chooseCompared, FilesRead, RowsRead } from "./row-files.ts";
import type { Catalogue } from "./schema-stage.ts";
import { readInLanes, type SourceAccess } from "./source-access.ts";

export interface DataStage {
  readonly artifacts: readonly Artifact[];
  /** With fingerprints, and where each table's rows lie. */
  readonly inventory: Inventory;
  /** For the index, beside the inventory. */
  readonly measured: Measured;
}

/**
 * Reads the rows in files, several at a time, and fingerprints them on their way; what the server itself says of them is asked
 * beside, all under the one snapshot. Large objects, Vault's secrets and the values of sequences come with them.
 *
 * @param beside.secrets where Vault's secrets go
 * @throws OperationError `connection-lost`, `snapshot-lost`, `dump-failed`, `dump-incomplete`, `dump-differs`, `table-unreadable`, `table-unplanned`,
 * `row-too-long`, `value-too-long`, `large-object-unreadable`, and what the vault throws
 */
export async function takeData(
  source: SourceAccess,
  store: ArtifactStore,
  stop: Stop,
  { snapshot, inventory, unasked }: Catalogue,
  beside: {
    readonly secrets: () => Promise<ArtifactStore>;
    warn(text: string): void;
  },
): Promise<DataStage> {
  const counted = await readCounters(snapshot.client);
  const files = await planFiles(snapshot.client, inventory, unasked, source.policy);
  const tables = files.flatMap((file) => file.tables);
  source.log.info(`${new Set(tables).size} tables in ${files.length} files, up to ${source.policy.jobs} at a time.`);
  const rows = new RowsRead(files);
  await using read = new FilesRead(source, store, stop, snapshot, files, rows);
  const artifacts: Artifact[] = [];
  const readings = files.map((file) => read.reading(file));

  const reading = async (): Promise<undefined> => {
    await readInLanes(source, stop, snapshot.id, readings, () => read.bytes);
    await read.settled();
    for (const [name, values] of sequenceFiles(inventory.sequences, files)) {
      artifacts.push(await store.putSmall({ name, kind: "sequences" }, sequencesSql(values)));
    }
  };
  // The session that holds the snapshot has nothing else to do, and is a connection less.
  const asking = (): Promise<Said> => {
    const { client } = snapshot;
    const asked = [...chooseCompared(inventory, unasked), ...inventory.tables.filter(isVaultSecrets)];
    return whileHeld(client, async () => {
      const said = await askServer(inventory, asked, unasked, client, stop, source.log);
      artifacts.push(...(await takeSecrets(client, beside.secrets, inventory, said.tables, beside.warn)));
      artifacts.push(...(await takeLargeObjects(client, store, said.inventory.largeObjects, source.log)));
      return said;
    });
  };
  const [, said] = await together<Said | undefined>(stop, [reading, asking]);
  return {
    artifacts: [...read.artifacts(), ...artifacts],
    inventory: rows.settle(said?.inventory ?? inventory, said?.tables ?? new Map()),
    measured: { counted, buckets: rows.buckets },
  };
}
