import type { SourceRow } from "../../../storage/rows.ts";
import type { StoredFile } from "../../../vault/format/file-entry.ts";
import type { SyncSource } from "../source/source.ts";
import type { ListWriter } from "../store/list-writer.ts";
import type { Ledger } from "./ledger.ts";

/** What both ways of collecting a list work with. */
export interface Collection {
  readonly source: SyncSource;
  readonly ledger: Pick<Ledger, "settle" | "addObject">;
  readonly lists: Pick<ListWriter, "shard" | "change">;
  /** The file as an unfinished run has stored it, when it is still the same: it is taken over. */
  readonly inherited: (row: SourceRow) => StoredFile | undefined;
  /** Packs that have lost most of their files: what lives in them is copied anew. */
  readonly sparse: ReadonlySet<string>;
  /** Whether the file is this job's to copy: false for those of other jobs of a divided copy. */
  readonly mine: (row: Pick<SourceRow, "bucket" | "name">) => boolean;
}
