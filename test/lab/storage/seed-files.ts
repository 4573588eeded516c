import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type pg from "pg";
import { withClient } from "../connection.ts";
import type { LabProject } from "../project.ts";
import type { FileBytes } from "./bytes.ts";
import { contentOf, type FileSeed, planFiles, SEED_BUCKETS, type SeedFile } from "./file-plan.ts";
import { type RunningStorage, type StorageAccess, storageClient } from "./server.ts";

const atOnce = 8;

/**
 * Makes Qimma's buckets and fills them: same seed, same files. Into the lab's server the bytes go straight to its folder
 * (10,000 files in seconds); into any other through its endpoint. What S3 does not carry is set in SQL either way.
 *
 * @returns the files, in the order in which they were planned
 */
export async function seedFiles(
  project: Pick<LabProject, "postgresUrl">,
  storage: RunningStorage | StorageAccess,
  seed: FileSeed,
): Promise<SeedFile[]> {
  const files = [...planFiles(seed)];
  await withClient(project.postgresUrl, async (client) => {
    await makeBuckets(client);
    if ("files" in storage) {
      const rows = await eachOf(files, (file) => plant(storage.files, file, contentOf(file, seed.seed)));
      for (let from = 0; from < rows.length; from += 1000) await insertRows(client, rows.slice(from, from + 1000));
    } else {
      const s3 = storageClient(storage);
      await eachOf(files, (file) => upload(s3, file, contentOf(file, seed.seed)));
      s3.destroy();
      await inReplicaMode(client, async () => {
        for (const file of files) await complete(client, file);
      });
    }
  });
  return files;
}

/** Gives every row whose file is missing one of the size that the row tells: what a seeded database alone has not. */
export async function fillRows(project: Pick<LabProject, "postgresUrl">, storage: RunningStorage): Promise<void> {
  await withClient(project.postgresUrl, async (client) => {
    const rows = await client.query<SeedFile & { version: string }>(
      `select bucket_id as bucket, name, version, (metadata->>'size')::int as bytes, metadata->>'mimetype' as "contentType",
         metadata->>'cacheControl' as "cacheControl" from storage.objects`,
    );
    await inReplicaMode(client, async () => {
      for (const row of rows.rows) {
        if ((await storage.files.find(row.version)) !== undefined) continue;
        const eTag = await lay(storage.files, row.version, row, contentOf(row, 0));
        await client.query(
          `update storage.objects set metadata = metadata || jsonb_build_object('eTag', $3::text)
           where bucket_id = $1 and name = $2`,
          [row.bucket, row.name, eTag],
        );
      }
    });
  });
}

async function makeBuckets(client: pg.Client): Promise<void> {
  for (const { id, public: open, fileSizeLimit, mimeTypes } of SEED_BUCKETS) {
    await client.query(
      `insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types, created_at, updated_at)
       values ($1, $1, $2, $3, $4, '2025-01-01 00:00+00', '2025-01-01 00:00+00') on conflict do nothing`,
      [id, open, fileSizeLimit, mimeTypes],
    );
  }
}

interface PlantedRow {
  readonly bucket_id: string;
  readonly name: string;
  readonly [column: string]: unknown;
}

/** Lays the bytes of a file where the server reads them; its row, as a PUT would have made it, is what comes back. */
async function plant(files: FileBytes, file: SeedFile, content: Buffer): Promise<PlantedRow> {
  const version = randomUUID();
  const eTag = await lay(files, version, file, content);
  const { bytes: size, contentType: mimetype, cacheControl, createdAt } = file;
  return {
    ...{ bucket_id: file.bucket, name: file.name, version, owner_id: file.ownerId, user_metadata: file.userMetadata },
    ...{ created_at: createdAt, updated_at: createdAt, last_accessed_at: createdAt },
    metadata: {
      ...{ eTag, size, mimetype, cacheControl, contentLength: size, httpStatusCode: 200 },
      lastModified: createdAt.toISOString(),
    },
  };
}

async function insertRows(client: pg.Client, rows: readonly PlantedRow[]): Promise<void> {
  const columns =
    "bucket_id, name, version, owner_id, user_metadata, created_at, updated_at, last_accessed_at, metadata";
  await client.query(
    `insert into storage.objects (${columns})
     select ${columns} from jsonb_populate_recordset(null::storage.objects, $1)`,
    [JSON.stringify(rows)],
  );
}

async function lay(
  files: FileBytes,
  version: string,
  file: Pick<SeedFile, "contentType" | "cacheControl">,
  content: Buffer,
): Promise<string> {
  const eTag = `"${createHash("md5").update(content).digest("hex")}"`;
  await writeFile(files.path(version), content);
  await files.carry(version, { ...file, eTag, writtenAt: new Date().toUTCString() });
  return eTag;
}

async function upload(s3: S3Client, file: SeedFile, content: Buffer): Promise<void> {
  const { bucket: Bucket, name: Key, contentType: ContentType, cacheControl: CacheControl } = file;
  await s3.send(new PutObjectCommand({ Bucket, Key, ContentType, CacheControl, Body: content }));
}

async function complete(
  client: pg.Client,
  { bucket, name, userMetadata, ownerId, createdAt }: SeedFile,
): Promise<void> {
  await client.query(
    `update storage.objects set user_metadata = $3, owner_id = $4, created_at = $5, updated_at = $5, last_accessed_at = $5
     where bucket_id = $1 and name = $2`,
    [bucket, name, userMetadata, ownerId, createdAt],
  );
}

/** Without triggers: one of them would set updated_at to now. */
async function inReplicaMode(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query("set session_replication_role = replica");
  await work();
  await client.query("reset session_replication_role");
}

async function eachOf<Result>(
  files: readonly SeedFile[],
  work: (file: SeedFile) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = files.entries();
  const worker = async (): Promise<void> => {
    for (const [index, file] of queue) results[index] = await work(file);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
