import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import type { Stages } from "../../base/flow/stages.ts";
import type { Difference } from "../../compare/difference.ts";
import { bare } from "../../postgres/identifier.ts";
import type { Inventory } from "../../postgres/inventory/model.ts";
import { readInventory } from "../../postgres/inventory/read.ts";
import { Platform } from "../../supabase/platform/platform.ts";

/** What a restore finds out about the database that it is to write, before it decides anything. */
export interface TargetFacts {
  readonly role: string;
  readonly superuser: boolean;
  /** The role that the server was made with: a superuser whom nobody can take away. */
  readonly firstRole: string;
  /** A Supabase project: its platform's roles and schemas are there already. */
  readonly supabase: boolean;
  /** What belongs to that platform; undefined when it is none. */
  readonly platform: Platform | undefined;
  readonly major: number;
  /** `session_replication_role` may be set: triggers and foreign keys of existing tables stay silent during the load. */
  readonly mayReplicate: boolean;
  /** Extensions that the server could install, installed ones included, each with the schema that it insists on. */
  readonly availableExtensions: ReadonlyMap<string, string | null>;
  /** What is in it now. */
  readonly inventory: Inventory;
}

const factsSchema = z.strictObject({
  role: z.string(),
  superuser: z.boolean(),
  firstRole: z.string(),
  mayMakeRoles: z.boolean(),
  readOnly: z.boolean(),
  supabase: z.boolean(),
  extensions: z.record(z.string(), z.string().nullable()),
});

/**
 * Looks at the target.
 *
 * @param sourceMajor major version of the server that the set comes from
 * @param to `compare`: it is only read, so that a replica and a role that may write nothing will do
 * @throws ConfigurationError `target-read-only`, `target-older`, `target-role`
 */
export async function inspectTarget(
  client: Client,
  sourceMajor: number,
  to: "write" | "compare" = "write",
): Promise<TargetFacts> {
  const answer = await client.query(`
    select current_user as role,
           (select rolsuper from pg_roles where rolname = current_user) as superuser,
           (select rolname from pg_roles where oid = 10) as "firstRole",
           (select rolcreaterole from pg_roles where rolname = current_user)
             and has_database_privilege(current_database(), 'create') as "mayMakeRoles",
           current_setting('transaction_read_only') = 'on' or pg_is_in_recovery() as "readOnly",
           (select count(*) = 4 from pg_roles
             where rolname in ('supabase_admin', 'anon', 'authenticated', 'service_role'))
             and (select count(*) = 2 from pg_namespace where nspname in ('auth', 'storage')) as supabase,
           (select json_object_agg(e.name, v.schema) from pg_available_extensions e
              left join pg_available_extension_versions v on v.name = e.name and v.version = e.default_version) as extensions`);
  const facts = factsSchema.parse(answer.rows[0]);
  if (facts.readOnly && to === "write") {
    throw new ConfigurationError(
      "target-read-only",
      "The target accepts no writes: it is a replica, or the role or database is set to read-only transactions.",
      "Point TARGET_DATABASE_URL at the primary, with the role postgres (on Supabase) or a superuser.",
    );
  }
  const inventory = await readInventory(client);
  if (inventory.serverMajor < sourceMajor) {
    throw new ConfigurationError(
      "target-older",
      `The target runs PostgreSQL ${inventory.serverMajor}, the set comes from ${sourceMajor}: an older server cannot hold it for certain.`,
      `Restore into PostgreSQL ${sourceMajor} or newer.`,
    );
  }
  if (!facts.superuser && !facts.supabase && !facts.mayMakeRoles && to === "write") {
    throw new ConfigurationError(
      "target-role",
      `The target is no Supabase project, and ${facts.role} may make no roles and schemas there.`,
      "Use a superuser for plain Postgres, a role that owns the database and has CREATEROLE (runbooks/restore-without-superuser.md), or the role postgres of a Supabase project.",
    );
  }
  return {
    role: facts.role,
    superuser: facts.superuser,
    firstRole: facts.firstRole,
    supabase: facts.supabase,
    platform: facts.supabase ? await Platform.read(client, inventory) : undefined,
    major: inventory.serverMajor,
    mayReplicate: await maySetReplicationRole(client),
    availableExtensions: new Map(Object.entries(facts.extensions)),
    inventory,
  };
}

/** Tried rather than deduced: Supabase grants it through supautils, which no catalogue shows. */
export async function maySetReplicationRole(client: Client): Promise<boolean> {
  await client.query("begin");
  try {
    await client.query("set local session_replication_role = 'replica'");
    return true;
  } catch {
    return false;
  } finally {
    await client.query("rollback");
  }
}

/** Extensions of the source that the target's server does not have. */
export function unavailableExtensions(source: Inventory, facts: TargetFacts): Set<string> {
  const names = source.objects.filter((object) => object.kind === "extension").map((object) => bare(object.identity));
  return new Set(names.filter((name) => !facts.availableExtensions.has(name)));
}

/** A target that has just been proven, for those who look further. */
export interface ProvenTarget {
  readonly source: Inventory;
  readonly facts: TargetFacts;
  /** What the comparison named as expected. */
  readonly differences: readonly Difference[];
  readonly stages: Stages;
  readonly connect: () => Promise<Client>;
  /** Tables whose rows the comparison reads in the target, `schema.table`; the others' rows were proven as they came. */
  readonly measured: ReadonlySet<string>;
  /** Compares again, exactly as the restore did. */
  prove(): Promise<readonly Difference[]>;
}
