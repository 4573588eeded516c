import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { quoteIdentifier } from "../../postgres/identifier.ts";
import type { Grant, Inventory, InventoryObject } from "../../postgres/inventory/model.ts";
import { grantsUnder, isBuiltIn } from "../../postgres/inventory/object-query.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import { isManagedSchema, isPlatformOwner } from "../../postgres/platform-owned.ts";
import { type Baseline, type Fitted, loadBaseline } from "./baseline.ts";
import {
  type BaselineFile,
  baselineFileSchema,
  emptyBaseline,
  type Fact,
  factsOf,
  platformKey,
  renderBaseline,
  rightOf,
  withSnapshot,
} from "./fact.ts";

/** A Supabase project as a target: what of it is the platform's, and what a new project of its version has. */
export class Platform {
  readonly baseline: Baseline;
  /** The new project that the target is nearest to. */
  readonly target: Fitted;
  /** The new project that the source is nearest to: what differs from it the user has changed. */
  readonly source: Fitted | undefined;

  constructor(baseline: Baseline, target: Fitted, source?: Fitted) {
    this.baseline = baseline;
    this.target = target;
    this.source = source;
  }

  /** Reads the versions of the target's servers and finds what a new project of these versions has. */
  static async read(client: Client, inventory: Inventory): Promise<Platform> {
    const baseline = loadBaseline();
    return new Platform(baseline, baseline.fit(factsOf(inventory), inventory.serverMajor, await readVersions(client)));
  }

  /** The same target as seen beside a source. */
  against(source: Inventory): Platform {
    return new Platform(this.baseline, this.target, this.baseline.fit(factsOf(source), source.serverMajor));
  }

  /**
   * Whether an object is the platform's: it belongs to PostgreSQL or to an extension, or a new project of some version has it. Everything
   * else is the user's, wherever it lies and whoever owns it; and so is what `postgres` may change as it likes.
   */
  owns(object: InventoryObject): boolean {
    if (object.extension !== null || isBuiltIn(object)) return true;
    return !isUsersToChange(object) && this.baseline.knows(platformKey(object));
  }

  /** Whether a table or sequence is the platform's. */
  ownsRelation(kind: "table" | "sequence", one: { readonly schema: string; readonly name: string }): boolean {
    return isManagedSchema(one.schema) && this.baseline.knows(platformKey({ kind, identity: relationIdentity(one) }));
  }

  /**
   * What the grants of one of the platform's objects have to become in the target: as they are there, with what the user
   * has given at the source, without what he has taken away there, and without what no new project gives.
   */
  wantedGrants(object: InventoryObject, twin: InventoryObject): Grant[] {
    const before = this.source?.state(platformKey(object))?.rights;
    const had = new Set((object.grants ?? []).map(rightOf));
    const has = new Set((twin.grants ?? []).map(rightOf));
    const present = this.target.state(platformKey(twin));
    const taken = (grant: Grant) => {
      const right = rightOf(grant);
      if (had.has(right) || grant.grantee === twin.owner || isPlatformOwner(grant.grantee)) return false;
      return (before?.has(right) ?? isBornWith(twin, grant)) || present?.rights.has(right) === false;
    };
    const given = (grantsUnder(object, twin.owner) ?? []).filter(
      (grant) => !has.has(rightOf(grant)) && before?.has(rightOf(grant)) !== true,
    );
    return [...(twin.grants ?? []).filter((grant) => !taken(grant)), ...given];
  }

  /** Keys of what a new project of the target's very version must have. */
  demanded(): string[] {
    return ["auth", "storage"].filter((one) => this.target.isExact(one)).flatMap((one) => this.target.keys(one));
  }
}

/** Whether Postgres gives a right to all on every member of an extension as it is made. */
export function isBornWith({ kind, extension }: InventoryObject, grant: Grant): boolean {
  if (extension === null || grant.grantable || grant.column !== null || grant.grantee !== "") return false;
  const isUsed = kind === "type" || kind === "language";
  return grant.privilege === (isUsed ? "USAGE" : "EXECUTE");
}

