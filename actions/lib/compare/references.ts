import type { Client } from "pg";
import { countFrom, type ForeignKey, foreignKeys, orphansOf, tablesOf } from "../postgres/inventory/foreign-keys.ts";
import type { Difference } from "./difference.ts";

/** What was found of the foreign keys. */
export interface References {
  readonly total: number;
  /** @param isEqual whether a table's rows are exactly the source's: what points at nothing here then did so there */
  differences(isEqual: (table: string) => boolean): Difference[];
}

/**
 * Checks foreign keys that were there before the rows: the load ran with triggers off, so nothing has looked at them yet.
 * Most keys that the restore itself added were checked by Postgres as it added them.
 *
 * @param unchecked identities of the table constraints that the target had before, or that were added over orphans
 */
export async function checkReferences(client: Client, unchecked: ReadonlySet<string>): Promise<References> {
  const keys = (await foreignKeys(client)).filter(({ valid }) => valid);
  const orphans: { key: ForeignKey; found: string | undefined }[] = [];
  for (const key of keys.filter(({ identity }) => unchecked.has(identity))) {
    const found = await countFrom(client, orphansOf(key));
    if (found !== "0") orphans.push({ key, found });
  }
  return {
    total: keys.length,
    differences: (isEqual) => orphans.map(({ key, found }) => describe(key, found, tablesOf(key).every(isEqual))),
  };
}

function describe(key: ForeignKey, found: string | undefined, theirs: boolean): Difference {
  const base = { kind: "table constraint", identity: key.identity, aspect: "reference" as const };
  if (found === undefined) {
    const why = "the role may not read both tables";
    return { ...base, detail: "could not be checked", verdict: "unverified", why };
  }
  const detail = `${found} rows point at nothing`;
  if (!theirs) return { ...base, detail, verdict: "failed", why: "rows that they refer to are missing" };
  const why = `so they do at the source: the rows of both tables are equal. See them with: select c.* ${orphansOf(key)};`;
  return { ...base, detail, verdict: "expected", why };
}
