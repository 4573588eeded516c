import type { Client } from "pg";
import { z } from "zod";
import { parseQualified, tableName } from "../../postgres/identifier.ts";
import { type ForeignKey, foreignKeys, orphansOf, tablesOf } from "../../postgres/inventory/references.ts";
import { askTogether } from "../../postgres/rows/fingerprint.ts";
import { isErased } from "../../vault/erasures/entries.ts";
import { type Erasures, type Replayed, replay } from "./replay.ts";

export interface Checked {
  readonly done: readonly Replayed[];
  /** Foreign keys by which more rows point at nothing than before: triggers are off, so nobody else has looked. */
  readonly dangling: readonly { readonly key: string; readonly rows: number }[];
}

/** Replays, and counts what points at nothing before and after. As `replay`. */
export async function replayChecked(client: Client, erasures: Erasures, ...how: ReplayHow): Promise<Checked> {
  const named = new Set(
    erasures.entries
      .filter(isErased)
      .flatMap(({ rules }) =>
        rules.map(({ table }) => tableName(parseQualified(table) ?? { schema: null, name: table })),
      ),
  );
  const keys = (await foreignKeys(client)).filter((key) => key.valid && named.has(tablesOf(key)[1] ?? ""));
  const before = await countOrphans(client, keys);
  const done = await replay(client, erasures, ...how);
  if (done.length === 0) return { done, dangling: [] };
  const after = await countOrphans(client, keys);
  const dangling = keys.flatMap((key, at) => {
    const rows = (after[at] ?? 0) - (before[at] ?? 0);
    return rows > 0 ? { key: key.identity, rows } : [];
  });
  return { done, dangling };
}

type ReplayHow = Parameters<typeof replay> extends [Client, Erasures, ...infer Rest] ? Rest : never;

/** In the caller's transaction; none where the role may not read both tables. */
async function countOrphans(client: Client, keys: readonly ForeignKey[]): Promise<number[]> {
  const counts: number[] = [];
  for (const key of keys) {
    const answer = await askTogether(client, [`select count(*)::text as rows ${orphansOf(key)}`]);
    counts.push(Number(z.array(z.object({ rows: z.string() })).parse(answer?.[0] ?? [])[0]?.rows ?? "0"));
  }
  return counts;
}
