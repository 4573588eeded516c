import type { Client } from "pg";
import { ConfigurationError, OperationError } from "../../base/errors.ts";
import { runProgram } from "../../base/flow/program.ts";
import type { Log } from "../../base/log.ts";
import type { RecoveryPolicy } from "../../config/policy/recovery.ts";
import { type MigrationPlan, planMigrations, whyRefused } from "../../policy/migrations.ts";
import { parseQualified, quoteQualified } from "../../postgres/identifier.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";
import { type Applied, applyPlan } from "./apply.ts";
import { type MigrationSource, readMigrationFolder } from "./folder.ts";
import { historyOfDatabase, historyOfSet } from "./history.ts";

/** A table of the application's own, and what its program has added to it. */
export interface OwnMigrations {
  readonly table: string;
  readonly program: string;
  readonly before: number;
  readonly after: number;
  /** Names or versions of the rows that came, where the table has such a column. */
  readonly added: readonly string[];
}

export interface MigrationResult {
  /** `current`: what the folder makes. `doubtful`: everything that was missing is applied, and the findings name what may be otherwise. */
  readonly outcome: "current" | "doubtful" | "dry-run";
  readonly folder: string | null;
  /** Already applied, and the same in the folder. */
  readonly same: number;
  readonly applied: readonly Applied[];
  readonly findings: MigrationPlan["findings"];
  readonly own: readonly OwnMigrations[];
}

/** What a restored database is brought up to date with. */
export interface Migrations {
  /** Null: no folder, only the application's own tables. */
  readonly source: MigrationSource | null;
  readonly own: RecoveryPolicy["migrations"]["own"];
}

/**
 * `--migrations none|DIR` and `--migrations-ref` over what the policy says.
 * @param asked undefined: the policy's folder
 * @throws ConfigurationError `usage` for a ref without a folder
 */
export function migrationsFor(
  { recovery: { migrations } }: { readonly recovery: RecoveryPolicy },
  { asked, ref }: { readonly asked?: string | undefined; readonly ref?: string | undefined } = {},
): Migrations | undefined {
  const folder = asked === "none" ? null : (asked ?? migrations.folder);
  if (ref !== undefined && folder === null) {
    throw new ConfigurationError(
      "usage",
      "--migrations-ref says at which commit the migrations are read, and nothing says where they are: none would be applied.",
      "Name their folder too: --migrations supabase/migrations.",
    );
  }
  if (asked === "none") return undefined;
  if (folder === null && migrations.own.length === 0) return undefined;
  return { source: folder === null ? null : { folder, ref }, own: migrations.own };
}

/**
 * What would be applied to a set that is restored. Writes nothing, and needs no database.
 * @returns undefined where the set tells its history only once it is restored (an archive)
 * @throws ConfigurationError `migrations-folder`, `migrations-ref`, `migrations-refused`: before anything is written
 */
export async function planForSet(open: OpenSet, { source }: Migrations): Promise<MigrationPlan | undefined> {
  if (source === null) return { same: 0, pending: [], findings: [] };
  const folder = await readMigrationFolder(source);
  const history = await historyOfSet(open);
  return history && refusedBefore(planMigrations(history, folder));
}

/** The same for a database as it is. @throws as `planForSet` */
export async function planForDatabase(client: Client, { source }: Migrations): Promise<MigrationPlan> {
  if (source === null) return { same: 0, pending: [], findings: [] };
  return refusedBefore(planMigrations(await historyOfDatabase(client), await readMigrationFolder(source)));
}

function refusedBefore(plan: MigrationPlan): MigrationPlan {
  const why = whyRefused(plan);
  if (why === undefined) return plan;
  throw new ConfigurationError(
    "migrations-refused",
    `The migrations cannot be applied: ${why}.`,
    "Correct these files, or go on without any (--migrations none) and apply them by hand.",
  );
}

