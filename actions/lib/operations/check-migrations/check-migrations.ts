import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { ConnectionSettings } from "../../config/connection-url.ts";
import {
  type MigrationFinding,
  type MigrationPlan,
  migrationName,
  planMigrations,
  whyRefused,
} from "../../policy/migrations.ts";
import { connect } from "../../postgres/connect/connect.ts";
import { quoteIdentifier } from "../../postgres/identifier.ts";
import { applyPlan } from "../migrate/apply.ts";
import { readMigrationFolder } from "../migrate/folder.ts";
import { availableExtensions, buildBase } from "./build-base.ts";
import { type Loss, lossesBetween, type ObservedLock, readLocks, readShape, type Shape } from "./observe.ts";

export interface CheckedMigrations {
  /**
   * `nothing-lost`; `loses`: something is in older sets alone once this is merged; `refused`: it cannot be applied; `unclear`: it
   * was not run to its end, because plain PostgreSQL lacks what it builds on.
   */
  readonly outcome: "none" | "nothing-lost" | "loses" | "refused" | "unclear";
  readonly files: readonly string[];
  readonly losses: readonly (Loss & { readonly file: string })[];
  readonly locks: readonly ObservedLock[];
  readonly findings: readonly MigrationFinding[];
  /** Why it is refused or unclear. */
  readonly why: string | null;
  /** Version of the server that it ran on. */
  readonly server: string;
}

