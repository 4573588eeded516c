import {
  GetObjectCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";

/** One side of a replication. */
export interface Side {
  readonly client: S3Client;
  readonly bucket: string;
}

/**
 * Does what S3's replication does, which the lab's stores have not: copies each version that the other side lacks, the oldest first,
 * with metadata, tags and lock. Delete markers and deletions stay where they are.
 * @param only keys that are not behind
 * @returns how many versions were copied
 */
export async function replicate(from: Side, to: Side, only: (key: string) => boolean = () => true): Promise<number> {
  const there = new Map<string, number>();
  for (const { Key = "" } of await versionsOf(to)) there.set(Key, (there.get(Key) ?? 0) + 1);
  let copied = 0;
  // In the order in which they were written: S3 keeps their times, and here the order is all that stays of them.
  const inOrder = (await versionsOf(from))
    .toReversed()
    .toSorted(
      (a, b) =>
        (a.LastModified?.getTime() ?? 0) - (b.LastModified?.getTime() ?? 0) || (a.Key ?? "").localeCompare(b.Key ?? ""),
    );
  for (const { Key = "", VersionId } of inOrder) {
    const known = there.get(Key) ?? 0;
    there.set(Key, known - 1);
    if (known > 0 || !only(Key)) continue;
    await copyVersion(from, to, Key, VersionId);
    copied++;
  }
  return copied;
}

async function copyVersion(from: Side, to: Side, Key: string, VersionId: string | undefined): Promise<void> {
  const source = { Bucket: from.bucket, Key, VersionId };
  const [found, { TagSet = [] }, lock] = await Promise.all([
    from.client.send(new GetObjectCommand(source)),
    from.client.send(new GetObjectTaggingCommand(source)),
    from.client.send(new GetObjectRetentionCommand(source)).catch(() => undefined),
  ]);
  const { Mode, RetainUntilDate } = lock?.Retention ?? {};
  await to.client.send(
    new PutObjectCommand({
      ...{ Bucket: to.bucket, Key, Metadata: found.Metadata, ContentType: found.ContentType },
      Body: (await found.Body?.transformToByteArray()) ?? new Uint8Array(),
      ...(TagSet.length > 0 && { Tagging: TagSet.map((tag) => `${tag.Key}=${tag.Value}`).join("&") }),
      ...(Mode && RetainUntilDate && { ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate }),
    }),
  );
}

/** Newest first for each key, as the store lists them. */
async function versionsOf({ client, bucket }: Side) {
  const found = [];
  let next: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } | undefined = {};
  while (next !== undefined) {
    const page: ListObjectVersionsCommandOutput = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, ...next }),
    );
    found.push(...(page.Versions ?? []));
    next = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker } : undefined;
  }
  return found;
}
