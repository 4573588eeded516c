import { z } from "zod";
import { OperationError } from "../base/errors.ts";
import type { StorageEndpoint } from "./endpoint.ts";
import { type Bucket, bareEtag, type SourceRow } from "./rows.ts";

/** Buckets as the endpoint lists them: it tells their names and nothing of their limits. */
export async function listBuckets(
  endpoint: StorageEndpoint,
  only: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<Bucket[]> {
  const xml = await endpoint.document("", {}, signal);
  const names = elements(xml, "Bucket").map((bucket) => textOf(bucket, "Name") ?? "");
  return names
    .filter((name) => name !== "" && (only === undefined || only.includes(name)))
    .sort()
    .map((name) => ({
      ...{ id: name, name, public: null, fileSizeLimit: null, allowedMimeTypes: null, owner: null, ownerId: null },
      ...{ createdAt: null, updatedAt: null, avifAutodetection: null, type: null },
    }));
}

/**
 * Every file of a bucket as the endpoint lists it, in byte order. Ids, versions, owners and user metadata are not to be had
 * this way; types come with the content.
 */
export async function* listFiles(
  endpoint: StorageEndpoint,
  bucket: string,
  signal?: AbortSignal,
): AsyncGenerator<SourceRow, void, undefined> {
  let token: string | undefined;
  do {
    const query = { "list-type": "2", "max-keys": "1000", ...(token !== undefined && { "continuation-token": token }) };
    const xml = await endpoint.document(bucket, query, signal);
    for (const content of elements(xml, "Contents")) yield readContent(bucket, content);
    token = textOf(xml, "IsTruncated") === "true" ? textOf(xml, "NextContinuationToken") : undefined;
  } while (token !== undefined);
}

function readContent(bucket: string, xml: string): SourceRow {
  const size = z.coerce.number().int().nonnegative().safeParse(textOf(xml, "Size"));
  const name = textOf(xml, "Key");
  if (name === undefined || !size.success)
    throw new OperationError("storage-list-unreadable", `The endpoint's list of bucket ${bucket} cannot be read.`);
  return {
    ...{ bucket, name, id: null, version: null, etag: bareEtag(textOf(xml, "ETag")), rowBytes: size.data },
    ...{ mimetype: null, cacheControl: null, ownerId: null, owner: null, createdAt: null, updatedAt: null },
    ...{ lastModified: textOf(xml, "LastModified") ?? null, userMetadata: null },
  };
}

function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, "gs"))].map(([, inner]) => inner ?? "");
}

function textOf(xml: string, name: string): string | undefined {
  const inner = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return inner?.replaceAll(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hex, named) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return entities[named] ?? whole;
  });
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
