import { createHash } from "node:crypto";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { type LabProject, withClient } from "../../test/lab/index.ts";
import { type StorageAccess, storageClient } from "../../test/lab/storage/index.ts";
import type { Contents } from "./second-opinion.ts";

const atOnce = 8;

/**
 * Every file of a project by bucket and path: its bytes as the endpoint gives them, and what its row says of it. A query, a
 * GET and a hash, nothing of Lifeboat's.
 */
export async function readFileContents(project: LabProject, storage: StorageAccess): Promise<Contents> {
  const rows = await withClient(project.superuserUrl, (client) =>
    client.query<{ bucket: string; name: string; says: string }>(
      `select bucket_id as bucket, name, concat_ws(' | ', id, owner_id, user_metadata, created_at, metadata->>'size',
         metadata->>'mimetype', metadata->>'cacheControl') as says from storage.objects order by 1, 2`,
    ),
  );
  const s3 = storageClient(storage);
  const contents = new Map<string, string>();
  const queue = rows.rows.values();
  const lane = async (): Promise<void> => {
    for (const { bucket, name, says } of queue) {
      const hash = createHash("sha256");
      const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: name })).catch(() => undefined);
      hash.update((await answer?.Body?.transformToByteArray()) ?? "lost");
      contents.set(`${bucket}/${name}`, `${hash.digest("hex")} ${answer?.ContentType} ${answer?.CacheControl} ${says}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  s3.destroy();
  return contents;
}
