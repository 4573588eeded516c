import { ListBucketsCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import type { Client } from "pg";
import { z } from "zod";
import { defaultRetryPolicy } from "../../base/flow/retry.ts";
import { few } from "../../base/measures.ts";
import type { ProjectStorage } from "../../config/environment.ts";
import { type Answer, readAnswer } from "../../vault/s3/store-errors.ts";
import { openTransport } from "../../vault/s3/transport.ts";
import { type CheckRow, fail, ok, warn } from "./check-row.ts";

/** Fewer attempts than a transfer: somebody waits for the table. */
const retry = { ...defaultRetryPolicy, attempts: 3, totalSeconds: 20, stallSeconds: 10 };

/** Whether the endpoint of the project's files lets us in, and whether a bucket can be listed. */
export async function checkStorageEndpoint(storage: ProjectStorage): Promise<CheckRow> {
  const { endpoint, region, accessKeyId, secretAccessKey, prefix } = storage;
  const credentials = { accessKeyId, secretAccessKey: secretAccessKey.reveal() };
  const transport = openTransport({ bucket: "", endpoint, region, credentials, retry });
  let refusal: Answer | undefined;
  try {
    const buckets = await transport.request({ operation: "ListBuckets" }, async ({ client, watch }) => {
      try {
        return await lookAround(client, watch.signal);
      } catch (error) {
        refusal = readAnswer(error);
        throw error;
      }
    });
    return ok("files: endpoint", `answers, with ${buckets} buckets`);
  } catch (error) {
    if (refusal === undefined) throw error;
    const { verdict, code, status } = refusal;
    // A wrong region is answered like a wrong key (observed): SignatureDoesNotMatch, InvalidAccessKeyId or AccessDenied.
    if (verdict === "credentials" || verdict === "denied" || verdict === "region") {
      return fail(
        "files: endpoint",
        `refuses the access key or the region ${region}: ${code}`,
        `Set ${prefix}_STORAGE_REGION to the project's region and ${prefix}_STORAGE_ACCESS_KEY_ID and _SECRET_ACCESS_KEY to an S3 access key of the project (dashboard, Storage, S3).`,
      );
    }
    const how = status === undefined ? `cannot be reached: ${code}` : `answers ${code} (${status})`;
    return fail("files: endpoint", how, `Check ${prefix}_STORAGE_ENDPOINT, and that the project is not paused.`);
  } finally {
    transport.close();
  }
}

async function lookAround(client: S3Client, abortSignal: AbortSignal): Promise<number> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}), { abortSignal });
  const first = Buckets[0]?.Name;
  if (first !== undefined) await client.send(new ListObjectsV2Command({ Bucket: first, MaxKeys: 1 }), { abortSignal });
  return Buckets.length;
}

const relationsSchema = z.array(z.object({ relation: z.string(), readable: z.boolean() }));
const namesSchema = z.array(z.object({ name: z.string() }));

/**
 * Whether the role can read the list of files, and whether the buckets that the policy names are there.
 * @param wanted names of buckets; undefined: all that there are
 */
export async function checkStorageRows(client: Client, wanted: readonly string[] | undefined): Promise<CheckRow> {
  const { rows: relations } = await client.query(
    `select c.relname as relation, has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') as readable
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'storage' and c.relname in ('buckets', 'objects') and c.relkind in ('r', 'p')`,
  );
  const found = relationsSchema.parse(relations);
  if (found.length < 2) {
    const next = "Take DATABASE_URL of the Supabase project whose Storage holds the files.";
    return fail("files: rows", "the database has no storage.objects", next);
  }
  if (found.some(({ readable }) => !readable)) {
    const next = "Use the backup role of runbooks/sql/backup-role.sql, or grant it: GRANT pg_read_all_data TO <role>.";
    return fail("files: rows", "the role may not read storage.objects and storage.buckets", next);
  }
  const { rows } = await client.query("select id as name from storage.buckets");
  const there = new Set(namesSchema.parse(rows).map(({ name }) => name));
  const missing = (wanted ?? []).filter((name) => !there.has(name));
  if (missing.length > 0) {
    const next = "Correct the buckets in the policy, or find out who removed them.";
    return fail("files: rows", `the policy names buckets that are not there: ${few(missing, 30)}`, next);
  }
  const count = wanted?.length ?? there.size;
  if (count === 0) return warn("files: rows", "there is no bucket", "Nothing is copied until there is one.");
  return ok("files: rows", `can be read, of ${count} buckets`);
}
