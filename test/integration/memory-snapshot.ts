import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { SnapshotFile, SnapshotFiles } from "../../actions/lib/operations/restore-files/vault-snapshot.ts";
import { type LabProject, withClient } from "../lab/index.ts";
import type { RunningStorage } from "../lab/storage/index.ts";

const perObject = 7;
/** Small, so that most files come in several. */
const piece = 1000;
/** So many at most: a large file's are larger. */
const mostPieces = 500;

/**
 * What a project's storage holds, as a snapshot would list it, bytes taken behind the endpoint's back: for tests of what a
 * restore does at its target, without a vault.
 */
export async function snapshotOf(
  project: LabProject,
  storage: RunningStorage,
  change: (file: SnapshotFile, content: Buffer) => Buffer = (_file, content) => content,
): Promise<SnapshotFiles & { readonly opened: string[] }> {
  const { rows, buckets } = await withClient(project.superuserUrl, async (client) => ({
    rows: await client.query(`select id, bucket_id as bucket, name, version, owner_id as "ownerId",
        (metadata->>'size')::int as bytes, metadata->>'eTag' as "eTag", metadata->>'mimetype' as "contentType",
        metadata->>'cacheControl' as "cacheControl", to_jsonb(created_at)#>>'{}' as "createdAt",
        to_jsonb(updated_at)#>>'{}' as "updatedAt", owner::text as owner, true as "fromRow", user_metadata::text as "userMetadata" from storage.objects order by bucket_id, name`),
    buckets: await client.query(`select id, public, file_size_limit::text as "fileSizeLimit",
        allowed_mime_types as "allowedMimeTypes", owner::text as owner, owner_id as "ownerId",
        avif_autodetection as "avifAutodetection", to_jsonb(created_at)#>>'{}' as "createdAt",
        to_jsonb(updated_at)#>>'{}' as "updatedAt" from storage.buckets order by id`),
  }));
  const contents = new Map<string, Buffer>();
  const files: SnapshotFile[] = [];
  for (const { version, ...row } of rows.rows) {
    const content = await readFile(storage.files.path(version));
    const sha256 = createHash("sha256").update(content).digest("hex");
    files.push({ ...row, sha256, object: `packs/${Math.floor(files.length / perObject)}` });
    contents.set(row.id, content);
  }
  const opened: string[] = [];
  return {
    ...{ id: "20261124T000000Z-00000000", takenAt: "2026-11-24T00:00:00Z", projectRef: null, opened },
    buckets: buckets.rows,
    lost: [],
    async *files() {
      yield* files;
    },
    async *lostFiles() {},
    async *open(wanted) {
      opened.push(wanted[0]?.object ?? "");
      for (const file of files) {
        const asked = wanted.find(({ id }) => id === file.id);
        const content = contents.get(file.id) ?? Buffer.alloc(0);
        const changed = change(file, content);
        if (asked !== undefined)
          yield {
            file: asked,
            content: (async function* () {
              const bytes = Math.max(piece, Math.ceil(changed.length / mostPieces));
              for (let from = 0; from < changed.length; from += bytes) yield changed.subarray(from, from + bytes);
            })(),
          };
      }
    },
  };
}
