import type { Client } from "pg";
import { z } from "zod";
import { heapUsed } from "../base/collector.ts";
import { OperationError, sqlState } from "../base/errors.ts";
import { type Bucket, bareEtag, bucketSchema, type ShardSum, type SourceRow, storagePolicySchema } from "./rows.ts";

/** `storage.objects` of one project, read in whatever transaction the session is in. */
interface StorageCatalogue {
  /** What the sums are over; sums over something else cannot be compared. */
  readonly sumsOver: string;
  buckets(): Promise<Bucket[]>;
  policies(): Promise<z.output<typeof storagePolicySchema>[]>;
  /** One a shard: how many rows, and the sum of their hashes. One query over the whole table. */
  sums(shards: number): Promise<ShardSum[]>;
  /** Rows of the given shards, in the shards' order; rows of one shard come together. Needs a transaction. */
  rows(shards: number, only: readonly number[] | undefined): AsyncGenerator<{ shard: number; rows: SourceRow[] }>;
  /** A file's row as it is now, in a session outside the snapshot. */
  row(bucket: string, name: string): Promise<SourceRow | undefined>;
}

/** All that a row says and that stays as it is when the file is only read (`last_accessed_at` does not). */
const wanted = ["id", "bucket_id", "name", "owner", "owner_id", "created_at", "updated_at", "version", "metadata"];
/** Columns of newer storage servers: 2023 on. */
const newer = ["user_metadata"];
const fetchRows = 2000;

const rowSchema = z.object({
  shard: z.number(),
  bucket: z.string(),
  name: z.string(),
  id: z.string().nullable(),
  version: z.string().nullable(),
  etag: z.string().nullable(),
  size: z.string().nullable(),
  mimetype: z.string().nullable(),
  cacheControl: z.string().nullable(),
  ownerId: z.string().nullable(),
  owner: z.string().nullable(),
  createdAt: z.string().nullable(),
  updatedAt: z.string().nullable(),
  lastModified: z.string().nullable(),
  userMetadata: z.record(z.string(), z.unknown()).nullable().catch(null),
});

/**
 * Looks which columns the server's version has, and how the table is read from then on.
 * @param buckets ids; undefined: all
 * @throws OperationError `storage-unreadable`
 */
