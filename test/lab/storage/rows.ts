import type pg from "pg";
import { noSuchBucket } from "./answer.ts";

export interface BucketRow {
  readonly id: string;
  readonly public: boolean | null;
  readonly file_size_limit: string | null;
  readonly allowed_mime_types: string[] | null;
  readonly created_at: Date | null;
}

/** What `storage.objects.metadata` holds. */
export interface Metadata {
  readonly eTag?: string;
  readonly size?: number;
  readonly mimetype?: string;
  readonly cacheControl?: string;
  readonly lastModified?: string;
  readonly contentLength?: number;
  readonly httpStatusCode?: number;
}

export interface ObjectRow {
  readonly id: string;
  readonly name: string;
  readonly version: string | null;
  readonly metadata: Metadata | null;
  readonly user_metadata: Record<string, unknown> | null;
  readonly created_at: Date | null;
  readonly updated_at: Date | null;
}

const objectColumns = "id, name, version, metadata, user_metadata, created_at, updated_at";

/** The rows behind the endpoint: `storage.buckets` and `storage.objects` of one project. */
export class StorageRows {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async buckets(): Promise<BucketRow[]> {
    const found = await this.#pool.query<BucketRow>("select * from storage.buckets order by id");
    return found.rows;
  }

  /** @throws StorageError `NoSuchBucket` */
  async bucket(id: string): Promise<BucketRow> {
    const found = await this.#pool.query<BucketRow>("select * from storage.buckets where id = $1", [id]);
    if (found.rows[0] === undefined) throw noSuchBucket();
    return found.rows[0];
  }

  async createBucket(id: string): Promise<void> {
    await this.#pool.query("insert into storage.buckets (id, name) values ($1, $1)", [id]);
  }

  async deleteBucket(id: string): Promise<void> {
    await this.#deleting("delete from storage.buckets where id = $1 returning id", [id]);
  }

  async object(bucket: string, name: string): Promise<ObjectRow | undefined> {
    const found = await this.#pool.query<ObjectRow>(
      `select ${objectColumns} from storage.objects where bucket_id = $1 and name = $2`,
      [bucket, name],
    );
    return found.rows[0];
  }

  /** In byte order, from `after` on, which is not among them. */
  async objects(bucket: string, prefix: string, after: string, limit: number): Promise<ObjectRow[]> {
    const found = await this.#pool.query<ObjectRow>(
      `select ${objectColumns} from storage.objects
       where bucket_id = $1 and starts_with(name, $2) and name collate "C" > $3 order by name collate "C" limit $4`,
      [bucket, prefix, after, limit],
    );
    return found.rows;
  }

  /**
   * A new object has no owner; one that is overwritten keeps id, created_at and owner. Without `userMetadata` (a multipart
   * upload that brought none) the old one stays.
   *
   * @returns the version that was there before
   */
  async upsert(
    bucket: string,
    name: string,
    version: string,
    metadata: Metadata,
    userMetadata: Record<string, string> | undefined,
  ): Promise<string | undefined> {
    const before = await this.object(bucket, name);
    const also = userMetadata === undefined ? "" : ", user_metadata = excluded.user_metadata";
    await this.#pool.query(
      `insert into storage.objects (bucket_id, name, version, metadata, user_metadata) values ($1, $2, $3, $4, $5)
       on conflict (name, bucket_id) do update set version = excluded.version, metadata = excluded.metadata${also}`,
      [bucket, name, version, metadata, userMetadata ?? null],
    );
    return before?.version ?? undefined;
  }

  /** @returns the versions that went, by name */
  async remove(bucket: string, names: readonly string[]): Promise<Map<string, string | null>> {
    const gone = await this.#deleting(
      "delete from storage.objects where bucket_id = $1 and name = any ($2) returning name, version",
      [bucket, names],
    );
    return new Map(gone.map((row) => [row["name"] ?? "", row["version"] ?? null]));
  }

  async #deleting(sql: string, values: unknown[]): Promise<Record<string, string | null>[]> {
    const client = await this.#pool.connect();
    try {
      await client.query("begin; set local storage.allow_delete_query = 'true'");
      const result = await client.query<Record<string, string | null>>(sql, values);
      await client.query("commit");
      return result.rows;
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  }
}
