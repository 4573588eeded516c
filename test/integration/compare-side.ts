import type { Client } from "pg";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import type { GoodSide } from "../../actions/lib/operations/compare/good-side.ts";
import { createPairHasher } from "../../actions/lib/postgres/row-hash/pair-hash.ts";

/** A table as it is now, kept as COPY's text: what a set holds of it. */
export async function keptSide(
  client: Client,
  tables: readonly string[],
  key: readonly string[] | null,
): Promise<GoodSide> {
  const pieces = [];
  const types = new Map<string, string>();
  for (const table of tables) {
    const answer = await client.query<{ name: string; type: string }>(
      `select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
      [table],
    );
    const columns = answer.rows.map(({ name }) => name);
    for (const { name, type } of answer.rows) types.set(name, type);
    const chunks: Buffer[] = [];
    const list = columns.map((name) => pg.escapeIdentifier(name)).join(", ");
    for await (const chunk of client.query(copyTo(`copy ${table}${list === "" ? "" : ` (${list})`} to stdout`))) {
      chunks.push(Buffer.from(chunk as Uint8Array));
    }
    const text = Buffer.concat(chunks);
    pieces.push({
      columns,
      async *chunks(keyed: Parameters<GoodSide["pieces"][number]["chunks"]>[0]) {
        const hasher = createPairHasher(columns.length, undefined, keyed);
        for (let at = 0; at < text.length; at += 1009) {
          const piece = text.subarray(at, at + 1009);
          hasher.push(piece);
          yield piece;
        }
        hasher.finish();
      },
    });
  }
  return { what: "the set", pieces, types, key };
}
