import { type Elements, sendXml } from "./answer.ts";
import type { Exchange } from "./call.ts";
import type { ObjectRow, StorageRows } from "./rows.ts";

const mostKeys = 1000;

/** A page of a list: rows in byte order, whether or not their files are there. */
export async function listObjects(rows: StorageRows, { call, response }: Exchange): Promise<void> {
  const { bucket, query, operation } = call;
  await rows.bucket(bucket);
  const newer = operation === "ListObjectsV2";
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const limit = Math.min(Number(query.get("max-keys") ?? mostKeys) || mostKeys, mostKeys);
  const token = query.get("continuation-token");
  const after = newer
    ? token === null
      ? (query.get("start-after") ?? "")
      : Buffer.from(token, "base64").toString("utf8")
    : (query.get("marker") ?? "");
  const page = await readPage(rows, bucket, { prefix, delimiter, after, limit });
  const spelled = (name: string): string => (query.get("encoding-type") === "url" ? encodeURIComponent(name) : name);
  const next = newer
    ? { NextContinuationToken: page.next === undefined ? undefined : Buffer.from(page.next).toString("base64") }
    : { NextMarker: delimiter === "" ? undefined : page.next };
  sendXml(response, 200, {
    ListBucketResult: {
      ...{ Name: bucket, Prefix: prefix, MaxKeys: limit, IsTruncated: page.next !== undefined, ...next },
      KeyCount: page.objects.length + page.folders.length,
      EncodingType: query.get("encoding-type"),
      Contents: page.objects.map((row) => contents(row, spelled(row.name))),
      CommonPrefixes: page.folders.map((folder) => ({ Prefix: spelled(folder) })),
    },
  });
}

interface Wanted {
  readonly prefix: string;
  readonly delimiter: string;
  readonly after: string;
  readonly limit: number;
}

interface Page {
  readonly objects: ObjectRow[];
  readonly folders: string[];
  readonly next: string | undefined;
}

async function readPage(rows: StorageRows, bucket: string, { prefix, delimiter, after, limit }: Wanted): Promise<Page> {
  const objects: ObjectRow[] = [];
  const folders: string[] = [];
  let last = after;
  for (;;) {
    const batch = await rows.objects(bucket, prefix, last, limit + 1);
    for (const row of batch) {
      const cut = delimiter === "" ? -1 : row.name.indexOf(delimiter, prefix.length);
      const folder = cut < 0 ? undefined : row.name.slice(0, cut + delimiter.length);
      const seen = folder !== undefined && (folders.at(-1) === folder || after.startsWith(folder));
      if (!seen && objects.length + folders.length === limit) return { objects, folders, next: last };
      if (folder === undefined) objects.push(row);
      else if (!seen) folders.push(folder);
      last = row.name;
    }
    if (batch.length <= limit) return { objects, folders, next: undefined };
  }
}

function contents(row: ObjectRow, Key: string): Elements {
  return {
    ...{ Key, LastModified: row.updated_at?.toISOString(), StorageClass: "STANDARD" },
    ETag: row.metadata?.eTag,
    Size: row.metadata?.size ?? 0,
  };
}