/** As pg_identify_object writes a relation. */
export function relationIdentity({ schema, name }: { readonly schema: string; readonly name: string }): string {
  const part = (text: string) => (/^[a-z_][a-z0-9_$]*$/.test(text) ? text : quoteIdentifier(text));
  return `${part(schema)}.${part(name)}`;
}

/** What every project comes with and `postgres` may change: a restore makes it what it was, to the last right. */
function isUsersToChange({ kind, identity, schema, owner }: InventoryObject): boolean {
  if (kind === "default acl") return owner === "postgres";
  if (kind === "schema") return !isManagedSchema(identity);
  return kind === "database" || kind === "publication" || (schema !== null && !isManagedSchema(schema));
}

/** Where the servers keep the list of their own migrations. */
const lists = [
  { component: "auth", table: "auth.schema_migrations", last: "max(version)" },
  { component: "storage", table: "storage.migrations", last: "max(id)" },
];

/** Last migration of each server, where the session may read the list. */
async function readVersions(client: Client): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  for (const { component, table, last } of lists) {
    const may = await client.query(
      "select coalesce(has_table_privilege(to_regclass($1), 'select'), false) as readable",
      [table],
    );
    if (may.rows[0]?.readable !== true) continue;
    const answer = await client.query(`select ${last}::text as version from ${table}`);
    const { version } = z.object({ version: z.string().nullable() }).parse(answer.rows[0]);
    if (version !== null) versions.set(component, version);
  }
  return versions;
}

/**
 * Database Webhooks are a switch of the dashboard: with it come a schema, two tables and a function that belong to the
 * platform, and nobody else can make them (supabase/postgres, webhooks; docs "Database Webhooks").
 */
export const switchWebhooksOn =
  "Switch Database Webhooks on in the target project: dashboard, Integrations, Database Webhooks, Enable webhooks";

/** The schema that Database Webhooks come with. */
export function isWebhooksSchema({ kind, identity, owner }: InventoryObject): boolean {
  return kind === "schema" && identity === "supabase_functions" && isPlatformOwner(owner);
}

/**
 * Refuses a project without Database Webhooks for a source that has them: its triggers would have nothing to call.
 * @throws ConfigurationError `webhooks-off`
 */
export function refuseWithoutWebhooks(source: Inventory, target: Inventory): void {
  if (
    !source.objects.some(isWebhooksSchema) ||
    target.objects.some(({ kind, identity }) => kind === "schema" && identity === "supabase_functions")
  )
    return;
  throw new ConfigurationError(
    "webhooks-off",
    "The source has Database Webhooks switched on, and the target project has not.",
    `${switchWebhooksOn}. Then run the same again; nothing has been changed.`,
  );
}

/**
 * Adds what a new project has to the recorded states in `folder`, one file a component. The project has to be as it was
 * made: what it holds counts as the platform's from then on.
 *
 * @param label for people: which project, which release
 * @returns how many facts, by component
 */
export async function recordNewProject(client: Client, folder: string, label: string): Promise<Map<string, number>> {
  const inventory = await readInventory(client);
  const versions = await readVersions(client);
  mkdirSync(folder, { recursive: true });
  const counts = new Map<string, number>();
  for (const [component, facts] of byComponent(factsOf(inventory))) {
    const path = join(folder, `${component}.json`);
    const snapshot = { major: inventory.serverMajor, version: versions.get(component) ?? null, label };
    writeFileSync(path, renderBaseline(withSnapshot(read(path, component), snapshot, facts)));
    counts.set(component, facts.length);
  }
  return counts;
}

function byComponent(facts: readonly Fact[]): Map<string, Fact[]> {
  return Map.groupBy(facts, (fact) => fact.component);
}

function read(path: string, component: string): BaselineFile {
  return existsSync(path) ? baselineFileSchema.parse(JSON.parse(readFileSync(path, "utf8"))) : emptyBaseline(component);
}
