import { type Stop, together } from "../../base/flow/bounded.ts";
import type { Inventory, SequenceValue } from "../../postgres/inventory/model.ts";
import { isVaultSecrets } from "../../postgres/inventory/vault-secrets.ts";
import { extensionSequencesName, sequencesName } from "../../postgres/rows/data-plan.ts";
import { sequencesSql } from "../../postgres/rows/data-sql.ts";
import { attachSnapshot } from "../../postgres/snapshot/snapshot.ts";
import type { Artifact } from "../../vault/format/manifest.ts";
import { takeLargeObjects } from "./apart-stage.ts";
import type { ArtifactStore } from "./artifact-store.ts";
import { askServer, type Said } from "./fingerprints.ts";
import { planFiles } from "./plan-files.ts";
import { chooseCompared, FilesRead, RowsRead } from "./row-files.ts";
import type { Catalogue } from "./schema-stage.ts";
import { readInLanes, type SourceAccess } from "./source-access.ts";

export interface DataStage {
  readonly artifacts: readonly Artifact[];
  /** With fingerprints, and where each table's rows lie. */
  readonly inventory: Inventory;
}

/**
 * Reads the rows in files, several at a time, and fingerprints them on their way; what the server itself says of them is asked
 * beside, all under the one snapshot. Large objects and the values of sequences come with them.
 *
 * @param before what the server is asked waits for it: the two make do with one connection
 * @throws OperationError `connection-lost`, `dump-failed`, `dump-incomplete`, `dump-differs`, `table-unreadable`, `table-unplanned`,
 * `row-too-long`, `value-too-long`, `large-object-unreadable`, and what the vault throws
 */
export async function takeData(
  source: SourceAccess,
  store: ArtifactStore,
  stop: Stop,
  { snapshot, inventory }: Catalogue,
  before: Promise<unknown>,
): Promise<DataStage> {
  const files = await planFiles(snapshot.client, inventory, source.policy);
  const tables = files.flatMap((file) => file.tables);
  source.log.info(`${new Set(tables).size} tables in ${files.length} files, up to ${source.policy.jobs} at a time.`);
  const rows = new RowsRead(files);
  await using read = new FilesRead(source, store, stop, snapshot, files, rows);
  const artifacts: Artifact[] = [];
  const readings = files.map((file) => read.reading(file));

  const reading = async (): Promise<undefined> => {
    await readInLanes(source, stop, snapshot.id, readings, () => read.bytes);
    await read.settled();
    for (const [name, values] of sequenceFiles(inventory.sequences, sequencesName(files))) {
      artifacts.push(await store.putSmall({ name, kind: "sequences" }, sequencesSql(values)));
    }
  };
  const asking = async (): Promise<Said> => {
    await before; // with the connection that it no longer needs
    const beside = await source.session("fingerprints");
    await attachSnapshot(beside, snapshot.id);
    const asked = [...chooseCompared(inventory), ...inventory.tables.filter(isVaultSecrets)];
    const said = await askServer(inventory, asked, [snapshot.client, beside], stop, source.log);
    await source.hangUp(beside);
    // Only now: pg_dump has a connection of its own.
    artifacts.push(...(await takeLargeObjects(source, store, snapshot, inventory)));
    return said;
  };
  const [, said] = await together<Said | undefined>(stop, [reading, asking]);
  return {
    artifacts: [...read.artifacts(), ...artifacts],
    inventory: rows.settle(said?.inventory ?? inventory, said?.tables ?? new Map()),
  };
}

/** Those of extensions' own tables apart: who restores by hand has to make the tables first. */
function sequenceFiles(sequences: readonly SequenceValue[], name: string): [name: string, values: SequenceValue[]][] {
  const files: [string, SequenceValue[]][] = [
    [name, sequences.filter(({ countsFor }) => countsFor === undefined)],
    [extensionSequencesName, sequences.filter(({ countsFor }) => countsFor !== undefined)],
  ];
  return files.filter(([, values]) => values.length > 0);
}
