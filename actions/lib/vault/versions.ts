import { DeleteObjectsCommand, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import type { Transport } from "./transport.ts";

/** One stored version of an object, or a delete marker. In a bucket without versioning its id is `null`, as a word. */
export interface Version {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly marker: boolean;
  readonly latest: boolean;
  readonly bytes: number;
}

export interface Deletion {
  readonly deleted: number;
  /** What the store refused to delete, with its reason's code: `AccessDenied` is what a lock answers. */
  readonly kept: readonly { readonly key: string; readonly versionId: string | undefined; readonly code: string }[];
}

/** All versions and markers below `prefix`; with the delimiter, also the folders, those of hidden objects included. */
export async function* versionPages(
  transport: Transport,
  prefix: string,
  delimiter?: "/",
): AsyncGenerator<{ versions: Version[]; folders: string[] }> {
  let KeyMarker: string | undefined;
  let VersionIdMarker: string | undefined;
  do {
    const page = await transport.request(
      { operation: "ListObjectVersions", key: prefix },
      ({ client, bucket, watch }) =>
        client.send(
          new ListObjectVersionsCommand({
            Bucket: bucket,
            Prefix: prefix,
            Delimiter: delimiter,
            KeyMarker,
            VersionIdMarker,
          }),
          { abortSignal: watch.signal },
        ),
    );
    const versions: Version[] = [];
    for (const { Key, VersionId, IsLatest, Size } of page.Versions ?? [])
      if (Key)
        versions.push({ key: Key, versionId: VersionId, marker: false, latest: IsLatest ?? false, bytes: Size ?? 0 });
    for (const { Key, VersionId, IsLatest } of page.DeleteMarkers ?? [])
      if (Key) versions.push({ key: Key, versionId: VersionId, marker: true, latest: IsLatest ?? false, bytes: 0 });
    yield { versions, folders: (page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []) };
    KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
    VersionIdMarker = page.IsTruncated ? page.NextVersionIdMarker : undefined;
  } while (KeyMarker !== undefined);
}

/** The same, all at once: for prefixes that hold few objects. */
export async function versionsBelow(transport: Transport, prefix: string): Promise<Version[]> {
  const found: Version[] = [];
  for await (const { versions } of versionPages(transport, prefix)) found.push(...versions);
  return found;
}

/** Deletes exactly these versions, for ever. Never bypasses a lock. */
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
  return { deleted: versions.length - kept.length, kept };
}
