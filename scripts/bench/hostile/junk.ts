import { randomBytes } from "node:crypto";
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { mapBounded } from "../../../actions/lib/base/flow/bounded.ts";

/** What somebody lays who can write a bucket and holds no key: very many things that are named as ours are. */
export interface Junk {
  readonly client: S3Client;
  readonly bucket: string;
  readonly count: number;
}

/** An id as a run of tomorrow, or of long ago, would have it. */
export function junkId(at: number, when: "newer" | "older"): string {
  const time = new Date(Date.UTC(when === "newer" ? 2031 : 2021, 0, 1) + at * 60_000).toISOString();
  return `${time.slice(0, 19).replaceAll(/[-:]/g, "")}Z-${randomBytes(4).toString("hex")}`;
}

async function lay(
  { client, bucket, count }: Junk,
  keysOf: (at: number) => readonly string[],
  body = "{}",
): Promise<void> {
  const at = Array.from({ length: count }, (_, index) => index);
  await mapBounded(at, 32, async (index) => {
    for (const Key of keysOf(index)) await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: body }));
  });
}

/** Folders without a manifest, newer than any set. */
export const folders = (junk: Junk, prefix: string): Promise<void> =>
  lay(junk, (at) => [`${prefix}${junkId(at, "newer")}/data`]);

/** Folders with a manifest that nobody signed, of long ago. */
export const manifests = (junk: Junk, prefix: string): Promise<void> =>
  lay(junk, (at) => [`${prefix}${junkId(at, "older")}/manifest.json`]);

/** Manifests under delete markers, of long ago. */
export async function hiddenManifests(junk: Junk, prefix: string): Promise<void> {
  const keys = Array.from({ length: junk.count }, (_, at) => `${prefix}${junkId(at, "older")}/manifest.json`);
  await lay(junk, (at) => [keys[at] ?? ""]);
  await mapBounded(keys, 32, (Key) => junk.client.send(new DeleteObjectCommand({ Bucket: junk.bucket, Key })));
}

/** Proofs of sets that nobody has, and of the real one. */
export const proofs = (junk: Junk, set: string): Promise<void> =>
  lay(junk, (at) => [`proofs/${at % 2 === 0 ? set : junkId(at, "older")}/${junkId(at, "newer")}.json`]);

/** Reports of this day, which everybody who sums up reads. */
export const reports = (junk: Junk, now: Date): Promise<void> =>
  lay(junk, (at) => [`reports/${now.toISOString().slice(0, 10).replaceAll("-", "/")}/junk-${at}.json`]);

/** Leases, claims, threads and plans of nobody. */
export const notes = (junk: Junk): Promise<void> =>
  lay({ ...junk, count: Math.ceil(junk.count / 4) }, (at) => [
    `leases/junk-${at}`,
    `notify/summaries/junk-${at}.json`,
    `notify/threads/junk-${at}.json`,
    `plans/${junkId(at, "newer")}/plan.json`,
  ]);

/** Versions over one object. */
export const versions = (junk: Junk, key: string): Promise<void> => lay(junk, () => [key]);
