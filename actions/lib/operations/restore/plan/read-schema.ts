import { ConfigurationError } from "../../../base/errors.ts";
import { readArchive } from "../../../postgres/dump/archive/data.ts";
import type { TocEntry } from "../../../postgres/dump/archive/toc.ts";
import { withTables } from "../../../postgres/dump/plain/dependencies.ts";
import { readPlainDump } from "../../../postgres/dump/plain/read.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import type { OpenSet } from "../../../vault/sets/open-set.ts";

/** The table of contents of the schema dump. The dump is read to its end, so that a damaged one is refused here. */
export async function readSchema(open: OpenSet, source: Inventory): Promise<readonly TocEntry[]> {
  const artifact = open.manifest.artifacts.find(({ kind }) => kind === "schema" || kind === "sql");
  if (artifact === undefined) {
    throw new ConfigurationError(
      "set-without-schema",
      `Set ${open.set} has no schema dump.`,
      "Choose another set (`lifeboat list`).",
    );
  }
  if (artifact.kind === "sql") {
    const dump = readPlainDump(open.artifact(artifact.name), source);
    for await (const _block of dump.blocks());
    return withTables(dump.toc);
  }
  const archive = await readArchive(open.artifact(artifact.name));
  for await (const _block of archive.blocks()) {
    // A schema dump has none; asking for them reads to the end, where the seal is checked.
  }
  return archive.toc;
}
