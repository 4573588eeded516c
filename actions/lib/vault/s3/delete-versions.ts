import { DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { noteTouched } from "../../base/touched.ts";
import type { Transport } from "../../s3/transport.ts";

interface Deletion {
  readonly deleted: number;
  /** What the store refused to delete, with its reason's code: `AccessDenied` is what a lock answers. */
  readonly kept: readonly { readonly key: string; readonly versionId: string | undefined; readonly code: string }[];
}

/**
 * Deletes exactly these versions, for ever. Never bypasses a lock. A file of its own: the check of roles asks who can reach it,
 * and only retention, and whoever changes the recipients of keys, may.
 */
export async function deleteVersions(
  transport: Transport,
  versions: readonly { readonly key: string; readonly versionId: string | undefined }[],
): Promise<Deletion> {
  const kept: Deletion["kept"][number][] = [];
  for (let from = 0; from < versions.length; from += 1000) {
    const batch = versions.slice(from, from + 1000);
    const answer = await transport.request({ operation: "DeleteObjects", key: batch[0]?.key ?? "" }, (attempt) =>
      attempt.client.send(
        new DeleteObjectsCommand({
          Bucket: attempt.bucket,
          Delete: { Quiet: true, Objects: batch.map(({ key, versionId }) => ({ Key: key, VersionId: versionId })) },
        }),
        { abortSignal: attempt.watch.signal },
      ),
    );
    for (const { Key, VersionId, Code } of answer.Errors ?? [])
      kept.push({ key: Key ?? "", versionId: VersionId, code: Code ?? "unknown" });
  }
  const stays = new Set(kept.map(({ key, versionId }) => `${key}\n${versionId}`));
  for (const { key, versionId } of versions)
    if (!stays.has(`${key}\n${versionId}`)) noteTouched("removed", `${key}?versionId=${versionId ?? "null"}`);
  return { deleted: versions.length - kept.length, kept };
}
