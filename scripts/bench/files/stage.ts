import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { mapBounded } from "../../../actions/lib/base/flow/bounded.ts";
import { createProject, withClient } from "../../../test/lab/index.ts";
import { startGuardian } from "../../../test/lab/servers/guardian.ts";
import { startPostgres } from "../../../test/lab/servers/postgres.ts";
import { type S3Facts, startS3 } from "../../../test/lab/servers/s3.ts";
import { storageSettings } from "../../../test/lab/storage/index.ts";
import { becomeOwner } from "../../demo/owner.ts";
import type { PlannedFile } from "./planned-files.ts";

/** The bucket that everybody copies. */
export const sourceBucket = "exam-files";

/** The world of the bench for files: a project whose bucket is full, on the same S3 server as everybody's copies. */
export interface FilesStage {
  /** A folder of the bench's own; it goes with everything else. */
  readonly folder: string;
  readonly s3: S3Facts;
  readonly settings: Readonly<Record<string, string>>;
  /** Processes whose CPU time counts as the servers'. */
  readonly servers: readonly number[];
  /** A new, empty bucket; with object lock for a vault. */
  emptyBucket(name: string, options: { readonly lock: boolean }): Promise<string>;
}

/** @param opened told of everything that must be ended, as it starts: somebody may press Ctrl-C meanwhile */
export async function setFilesStage(
  opened: (clear: () => Promise<void>) => void,
  files: readonly PlannedFile[],
  say: (line: string) => void,
): Promise<FilesStage> {
  const home = startGuardian("bench-files");
  opened(() => home.finish());
  const postgres = await startPostgres(17);
  opened(() => postgres.stop());
  const s3 = await startS3();
  opened(() => s3.stop());
  const owner = await becomeOwner(home.folder, s3);
  const project = await createProject(postgres.superuserUrl(), "bench_files");
  await s3.createBucket(sourceBucket, { lock: false });
  const begun = performance.now();
  const client = s3.client();
  try {
    await withClient(project.superuserUrl, async (database) => {
      await database.query("insert into storage.buckets (id, name) values ($1, $1)", [sourceBucket]);
      const stored = await mapBounded(files, 16, (file) => store(client, file));
      await database.query(
        `insert into storage.objects (bucket_id, name, version, metadata)
         select $1, key, gen_random_uuid(), jsonb_build_object(
           'eTag', etag, 'size', bytes, 'mimetype', 'application/octet-stream', 'cacheControl', 'max-age=3600',
           'contentLength', bytes, 'httpStatusCode', 200)
         from unnest($2::text[], $3::text[], $4::bigint[]) as stored (key, etag, bytes)`,
        [sourceBucket, stored.map(({ key }) => key), stored.map(({ etag }) => etag), stored.map(({ bytes }) => bytes)],
      );
      await database.query("vacuum (freeze, analyze) storage.objects");
    });
  } finally {
    client.destroy();
  }
  say(`stored ${files.length} files in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  return {
    ...{ folder: home.folder, s3, servers: [postgres.pid, s3.pid] },
    settings: {
      ...owner.settings,
      ...{ LIFEBOAT_PG_BIN: postgres.binDir, TMPDIR: home.folder, DATABASE_URL: project.backupUrl },
      // A plain S3 server in the place of Supabase's.
      ...storageSettings(s3),
      // For the rivals, which read no name of ours.
      AWS_CONFIG_FILE: join(home.folder, "none"),
    },
    async emptyBucket(name, options) {
      await s3.createBucket(name, options);
      return name;
    },
  };
}

/** Random bytes: what does not compress is what most files of a school are (PDF, pictures, recordings). */
async function store(client: S3Client, { key, bytes }: PlannedFile): Promise<PlannedFile & { readonly etag: string }> {
  const put = new PutObjectCommand({
    ...{ Bucket: sourceBucket, Key: key, Body: randomBytes(bytes), ContentLength: bytes },
    ...{ ContentType: "application/octet-stream", CacheControl: "max-age=3600" },
  });
  const { ETag = "" } = await client.send(put);
  return { key, bytes, etag: ETag };
}