interface Work {
  readonly connect: () => Promise<Client>;
  /** The restored database's address, for the application's programs. */
  readonly databaseUrl: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings a restored database up to today's migrations, then the application's own. Run again after it broke off it goes on
 * where it stopped: each file is there whole, with its note in the history, or not at all.
 *
 * @throws ConfigurationError what a plan refuses; OperationError `migration-failed`, `own-migrations-failed` and what `applyPlan` throws
 */
export async function bringUpToDate(migrations: Migrations, work: Work): Promise<MigrationResult> {
  const client = await work.connect();
  try {
    const plan = await planForDatabase(client, migrations);
    const applied = await applyPlan(client, plan, work);
    const own: OwnMigrations[] = [];
    for (const one of migrations.own) own.push(await runOwn(client, one, work));
    const doubt = plan.findings.some(({ severity }) => severity === "doubt");
    return { outcome: doubt ? "doubtful" : "current", ...toldOf(migrations, plan), applied, own };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What a plan says, as a result of a rehearsal. */
export function rehearsed(migrations: Migrations, plan: MigrationPlan): MigrationResult {
  const applied = plan.pending.map(({ file, version, runs }) => ({ file, version, statements: runs.length }));
  return { outcome: "dry-run", ...toldOf(migrations, plan), applied, own: [] };
}

function toldOf({ source }: Migrations, { same, findings }: MigrationPlan) {
  return { folder: source?.folder ?? null, same, findings };
}

type Own = Migrations["own"][number];

async function runOwn(client: Client, own: Own, work: Work): Promise<OwnMigrations> {
  const program = own.argv[0] ?? "";
  const fail = (why: string): OperationError =>
    new OperationError(
      "own-migrations-failed",
      `${program}, which brings ${own.table} up to date, failed: ${why}.`,
      "Run it by hand against the restored database: its output is not kept, because it may show rows. Then run the same again.",
    );
  if (work.databaseUrl === undefined) throw fail("the database's address is not known");
  const before = await rowsOf(client, own.table);
  const env = { ...work.env, DATABASE_URL: work.databaseUrl };
  const ended = await runProgram({ ...own, env: [...own.env, "DATABASE_URL"] }, env, work.signal);
  work.signal?.throwIfAborted();
  if (ended !== "done") throw fail(ended === "late" ? `no end within ${own.timeoutSeconds} s` : ended.failed);
  const after = await rowsOf(client, own.table);
  const added = [...after.names].filter((name) => !before.names.has(name)).sort();
  return { table: own.table, program, before: before.count, after: after.count, added };
}

/** What tables of migrations call theirs: of Rails, Knex, Prisma, TypeORM, Drizzle, Flyway, Django and others. */
const names = ["version", "name", "migration_name", "filename", "migration", "hash", "id"];

/** The rows of a table: how many, and what they are called; none where its program has yet to make it. */
async function rowsOf(client: Client, table: string): Promise<{ count: number; names: ReadonlySet<string> }> {
  const { schema = "public", name = table } = parseQualified(table) ?? {};
  const quoted = quoteQualified(schema, name);
  const columns = await client.query<{ name: string; kind: string }>(
    `select attname::text as name, relkind::text as kind from pg_catalog.pg_attribute join pg_catalog.pg_class c on c.oid = attrelid
      where attrelid = pg_catalog.to_regclass($1) and attnum > 0 and not attisdropped`,
    [quoted],
  );
  if (columns.rows.length === 0) return { count: 0, names: new Set() };
  // A view would run somebody's code as us.
  if (!columns.rows.every(({ kind }) => kind === "r" || kind === "p")) {
    throw new OperationError(
      "own-migrations-failed",
      `${table}, which the policy names as the application's table of migrations, is no table: its rows are not read.`,
      "Correct recovery.migrations.own in lifeboat.config.ts, or find out who has put that there.",
    );
  }
  const count = await client.query(`select pg_catalog.count(*)::text as rows from ${quoted}`);
  const called = names.find((one) => columns.rows.some((column) => column.name === one));
  const rows =
    called === undefined
      ? []
      : (await client.query(`select pg_catalog.format('%s', ${called}) as name from ${quoted} limit 10000`)).rows;
  // A name is a name: nothing that could be a sentence, or a person's.
  const told = rows.map((row) => String(row["name"])).filter((text) => /^[\w.:-]{1,120}$/.test(text));
  return { count: Number(count.rows[0]?.rows), names: new Set(told) };
}
