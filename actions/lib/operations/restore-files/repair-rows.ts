import type { Client } from "pg";
import { z } from "zod";
import type { WantedFile } from "./selection.ts";
import type { StorageColumns } from "./target-rows.ts";

/** What of a row the endpoint does not carry, or carries in its own form; set by SQL, and compared afterwards. */
const mended = [
  { aspect: "owner", column: "owner_id", wanted: "w.owner_id" },
  { aspect: "owner", column: "owner", wanted: "w.owner" },
  { aspect: "user metadata", column: "user_metadata", wanted: "nullif(w.user_metadata, 'null'::jsonb)" },
  { aspect: "created", column: "created_at", wanted: "coalesce(w.created_at, o.created_at)" },
  { aspect: "updated", column: "updated_at", wanted: "coalesce(w.updated_at, o.updated_at)" },
] as const;

const record = `jsonb_to_recordset($1::jsonb) as w(place int, bucket text, name text, known boolean, owner_id text, owner uuid,
  user_metadata jsonb, created_at timestamptz, updated_at timestamptz, bytes text, type text, cache text)`;

/** JSON text is put together by hand where it holds JSON of the source: no digit of a number may pass through a double. */
function recordset(files: readonly WantedFile[]): string {
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
const wantedOf = ({ column, wanted }: (typeof mended)[number]): string =>
  `case when w.known then ${wanted} else ${column === "user_metadata" ? `coalesce(${wanted}, o.user_metadata)` : `o.${column}`} end`;

const present = (columns: StorageColumns) => mended.filter(({ column }) => columns.objects.has(column));

/**
 * Gives the rows of some files what only SQL can: owner, times, and user metadata as it was.
 * Triggers stay silent where that is allowed, or one would set `updated_at` to now and the application's own would take it
 * for an upload.
 *
 * @param silent whether `session_replication_role` may be set
 * @returns how many rows were changed
 */
export async function mendRows(
  client: Client,
  files: readonly WantedFile[],
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
  files: readonly WantedFile[],
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