export async function openCatalogue(client: Client, buckets: readonly string[] | undefined): Promise<StorageCatalogue> {
  const objects = await columnsOf(client, "objects");
  const bucketColumns = await columnsOf(client, "buckets");
  const has = (name: string): boolean => objects.has(name);
  const column = (name: string): string => (has(name) ? `o.${name}` : "null");
  const filter = [
    "o.bucket_id is not null and o.name is not null",
    // A deletion in a versioned bucket is a row, too.
    ...(has("is_delete_marker") ? ["not o.is_delete_marker"] : []),
    "($1::text[] is null or o.bucket_id = any ($1))",
  ].join(" and ");
  // The first bits of the MD5 of the path: vault/format/snapshot-manifest, shardOf.
  const bits = "('x' || left(md5(o.bucket_id || '/' || o.name), 4))::bit(16)::integer";
  const shardOf = (shards: number): string => `(${bits} >> ${16 - Math.log2(shards)})`;
  const hashed = [...wanted, ...newer].filter(has);
  const text = (name: string): string => (has(name) ? `o.${name}::text` : "null::text");
  const selected = `o.bucket_id as bucket, o.name, ${text("id")} as id, ${text("version")} as version,
    o.metadata->>'eTag' as etag, o.metadata->>'size' as size, o.metadata->>'mimetype' as mimetype,
    o.metadata->>'cacheControl' as "cacheControl", ${text("owner_id")} as "ownerId", ${text("owner")} as owner,
    ${text("created_at")} as "createdAt", ${text("updated_at")} as "updatedAt",
    o.metadata->>'lastModified' as "lastModified", ${column("user_metadata")} as "userMetadata"`;
  const only = buckets === undefined ? null : [...buckets];
  const ask = async (sql: string, values: unknown[] = []): Promise<unknown[]> => {
    try {
      return (await client.query(sql, values)).rows;
    } catch (error) {
      throw unreadable(error);
    }
  };

  return {
    sumsOver: `${hashed.join(",")} of ${only === null ? "all" : [...only].sort().join(",")}`,
    async buckets() {
      const of = (name: string, as: string, cast = ""): string =>
        `${bucketColumns.has(name) ? `b.${name}${cast}` : "null"} as "${as}"`;
      const rows = await ask(
        `select b.id, b.name, ${of("public", "public")}, ${of("file_size_limit", "fileSizeLimit", "::text")},
           ${of("allowed_mime_types", "allowedMimeTypes")}, ${of("owner", "owner", "::text")}, ${of("owner_id", "ownerId")},
           ${of("created_at", "createdAt", "::text")}, ${of("updated_at", "updatedAt", "::text")},
           ${of("avif_autodetection", "avifAutodetection")}, ${of("type", "type", "::text")}
         from storage.buckets b where $1::text[] is null or b.id = any ($1) order by b.id collate "C"`,
        [only],
      );
      return z.array(bucketSchema).parse(rows);
    },
    async policies() {
      const rows = await ask(
        `select tablename::text as table, policyname::text as name, permissive = 'PERMISSIVE' as permissive,
           roles::text[] as roles, cmd as command, qual as using, with_check as check
         from pg_policies where schemaname = 'storage' and tablename in ('objects', 'buckets') order by 1, 2`,
      );
      return z.array(storagePolicySchema).parse(rows);
    },
    async sums(shards) {
      const row = `row(${hashed.map((name) => `o.${name}`).join(", ")})::text collate "C"`;
      const rows = await ask(
        `select ${shardOf(shards)} as shard, count(*)::integer as rows, sum(hashtextextended(${row}, 0))::text as sum
         from storage.objects o where ${filter} group by 1`,
        [only],
      );
      const sums: ShardSum[] = Array.from({ length: shards }, () => [0, "0"]);
      const found = z.array(z.object({ shard: z.number(), rows: z.number(), sum: z.string() })).parse(rows);
      for (const one of found) sums[one.shard] = [one.rows, one.sum];
      return sums;
    },
    async *rows(shards, shardsOnly) {
      // Ordered by the whole hash: PostgreSQL sorts integers fast, and rows of a shard come together all the same.
      const some = shardsOnly === undefined ? "" : `and ${shardOf(shards)} = any ($2::integer[])`;
      const sql = `declare lifeboat_files no scroll cursor for
        select ${shardOf(shards)} as shard, ${selected} from storage.objects o where ${filter} ${some} order by 1`;
      await ask(sql, shardsOnly === undefined ? [only] : [only, [...shardsOnly]]);
      try {
        let shard = -1;
        let gathered: SourceRow[] = [];
        for (;;) {
          const page = await ask(`fetch ${fetchRows} from lifeboat_files`);
          for (const each of page) {
            const { shard: next, ...row } = readRow(each);
            if (next !== shard && gathered.length > 0) yield { shard, rows: gathered };
            if (next !== shard) gathered = [];
            shard = next;
            gathered.push(row);
          }
          if (page.length < fetchRows) break;
          heapUsed();
        }
        if (gathered.length > 0) yield { shard, rows: gathered };
      } finally {
        await client.query("close lifeboat_files").catch(() => {});
      }
    },
    async row(bucket, name) {
      const [found] = await ask(
        `select 0 as shard, ${selected} from storage.objects o where ${filter} and o.bucket_id = $2 and o.name = $3`,
        [only, bucket, name],
      );
      if (found === undefined) return undefined;
      const { shard: _shard, ...row } = readRow(found);
      return row;
    },
  };
}

function readRow(row: unknown): SourceRow & { shard: number } {
  const { size, etag, ...rest } = rowSchema.parse(row);
  return { ...rest, etag: bareEtag(etag), rowBytes: size !== null && /^\d+$/.test(size) ? Number(size) : null };
}

async function columnsOf(client: Client, table: "objects" | "buckets"): Promise<Set<string>> {
  const { rows } = await client
    .query(
      `select a.attname::text as name from pg_attribute a join pg_class c on c.oid = a.attrelid
       join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'storage' and c.relname = $1 and a.attnum > 0 and not a.attisdropped`,
      [table],
    )
    .catch((error: unknown) => {
      throw unreadable(error);
    });
  return new Set(
    z
      .array(z.object({ name: z.string() }))
      .parse(rows)
      .map(({ name }) => name),
  );
}

/** The driver's own message may quote a row. */
function unreadable(error: unknown): OperationError {
  return new OperationError(
    "storage-unreadable",
    `The list of the files could not be read from storage.objects (SQLSTATE ${sqlState(error)}).`,
    "Run `lifeboat check`: it names what the role cannot read.",
  );
}
