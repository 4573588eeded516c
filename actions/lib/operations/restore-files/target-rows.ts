import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import type { SelectedBucket, SelectedFile } from "./selection.ts";

/** A row of the target that stands where a wanted file belongs. */
export interface PresentRow {
  readonly bytes: number | null;
  readonly eTag: string | null;
  readonly version: string | null;
}

const columnsSchema = z.array(z.strictObject({ relation: z.enum(["buckets", "objects"]), name: z.string() }));

/** Which columns the target's storage has: older projects lack some. */
export interface StorageColumns {
  readonly buckets: ReadonlySet<string>;
  readonly objects: ReadonlySet<string>;
}

/** @throws ConfigurationError `target-without-storage` */
export async function readColumns(client: Client): Promise<StorageColumns> {
  const answer = await client.query(
    `select c.relname as relation, a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = to_regnamespace('storage') and c.relname in ('buckets', 'objects') and a.attnum > 0
        and not a.attisdropped`,
  );
  const columns = columnsSchema.parse(answer.rows);
  const of = (relation: string) =>
    new Set(columns.filter((column) => column.relation === relation).map(({ name }) => name));
  const [buckets, objects] = [of("buckets"), of("objects")];
  if (buckets.size === 0 || objects.size === 0) {
    throw new ConfigurationError(
      "target-without-storage",
      "The target's database has no storage.buckets and storage.objects.",
      "Restore files into a Supabase project, or write them into a folder with --to DIR.",
    );
  }
  return { buckets, objects };
}

const bucketSchema = z.strictObject({
  id: z.string(),
  public: z.boolean(),
  fileSizeLimit: z.string().nullable(),
  allowedMimeTypes: z.array(z.string()).nullable(),
});
export type PresentBucket = z.infer<typeof bucketSchema>;

export async function readBuckets(client: Client): Promise<Map<string, PresentBucket>> {
  const answer = await client.query(
    `select id, coalesce(public, false) as public, file_size_limit::text as "fileSizeLimit",
            allowed_mime_types as "allowedMimeTypes" from storage.buckets`,
  );
  return new Map(
    z
      .array(bucketSchema)
      .parse(answer.rows)
      .map((bucket) => [bucket.id, bucket]),
  );
}

const rowSchema = z.strictObject({
  place: z.number(),
  bytes: z.string().nullable(),
  eTag: z.string().nullable(),
  version: z.string().nullable(),
});

/** The rows of some files, by their place in `files`; a file without a row has none. */
export async function readRows(
  client: Client,
  files: readonly Pick<SelectedFile, "bucket" | "name">[],
): Promise<Map<number, PresentRow>> {
  const answer = await client.query(
    `select w.place::int as place, o.metadata->>'size' as bytes, o.metadata->>'eTag' as "eTag", o.version
       from unnest($1::text[], $2::text[]) with ordinality as w(bucket, name, place)
       join storage.objects o on o.bucket_id = w.bucket and o.name = w.name`,
    [files.map(({ bucket }) => bucket), files.map(({ name }) => name)],
  );
  const rows = z.array(rowSchema).parse(answer.rows);
  return new Map(
    rows.map(({ place, bytes, ...row }) => [place - 1, { ...row, bytes: bytes === null ? null : Number(bytes) }]),
  );
}

/** How many of these owners the target does not know; undefined when its auth.users cannot be read. */
export async function unknownOwners(client: Client, owners: readonly string[]): Promise<number | undefined> {
  try {
    const answer = await client.query(
      `select count(*)::int as unknown from unnest($1::text[]) as w(id)
        where not exists (select from auth.users u where u.id = case when w.id ~* '^[0-9a-f-]{36}$' then w.id::uuid end)`,
      [owners],
    );
    return z.tuple([z.strictObject({ unknown: z.number() })]).parse(answer.rows)[0].unknown;
  } catch {
    return undefined;
  }
}

/** How far a bucket of the target is what the snapshot's was. Names of settings, not their values. */
export function bucketDifferences(wanted: SelectedBucket, present: PresentBucket): string[] {
  const types = (list: readonly string[] | null) => JSON.stringify(list === null ? null : [...list].sort());
  return [
    ...(wanted.public === present.public ? [] : [present.public ? "is public" : "is not public"]),
    ...(wanted.fileSizeLimit === present.fileSizeLimit ? [] : ["has another size limit"]),
    ...(types(wanted.allowedMimeTypes) === types(present.allowedMimeTypes) ? [] : ["allows other types"]),
  ];
}

