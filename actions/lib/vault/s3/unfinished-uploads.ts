import { ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { watchPages } from "./page-watch.ts";
import { abortUpload } from "./segment-writer.ts";
import type { Transport } from "./transport.ts";

export interface UnfinishedUpload {
  readonly key: string;
  readonly id: string;
}

/** Multipart uploads below `prefix` that were begun and neither completed nor aborted. They cost storage, unseen. */
export async function unfinishedUploads(transport: Transport, prefix: string): Promise<UnfinishedUpload[]> {
  const found: UnfinishedUpload[] = [];
  let KeyMarker: string | undefined;
  let UploadIdMarker: string | undefined;
  const goesOn = watchPages(transport.bucket, prefix);
  do {
    const page = await transport.request({ operation: "ListMultipartUploads", key: prefix }, (attempt) =>
      attempt.client.send(
        new ListMultipartUploadsCommand({ Bucket: attempt.bucket, Prefix: prefix, KeyMarker, UploadIdMarker }),
        { abortSignal: attempt.watch.signal },
      ),
    );
    for (const { Key, UploadId } of page.Uploads ?? []) if (Key && UploadId) found.push({ key: Key, id: UploadId });
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    if (!goesOn(IsTruncated, NextKeyMarker && `${NextKeyMarker}\n${NextUploadIdMarker ?? ""}`)) return found;
    KeyMarker = NextKeyMarker;
    UploadIdMarker = NextUploadIdMarker;
  } while (KeyMarker !== undefined);
  return found;
}

/** Aborts all of them. */
export async function abortUploads(transport: Transport, uploads: readonly UnfinishedUpload[]): Promise<void> {
  for (const { key, id } of uploads) await abortUpload(transport, key, id);
}
