import { wholeOf } from "../../actions/lib/base/flow/chunks.ts";
import { tableName } from "../../actions/lib/postgres/identifier.ts";
import type { Inventory, TableContent } from "../../actions/lib/postgres/inventory/model.ts";
import { isVaultSecrets } from "../../actions/lib/postgres/inventory/vault-secrets.ts";
import { createRowHasher } from "../../actions/lib/postgres/row-hash/row-hash.ts";
import { sequenceFiles } from "../../actions/lib/postgres/rows/data-plan.ts";
import { blockBegin, blockEnd, dataHeader, sequencesSql } from "../../actions/lib/postgres/rows/data-sql.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { readPrivateKey } from "../../actions/lib/seal/keys/private-key.ts";
import type { Manifest } from "../../actions/lib/vault/format/manifest.ts";
import { openSet } from "../../actions/lib/vault/sets/open-set.ts";
import { blocksIn, holdsRows } from "../../actions/lib/vault/sets/rows.ts";
import { assembleSet, type Piece, type TestKey } from "./assembled-set.ts";
import type { BackupLab } from "./backup-lab.ts";

/** A data file to be: its name in the set, and for each block the table and its rows as COPY's text. */
export interface DataFile {
  name: string;
  tables: string[];
  blocks: [TableContent, string][];
}

interface Resliced {
  readonly lab: BackupLab;
  /** Id of the set that it is made from. */
  readonly set: string;
  /** Tables that are cut, by `schema.table`, and into how many slices. */
  readonly slices: Readonly<Record<string, number>>;
  /** Changes what is sealed and signed. */
  readonly change?: (files: DataFile[], inventory: Inventory) => void;
  /** Changes the schema as SQL. */
  readonly rewrite?: (sql: string) => string;
}

/** Makes another signed set of the same contents, its tables cut as somebody wants, or changed as a faulty writer would. */
export async function resliceSet({ lab, set, slices, change, rewrite = (sql) => sql }: Resliced): Promise<Manifest> {
  const open = await openSet(lab.vault, set, { trustedSigners: lab.signers, privateKey: lab.operations });
  const before = await open.inventory();
  const inventory = structuredClone(before);
  const files: DataFile[] = [];
  const group = { name: "data/90-tables.sql.zst.pgp", tables: [], blocks: [] } as DataFile;
  const texts = new Map<string, string>();
  for (const artifact of open.manifest.artifacts.filter(holdsRows)) {
    for await (const { table, chunks } of blocksIn(artifact, open.artifact(artifact.name), before)) {
      const text = (await wholeOf(chunks())).toString("latin1");
      texts.set(tableName(table), (texts.get(tableName(table)) ?? "") + text);
    }
  }
  for (const table of inventory.tables.filter((one) => !isVaultSecrets(one))) {
    const name = tableName(table);
    const lines = (texts.get(name) ?? "").split(/(?<=\n)/);
    const count = slices[name] ?? 1;
    const size = Math.ceil(lines.length / count);
    table.parts = [];
    for (let slice = 0; slice < count; slice += 1) {
      const text = lines.slice(slice * size, (slice + 1) * size).join("");
      const number = String(slice + 1).padStart(3, "0");
      const file =
        count === 1 ? group : { ...group, name: `data/10-${table.name}.${number}.sql.zst.pgp`, tables: [], blocks: [] };
      if (count > 1) files.push(file);
      file.tables.push(name);
      file.blocks.push([table, text]);
      const hasher = createRowHasher(table.columns.length);
      hasher.push(Buffer.from(text, "latin1"));
      table.parts.push({ artifact: file.name, ...hasher.finish() });
    }
  }
  files.push(group);
  change?.(files, inventory);
  const kept = open.manifest.artifacts.filter(
    (one) =>
      !holdsRows(one) && !["inventory", "recover", "sequences", "secrets", "index", "index-key"].includes(one.kind),
  );
  const { unlocked } = { unlocked: await signingKey(lab) };
  const { recipients } = await readKeyring(lab.publicKeys);
  return assembleSet({
    ...{ vault: lab.vault, inventory },
    signing: { unlocked } as TestKey,
    recipient: { recipients } as TestKey,
    pieces: [
      ...kept.map(
        ({ name, kind, tables }): Piece => ({
          ...{ name, kind, ...(tables && { tables }) },
          source: kind === "schema-sql" ? rewritten(open.artifact(name), rewrite) : open.artifact(name),
        }),
      ),
      ...files.map(({ name, tables, blocks }): Piece => ({ name, kind: "data", tables, source: fileOf(blocks) })),
      ...sequenceFiles(inventory.sequences).map(
        ([name, values]): Piece => ({ name, kind: "sequences", source: one(sequencesSql(values)) }),
      ),
    ],
  });
}

async function signingKey(lab: BackupLab) {
  const env = lab.env("postgresql://lifeboat@127.0.0.1:1/x");
  return readPrivateKey(env["BACKUP_SIGNING_KEY"] ?? "", env["BACKUP_SIGNING_PASSPHRASE"]);
}

async function* fileOf(blocks: DataFile["blocks"]): AsyncGenerator<Uint8Array> {
  yield dataHeader;
  for (const [table, text] of blocks) {
    yield blockBegin(table);
    yield Buffer.from(text, "latin1");
    yield blockEnd;
  }
}

async function* rewritten(sql: AsyncIterable<Uint8Array>, rewrite: (sql: string) => string) {
  yield Buffer.from(rewrite((await wholeOf(sql)).toString("latin1")), "latin1");
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
