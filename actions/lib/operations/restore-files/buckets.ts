import type { Client } from "pg";
import { z } from "zod";
import { attempt } from "../target/sessions.ts";
import { maySetReplicationRole } from "../target/target.ts";
import type { SelectedBucket, SelectedFile } from "./selection.ts";
import { type PresentBucket, readBuckets, type StorageColumns } from "./target-rows.ts";

/** Schema of the notes on lifted limits; gone when they are back. */
export const filesJournalSchema = "lifeboat_restore_files";
const table = `${filesJournalSchema}.limits`;

/** A live project's event triggers would note our notes, or forbid to drop them. */
const silence = "set local session_replication_role = 'replica'";

/** Makes the buckets that the target lacks, with all their settings. @returns their ids */
export async function makeBuckets(
  client: Client,
  wanted: readonly SelectedBucket[],
  columns: StorageColumns,
): Promise<string[]> {
  const present = await readBuckets(client);
  const missing = wanted.filter(({ id }) => !present.has(id));
  for (const bucket of missing) {
    const values: Record<string, unknown> = {
      ...{ id: bucket.id, name: bucket.id, public: bucket.public },
      ...{ file_size_limit: bucket.fileSizeLimit, allowed_mime_types: bucket.allowedMimeTypes },
      ...{ owner: bucket.owner, owner_id: bucket.ownerId, avif_autodetection: bucket.avifAutodetection ?? false },
      ...(bucket.createdAt === null ? {} : { created_at: bucket.createdAt }),
      ...(bucket.updatedAt === null ? {} : { updated_at: bucket.updatedAt }),
    };
    const names = Object.keys(values).filter((name) => columns.buckets.has(name));
    await client.query(
      `insert into storage.buckets (${names.join(", ")}) values (${names.map((_, index) => `$${index + 1}`).join(", ")})
       on conflict do nothing`,
      names.map((name) => values[name]),
    );
  }
  return missing.map(({ id }) => id);
}

/** Buckets whose limits would refuse some of these files. */
export function bucketsInTheWay(
  files: readonly Pick<SelectedFile, "bucket" | "bytes" | "contentType">[],
  present: ReadonlyMap<string, PresentBucket>,
): string[] {
  const found = new Set<string>();
  for (const { bucket, bytes, contentType } of files) {
    const limits = present.get(bucket);
    if (limits === undefined || found.has(bucket)) continue;
    const tooLarge = limits.fileSizeLimit !== null && bytes > Number(limits.fileSizeLimit);
    if (tooLarge || !allows(limits.allowedMimeTypes, contentType)) found.add(bucket);
  }
  return [...found];
}

/** As Supabase's storage server compares them: literally, `image/*` for all of a kind. */
function allows(types: readonly string[] | null, type: string): boolean {
  if (types === null || types.length === 0) return true;
  const [kind, rest] = type.split("/");
  return types.some((one) => {
    const [wantedKind, wanted] = one.split("/");
    return wantedKind === kind && (wanted === "*" || wanted === rest);
  });
}

/**
 * Takes the limits of some buckets away. What they were is noted in the target in the same transaction, so that a later run
 * puts them back when this one cannot.
 */
export async function liftLimits(client: Client, buckets: readonly string[]): Promise<void> {
  if (buckets.length === 0) return;
  const silent = await maySetReplicationRole(client);
  await client.query("begin");
  try {
    if (silent) await client.query(silence);
    await client.query(
      `create schema if not exists ${filesJournalSchema};
       revoke all on schema ${filesJournalSchema} from public;
       create table if not exists ${table} (bucket text primary key, file_size_limit bigint, allowed_mime_types text[]);
       alter table ${table} enable row level security;
       revoke all on ${table} from public;`,
    );
    await client.query(
      `insert into ${table} select id, file_size_limit, allowed_mime_types from storage.buckets where id = any ($1)
       on conflict do nothing`,
      [buckets],
    );
    await client.query(
      "update storage.buckets set file_size_limit = null, allowed_mime_types = null where id = any ($1)",
      [buckets],
    );
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

/** Puts back what this or an earlier run took away. @returns the buckets */
export async function putBackLimits(client: Client): Promise<string[]> {
  const exists = await client.query("select to_regclass($1) is not null as found", [table]);
  if (exists.rows[0]?.found !== true) return [];
  const silent = await maySetReplicationRole(client);
  await client.query("begin");
  try {
    if (silent) await client.query(silence);
    const back = await client.query(
      `update storage.buckets b set file_size_limit = l.file_size_limit, allowed_mime_types = l.allowed_mime_types
         from ${table} l where l.bucket = b.id returning b.id`,
    );
    await client.query(`delete from ${table}`);
    await client.query("commit");
    // By itself: an event trigger that forbids it even so must not keep limits lifted.
    const drop = `drop table ${table}; drop schema ${filesJournalSchema}`;
    await attempt(client, silent ? `begin; ${silence}; ${drop}; commit` : drop);
    await client.query("rollback");
    return z
      .array(z.strictObject({ id: z.string() }))
      .parse(back.rows)
      .map(({ id }) => id);
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}