interface CheckRequest {
  readonly folder: string;
  /** Commit that the change is to be merged into. */
  readonly base: string;
  /** A server that is thrown away, as superuser. */
  readonly server: ConnectionSettings;
  readonly setting: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Runs the migrations that a change brings on a database that has the schema of its base and nobody's rows, and tells what
 * they take away and what they lock. The database is made for it, on a server that holds nothing, and dropped.
 *
 * @throws ConfigurationError `migrations-folder`, `migrations-ref`, `check-server`, and what connecting refuses
 */
export async function checkMigrations(request: CheckRequest): Promise<CheckedMigrations> {
  const { folder, base, server, setting, log, signal } = request;
  const [before, now] = [await readMigrationFolder({ folder, ref: base }), await readMigrationFolder({ folder })];
  const history = before.flatMap(({ file, sql }) => {
    const named = migrationName(file);
    return named === undefined ? [] : [{ ...named, statements: [sql] }];
  });
  const plan = planMigrations(history, now);
  const told = { files: plan.pending.map(({ file }) => file), findings: plan.findings, losses: [], locks: [] };
  const open = (database?: string) =>
    connect(database === undefined ? server : { ...server, database }, {
      ...{ applicationName: "lifeboat/check-migrations", setting, log, signal },
    });
  const admin = await open();
  const name = `lifeboat_check_${randomBytes(6).toString("hex")}`;
  try {
    await refuseHosted(admin, setting);
    const version = String((await admin.query("show server_version")).rows[0]?.server_version);
    const refused = whyRefused(plan);
    if (refused !== undefined) return { ...told, outcome: "refused", why: refused, server: version };
    if (plan.pending.length === 0) return { ...told, outcome: "none", why: null, server: version };
    await admin.query(`create database ${quoteIdentifier(name)} template template0 encoding 'UTF8'`);
    await admin.query(`alter database ${quoteIdentifier(name)} set search_path = "$user", public, extensions`);
    const client = await open(name);
    try {
      return { ...told, ...(await tryOut(client, planMigrations([], before), plan, log)), server: version };
    } finally {
      await client.end().catch(() => undefined);
    }
  } finally {
    await admin.query(`drop database if exists ${quoteIdentifier(name)} with (force)`).catch(() => undefined);
    await admin.end().catch(() => undefined);
  }
}

/**
 * A stand-in for Supabase's roles, and whatever the migrations do to roles, reaches all databases of a server. Nobody is superuser at
 * Supabase or another host: whoever is has a server of their own.
 */
async function refuseHosted(admin: Client, setting: string): Promise<void> {
  const found = await admin.query("select rolsuper from pg_catalog.pg_roles where rolname = current_user");
  if (found.rows[0]?.rolsuper === true) return;
  throw new ConfigurationError(
    "check-server",
    `The login of ${setting} is no superuser: that server may be one that somebody uses.`,
    "Start a PostgreSQL server that is thrown away afterwards, and give its superuser. Nothing was changed on this one.",
  );
}

type Tried = Pick<CheckedMigrations, "outcome" | "losses" | "locks" | "why" | "findings">;

async function tryOut(client: Client, base: MigrationPlan, plan: MigrationPlan, log: Log): Promise<Tried> {
  const available = await availableExtensions(client);
  const [known, lacking] = [withoutExtensions(base, available), withoutExtensions(plan, available)];
  const missing = [...known.findings, ...(await buildBase(client, known.plan)), ...lacking.findings];
  const findings = [...plan.findings, ...missing];
  const seen = new Observer(client, await readShape(client));
  const said = lexical(plan);
  try {
    await applyPlan(client, lacking.plan, { log, look: (one, place) => seen.look(one, place) });
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    // What it builds on may be what is missing here.
    const outcome = missing.length > 0 ? "unclear" : "refused";
    return { outcome, losses: said, locks: seen.locks, why: error.message, findings };
  }
  // What is dropped was seen, unless it could not be there.
  const unseen = said.filter(
    ({ how, what }) => how !== "is taken away" || (missing.length > 0 && !isSeen(what, seen.losses)),
  );
  const losses = [...seen.losses, ...unseen];
  return { outcome: losses.length > 0 ? "loses" : "nothing-lost", losses, locks: seen.locks, why: null, findings };
}

/** Whether a statement's words name what was seen to go. */
function isSeen(said: string, losses: readonly Loss[]): boolean {
  const name = said.slice(said.lastIndexOf(" ") + 1);
  return losses.some(({ what }) => what.endsWith(` ${name}`) || what.endsWith(` public.${name}`));
}

const extension = /^CREATE extension (?:if not exists )?"?([\w-]+)/;

/** Without the extensions that this server has no files of: what else the migrations do can still be seen. */
function withoutExtensions(plan: MigrationPlan, available: ReadonlySet<string>) {
  const findings: MigrationFinding[] = [];
  const pending = plan.pending.map((one) => {
    const runs = one.runs.filter(({ what }) => {
      const [, name] = extension.exec(what) ?? [];
      if (name === undefined || available.has(name)) return true;
      findings.push({
        file: one.file,
        severity: "told",
        what: `extension ${name} is not on this server, and was left out here`,
      });
      return false;
    });
    return { ...one, runs };
  });
  return { plan: { ...plan, pending }, findings };
}

/** What the words of the statements say: rows that are overwritten leave no trace in a schema. */
function lexical({ pending }: MigrationPlan): CheckedMigrations["losses"] {
  const all = pending.flatMap(({ file, effects }) =>
    effects.flatMap(({ kind, what }) => {
      if (kind === "loses")
        return [{ file, what, how: what.startsWith("TRUNCATE") ? "removes all rows" : "is taken away" }];
      if (kind === "rows" && /^(UPDATE|DELETE|MERGE)/.test(what))
        return [{ file, what, how: "overwrites or removes rows" }];
      return kind === "code" && /delete|update|truncate|drop|execute|merge/.test(what)
        ? [{ file, what, how: "may overwrite or remove rows" }]
        : [];
    }),
  );
  // One line for a file that does the same thing often.
  return [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
}

/** Looks behind each statement at what it has locked and changed. */
class Observer {
  readonly losses: (Loss & { file: string })[] = [];
  readonly locks: ObservedLock[] = [];
  readonly #client: Client;
  readonly #first: Shape;
  #shape: Shape;
  #held = new Set<string>();

  constructor(client: Client, shape: Shape) {
    this.#client = client;
    [this.#first, this.#shape] = [shape, shape];
  }

  async look({ file, runs }: MigrationPlan["pending"][number], statement: number): Promise<void> {
    // Locks end with the file's transaction.
    if (statement === 1) this.#held = new Set();
    const run = runs[statement - 1];
    // What we read takes locks ourselves, of the weakest kind.
    const held = await readLocks(this.#client);
    const shape = await readShape(this.#client);
    for (const lock of held) {
      const [oid = "", mode = ""] = lock.split(" ");
      const table = this.#first.tables.get(oid);
      if (table === undefined || this.#held.has(lock)) continue;
      const before = this.#shape.tables.get(oid)?.file ?? null;
      const rewrites = before !== null && (shape.tables.get(oid)?.file ?? before) !== before;
      const concurrently = run?.concurrently === true;
      this.locks.push({
        ...{ file, statement, what: run?.what ?? "", table: table.name, rewrites, documented: concurrently },
        mode: concurrently ? "ShareUpdateExclusiveLock" : mode,
      });
    }
    this.losses.push(...lossesBetween(this.#first, this.#shape, shape).map((loss) => ({ ...loss, file })));
    this.#shape = shape;
    this.#held = held;
  }
}
