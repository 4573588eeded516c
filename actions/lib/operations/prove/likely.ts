import type { Client } from "pg";
import { z } from "zod";
import { OperationError } from "../../base/errors.ts";
import type { Difference } from "../../compare/difference.ts";
import { quoteIdentifier, quoteLiteral, quoteQualified } from "../../postgres/identifier.ts";
import type { Fingerprint, TableContent } from "../../postgres/inventory/model.ts";
import { fingerprintTable } from "../../postgres/rows/fingerprint.ts";

/**
 * What a difference most likely is in a project that is in use. `changed`: work that went on after the set was made.
 * `damage`: something of the set is lost, or somebody may do more than then. `untold`: the database does not show which.
 */
export type Likely = "changed" | "damage" | "untold";

export interface LikelyDifference extends Difference {
  /** For what differs; null for what is expected or could not be verified. */
  readonly likely: Likely | null;
}

/** What the rows of one table say of themselves, where they have a time of their own. */
export interface RowEvidence {
  /** Column that says when a row came. */
  readonly column: string;
  /** Rows that were there at the set's moment, as they are now. */
  readonly old: Fingerprint;
  /** Of those, rows that say that they were changed since; undefined when the table has no such column. */
  readonly changed: string | undefined;
}

const wider = /\bgained \S.* to (anon|authenticated|PUBLIC|authenticator)\b/;
const opens = new Set(["policy", "trigger", "event trigger", "rule"]);

/** Says of a difference what it most likely is. Pure. @param evidence of the rows of a table, where there is any */
export function likelyOf(difference: Difference, evidence?: RowsFound): LikelyDifference {
  if (difference.verdict !== "failed") return { ...difference, likely: null };
  const said = (likely: Likely, why: string): LikelyDifference => ({ ...difference, likely, why });
  const { kind, aspect, detail } = difference;
  switch (aspect) {
    case "missing":
      return said("damage", "dropped since the set was made, or lost");
    case "extra":
      return opens.has(kind)
        ? said("damage", "made since the set, and it may let somebody in or run by itself: look at it")
        : said("changed", "made since the set");
    case "grants":
      return wider.test(detail)
        ? said("damage", "strangers may do more than at the set")
        : said("untold", "rights were changed since the set");
    case "value":
      return said("damage", "numbers that were drawn before the set may come again");
    case "rows":
      return kind === "table" && evidence !== undefined
        ? { ...difference, ...rowsLikely(evidence) }
        : said("untold", difference.why);
    case "definition":
      return /\brow level security\b/.test(detail)
        ? said("damage", "row level security is not what it was")
        : said("untold", "changed since the set; nothing shows by whom");
    default:
      return said("untold", "changed since the set; nothing shows by whom");
  }
}

export interface RowsFound {
  readonly wanted: Fingerprint;
  /** How many there are now. */
  readonly rows: string;
  readonly evidence: RowEvidence | undefined;
}

/** What a table's counts and its rows' own times tell. */
function rowsLikely({ wanted, rows, evidence }: RowsFound): { likely: Likely; why: string } {
  const more = BigInt(rows) - BigInt(wanted.rows);
  if (evidence === undefined) {
    const noTime = "no column tells when a row came";
    if (more > 0n)
      return {
        likely: "changed",
        why: `${more} rows more than in the set; ${noTime}, so the others cannot be told apart`,
      };
    if (more < 0n) return { likely: "damage", why: `${-more} rows of the set are gone: deleted since, or lost` };
    return { likely: "untold", why: `as many rows with other contents; ${noTime}` };
  }
  const { column, old, changed } = evidence;
  const came = BigInt(rows) - BigInt(old.rows);
  if (old.rows === wanted.rows && old.hash === wanted.hash) {
    return {
      likely: "changed",
      why: `all ${wanted.rows} rows of the set are there unchanged, ${came} came since (${column})`,
    };
  }
  const gone = BigInt(wanted.rows) - BigInt(old.rows);
  if (gone > 0n)
    return {
      likely: "damage",
      why: `${gone} rows of the set are gone: deleted since, or lost (${column}); ${came} came since`,
    };
  if (gone < 0n)
    return { likely: "untold", why: `${-gone} rows more than in the set say that they are older than it (${column})` };
  if (changed === undefined) return { likely: "untold", why: "rows of the set were changed; no column tells when" };
  if (changed === "0")
    return { likely: "damage", why: "rows of the set have other contents, and none says that it was changed since" };
  return { likely: "changed", why: `${changed} rows of the set say that they were changed since, and ${came} came` };
}

/** Names that projects give to the columns; of another type than a time they count for nothing. */
const cameAt = ["created_at", "inserted_at", "created", "createdAt", "insertedAt"];
const changedAt = ["updated_at", "modified_at", "updatedAt", "modifiedAt"];

/**
 * Looks what a table's rows say of themselves: which were there at the set's moment, and whether these are what they were.
 * @param snapshotAt ISO 8601, UTC
 * @returns undefined where no column tells, or it cannot be read
 */
export async function readRowEvidence(
  client: Client,
  table: Pick<TableContent, "schema" | "name" | "columns" | "filter">,
  snapshotAt: string,
): Promise<RowEvidence | undefined> {
  if (table.filter !== null) return undefined;
  const times = await timeColumns(client, table);
  const column = cameAt.find((name) => times.has(name));
  if (column === undefined) return undefined;
  const moment = quoteLiteral(snapshotAt);
  const filter = `where ${times.get(column)} <= ${moment}::timestamptz`;
  try {
    const old = await fingerprintTable(client, { ...table, filter });
    const changes = changedAt.find((name) => times.has(name));
    return {
      column,
      old,
      changed:
        changes && (await countChanged(client, table, `${filter} and ${times.get(changes)} > ${moment}::timestamptz`)),
    };
  } catch (error) {
    if (error instanceof OperationError) return undefined;
    throw error;
  }
}

/** Columns that hold a time, as SQL that compares with a moment: one without a zone is taken for UTC, as on Supabase. */
async function timeColumns(
  client: Client,
  { schema, name }: Pick<TableContent, "schema" | "name">,
): Promise<Map<string, string>> {
  const answer = await client.query(
    `select a.attname as name, a.atttypid::regtype::text as type from pg_attribute a
      where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)`,
    [quoteQualified(schema, name)],
  );
  const rows = z.array(z.strictObject({ name: z.string(), type: z.string() })).parse(answer.rows);
  return new Map(
    rows.map((row) => [
      row.name,
      row.type === "timestamp with time zone"
        ? quoteIdentifier(row.name)
        : `(${quoteIdentifier(row.name)} at time zone 'UTC')`,
    ]),
  );
}

async function countChanged(
  client: Client,
  { schema, name }: Pick<TableContent, "schema" | "name">,
  where: string,
): Promise<string> {
  const answer = await client.query(`select count(*)::text as rows from only ${quoteQualified(schema, name)} ${where}`);
  return z.object({ rows: z.string() }).parse(answer.rows[0]).rows;
}
