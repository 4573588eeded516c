import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import type { ErasurePolicy } from "../../config/policy/erasure.ts";
import { quoteIdentifier } from "../../postgres/identifier.ts";
import { quotedTable } from "../../vault/erasures/script.ts";

/** The values that stand for a person: `id`, and the policy's identifiers that are known. Never in a log. */
export type Subject = ReadonlyMap<string, string>;

export interface SubjectWanted {
  readonly value: string;
  /** Which of the identifiers the value is; `id` by default. */
  readonly by: string;
  /** The person is not in the database any more, and is to be kept out of it. */
  readonly gone: boolean;
}

/**
 * Finds the person in the table of people.
 * @throws ConfigurationError `erasure-off`, `subject-unknown`, `subject-twice`, `usage`
 */
export async function findSubject(client: Client, policy: ErasurePolicy, wanted: SubjectWanted): Promise<Subject> {
  if (policy.subjects === null)
    throw new ConfigurationError(
      "erasure-off",
      "The policy does not say who is in the data: erasure.subjects is null.",
      "Name the table of people, and the rules: runbooks/compliance/gdpr-erasure.md.",
    );
  const columns: Record<string, string> = { id: policy.subjects.column, ...policy.identifiers };
  const column = columns[wanted.by];
  if (column === undefined)
    throw new ConfigurationError(
      "usage",
      `The policy knows no identifier ${wanted.by}.`,
      `Give one of ${Object.keys(columns).join(", ")}.`,
    );
  const values = Object.entries(columns).map(([name, one]) => `${text(one)} as ${quoteIdentifier(name)}`);
  const answer = await client.query(
    `select ${values.join(", ")} from ${quotedTable(policy.subjects.table)} t where ${text(column)} = $1 limit 2`,
    [wanted.value],
  );
  const [found, another] = z.array(z.record(z.string(), z.string())).parse(answer.rows);
  if (another !== undefined)
    throw new ConfigurationError(
      "subject-twice",
      `More than one person of ${policy.subjects.table} has this ${wanted.by}.`,
      "Find out who is meant, and give the id.",
    );
  if (found !== undefined) return new Map(Object.entries(found).filter(([, value]) => value !== ""));
  if (wanted.gone && wanted.by === "id") return new Map([["id", wanted.value]]);
  throw new ConfigurationError(
    "subject-unknown",
    `Nobody in ${policy.subjects.table} has this ${wanted.by}.`,
    "Compare it with the request. A person whose rows the application has erased already is kept out of restores with --gone.",
  );
}

const text = (column: string): string => `pg_catalog.format('%s', t.${quoteIdentifier(column)})`;

/**
 * Compares the policy with the catalogue: every table and column that it names is there, and every expression only computes.
 * @param client in a transaction that is rolled back
 * @throws ConfigurationError `erasure-policy` with all that is wrong
 */
export async function checkPolicy(client: Client, policy: ErasurePolicy): Promise<void> {
  const problems: string[] = [];
  const { assertImmutable } = await import("../compare/condition.ts");
  const known = new Map<string, ReadonlySet<string> | undefined>();
  const columnsOf = async (table: string) => {
    if (!known.has(table)) known.set(table, await readColumns(client, table));
    return known.get(table);
  };
  const need = async (table: string, column: string): Promise<boolean> => {
    const columns = await columnsOf(table);
    if (columns?.has(column)) return true;
    const what = columns === undefined ? `there is no table ${table}` : `${table} has no column ${column}`;
    if (!problems.includes(what)) problems.push(what);
    return false;
  };
  if (policy.subjects !== null)
    for (const column of [policy.subjects.column, ...Object.values(policy.identifiers)])
      await need(policy.subjects.table, column);
  const rules = [...policy.rules, ...Object.values(policy.revocations).flat()];
  for (const rule of rules) {
    await need(rule.table, rule.find.column);
    if ("of" in rule.find) await need(rule.find.of, rule.find.key);
    if ("only" in rule.find && rule.find.only !== undefined) await need(rule.table, rule.find.only.column);
    if (!("erase" in rule) || rule.erase === "delete") continue;
    for (const [column, expression] of Object.entries(rule.erase)) {
      if (!(await need(rule.table, column)) || expression === null) continue;
      await assertImmutable(
        client,
        quotedTable(rule.table),
        expression,
        (why) => new ConfigurationError("", why),
      ).catch((error: unknown) => {
        if (!(error instanceof ConfigurationError)) throw error;
        problems.push(`what ${rule.table}.${column} becomes is refused: ${error.message}`);
      });
    }
  }
  if (problems.length === 0) return;
  throw new ConfigurationError(
    "erasure-policy",
    `The policy's rules of erasure do not fit the database: ${problems.join("; ")}.`,
    "Nothing was changed. Correct `erasure` in lifeboat.config.ts: runbooks/compliance/gdpr-erasure.md.",
  );
}

/** Stored columns; undefined: there is no such table. */
async function readColumns(client: Client, table: string): Promise<ReadonlySet<string> | undefined> {
  const answer = await client.query(
    `select c.oid, coalesce(json_agg(a.attname) filter (where a.attgenerated = ''), '[]') as columns
       from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.oid = to_regclass($1) and c.relkind in ('r', 'p') group by c.oid`,
    [quotedTable(table)],
  );
  const [row] = z.array(z.object({ columns: z.array(z.string()) })).parse(answer.rows);
  return row && new Set(row.columns);
}