/** Triggers of the user's own on Storage's tables that will fire as files come: the platform's run functions of Storage's. */
export async function waitingTriggers(client: Client): Promise<string[]> {
  const answer = await client.query(
    `select quote_ident(t.tgname) || ' on ' || t.tgrelid::regclass as name
       from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc f on f.oid = t.tgfoid
      where c.relnamespace = to_regnamespace('storage') and not t.tgisinternal and t.tgenabled in ('O', 'A')
        and f.pronamespace <> c.relnamespace
      order by 1`,
  );
  return z
    .array(z.strictObject({ name: z.string() }))
    .parse(answer.rows)
    .map(({ name }) => name);
}

/** What of a row the endpoint does not carry, or carries in its own form; set by SQL, and compared afterwards. */
const repaired = [
  { aspect: "owner", column: "owner_id", wanted: "w.owner_id" },
  { aspect: "owner", column: "owner", wanted: "w.owner" },
  { aspect: "user metadata", column: "user_metadata", wanted: "nullif(w.user_metadata, 'null'::jsonb)" },
  { aspect: "created", column: "created_at", wanted: "coalesce(w.created_at, o.created_at)" },
  { aspect: "updated", column: "updated_at", wanted: "coalesce(w.updated_at, o.updated_at)" },
] as const;

const record = `jsonb_to_recordset($1::jsonb) as w(place int, bucket text, name text, known boolean, owner_id text, owner uuid,
  user_metadata jsonb, created_at timestamptz, updated_at timestamptz, bytes text, type text, cache text)`;

/** JSON text is put together by hand where it holds JSON of the source: no digit of a number may pass through a double. */
function recordset(files: readonly SelectedFile[]): string {
  const rows = files.map((file, place) => {
    const plain = JSON.stringify({
      ...{ place, bucket: file.bucket, name: file.name, known: file.fromRow, bytes: String(file.bytes) },
      ...{ owner_id: file.ownerId, owner: file.owner, created_at: file.createdAt, updated_at: file.updatedAt },
      ...{ type: file.contentType, cache: file.cacheControl },
    });
    return `${plain.slice(0, -1)},"user_metadata":${file.userMetadata ?? "null"}}`;
  });
  return `[${rows.join(",")}]`;
}

/** jsonb's null is not SQL's: a row without user metadata has the latter. What the list does not know stays. */
const wantedOf = ({ column, wanted }: (typeof repaired)[number]): string =>
  `case when w.known then ${wanted} else ${column === "user_metadata" ? `coalesce(${wanted}, o.user_metadata)` : `o.${column}`} end`;

const present = (columns: StorageColumns) => repaired.filter(({ column }) => columns.objects.has(column));

/**
 * Gives the rows of some files what only SQL can: owner, times, and user metadata as it was.
 * Triggers stay silent where that is allowed, or one would set `updated_at` to now and the application's own would take it
 * for an upload.
 *
 * @param silent whether `session_replication_role` may be set
 * @returns how many rows were changed
 */
export async function repairRows(
  client: Client,
  files: readonly SelectedFile[],
  columns: StorageColumns,
  silent: boolean,
): Promise<number> {
  const list = present(columns);
  const set = list.map((one) => `${one.column} = ${wantedOf(one)}`);
  const differs = list.map((one) => `o.${one.column} is distinct from ${wantedOf(one)}`);
  await client.query("begin");
  try {
    if (silent) await client.query("set local session_replication_role = 'replica'");
    const answer = await client.query(
      `update storage.objects o set ${set.join(", ")} from ${record}
        where o.bucket_id = w.bucket and o.name = w.name and (${differs.join(" or ")})`,
      [recordset(files)],
    );
    await client.query("commit");
    return answer.rowCount ?? 0;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

const differencesSchema = z.array(z.strictObject({ place: z.number(), aspects: z.array(z.string()) }));

/** In which of their aspects the rows of some files are not what the snapshot says, by place; `row` for one that is missing. */
export async function rowDifferences(
  client: Client,
  files: readonly SelectedFile[],
  columns: StorageColumns,
): Promise<Map<number, readonly string[]>> {
  const cases = [
    ...present(columns).map(
      (one) => `case when o.${one.column} is distinct from ${wantedOf(one)} then '${one.aspect}' end`,
    ),
    "case when o.metadata->>'size' is distinct from w.bytes then 'size' end",
    "case when o.metadata->>'mimetype' is distinct from w.type then 'type' end",
    "case when o.metadata->>'cacheControl' is distinct from w.cache then 'cache control' end",
  ];
  const answer = await client.query(
    `select place, aspects from (
       select w.place, case when o.id is null then array['row'] else array_remove(array[${cases.join(", ")}], null) end as aspects
         from ${record} left join storage.objects o on o.bucket_id = w.bucket and o.name = w.name) as compared
      where cardinality(aspects) > 0`,
    [recordset(files)],
  );
  return new Map(differencesSchema.parse(answer.rows).map(({ place, aspects }) => [place, aspects]));
}
