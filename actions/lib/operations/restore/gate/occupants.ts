import type { Client } from "pg";
import { z } from "zod";
import { ConfigurationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { few } from "../../../base/measures.ts";
import { addsNothing } from "../../../compare/grants.ts";
import { judgeStranger, PlatformJudge } from "../../../compare/judge-platform.ts";
import { extraRoles } from "../../../compare/roles.ts";
import { strangeDatabaseSettings, strangeRoleSettings } from "../../../compare/settings.ts";
import { nameBehind, nameOnTable, quoteQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { firstRows } from "../../../postgres/inventory/name-lookup.ts";
import { grantText, isBuiltIn } from "../../../postgres/inventory/object-query.ts";
import { bookkeepingReason, isManagedSchema, isOwnObject } from "../../../postgres/platform-owned.ts";
import { componentOf, platformKey } from "../../../supabase/platform/fact.ts";
import { attempt } from "../../target/sessions.ts";
import type { TargetFacts } from "../../target/target.ts";

/** What may well be there. */
export interface Admitted {
  /** Roles that the set has as well; without them no role of the target is looked at. */
  readonly roles?: Inventory["roles"];
  /** Tables, `schema.table`, that had rows when the project was marked as staging. */
  readonly filled?: readonly string[];
}

/** What is in every database from the start, whoever owns it. */
const initialKinds = new Set(["database", "extension"]);

/**
 * What the target has beyond a new project of its version, or an empty database: objects that the restore would mix with,
 * and rights, roles and settings that it would leave open. By name. Pure.
 */
export function strangers(facts: TargetFacts, admitted: Admitted): string[] {
  const { inventory, platform } = facts;
  const objects = inventory.objects.filter(
    (object) => !isOwnObject(object) && object.extension === null && !isInitial(object) && !addsNothing(object),
  );
  const unknown = objects.filter(
    (object) => isStranger(object, facts) && !(platform !== undefined && isAutomaticRls(object)),
  );
  const relations = new Set(unknown.map(({ identity }) => identity));
  // What hangs on a table goes without saying when the table is named.
  const whole = unknown.filter((object) => !relations.has(tableOf(object) ?? ""));
  const named = whole.map(({ kind, identity }) => `${kind} ${identity}`);
  if (platform === undefined) return [...named, ...strangeDatabaseSettings(inventory, platform)];
  const known = [...objects.filter((object) => !unknown.includes(object)), ...(inventory.builtIns ?? [])];
  return [
    ...named,
    ...known.flatMap((object) => openings(object, facts)),
    ...(admitted.roles === undefined ? [] : strangeRoles(facts, admitted.roles)),
    ...strangeDatabaseSettings(inventory, platform),
  ];
}

function isInitial({ kind, identity }: InventoryObject): boolean {
  return initialKinds.has(kind) || (kind === "schema" && identity === "public");
}

function isStranger(object: InventoryObject, { platform }: TargetFacts): boolean {
  if (platform === undefined) return true;
  if (platform.target.state(platformKey(object)) !== undefined) return false;
  return judgeStranger(platform, object).verdict === "failed";
}

function tableOf({ kind, identity, definition }: InventoryObject): string | undefined {
  if (kind === "index") return nameBehind(" ON (?:ONLY )?", definition);
  if (kind === "sequence") return /^(?:owned by|identity of) (.*)\.(?:"(?:[^"]|"")*"|[^".]+)$/m.exec(definition)?.[1];
  return nameOnTable(identity)?.table;
}

/** What of a platform's object lets in or does more than a new project's. */
function openings(object: InventoryObject, { platform }: TargetFacts): string[] {
  if (platform === undefined) return [];
  if (!isBuiltIn(object) && platform.target.state(platformKey(object)) === undefined) return [];
  const judge = new PlatformJudge(platform, undefined, object);
  const initial = new Set(isBuiltIn(object) ? object.initial.map(grantText) : []);
  const given = (object.grants ?? []).filter((grant) => !initial.has(grantText(grant)));
  const gained = given.filter((grant) => judge.gained(grant).verdict === "failed");
  const name = `${object.kind} ${object.identity}`;
  const otherwise = isBuiltIn(object)
    ? object.definition !== ""
    : platform.target.isExact(componentOf(object.schema)) && judge.definition().verdict === "failed";
  const changed = otherwise ? [`${name}, which a new project has otherwise`] : [];
  return [...changed, ...gained.map((grant) => `${grantText(grant)} on ${name}`)];
}

function strangeRoles({ inventory, platform, role, firstRole }: TargetFacts, wanted: Inventory["roles"]): string[] {
  const extra = extraRoles(wanted, inventory.roles, { platform, makers: new Set([role, firstRole]) });
  const settings =
    platform === undefined ? [] : inventory.roles.flatMap((one) => strangeRoleSettings(one, wanted, platform));
  return [...extra.map(({ identity }) => `role ${identity}`), ...settings];
}

/** Tables of the platform and of extensions that are not empty, as `schema.table`: in a new project all of them are. */
export async function occupiedTables(client: Client, facts: TargetFacts): Promise<string[]> {
  if (!facts.supabase) return [];
  const known = facts.inventory.tables.filter(({ schema, name }) => {
    const waiting = schema === "net" && name === "http_request_queue";
    return isManagedSchema(schema) && (waiting || bookkeepingReason(schema, name) === undefined);
  });
  const readable = await client.query<{ oid: string }>(
    "select oid::int8::text as oid from unnest($1::oid[]) oid where has_table_privilege(oid, 'select')",
    [known.map(({ oid }) => oid)],
  );
  const mayRead = new Set(readable.rows.map(({ oid }) => oid));
  const looked = known.filter(({ oid }) => mayRead.has(oid));
  const questions = looked.map(({ schema, name, filter }) => {
    const rows = `select from only ${quoteQualified(schema, name)} ${filter ?? ""}`;
    return { sql: `select from (values (1)) one where not exists (${rows})` };
  });
  const empty = await firstRows(client, [], questions);
  return looked.filter((_, at) => empty[at] === undefined).map(tableName);
}

async function subscriptions(client: Client): Promise<string[]> {
  const answer = await client.query(
    "select subname as name from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())",
  );
  return z
    .array(z.object({ name: z.string() }))
    .parse(answer.rows)
    .map(({ name }) => `subscription ${name}`);
}

const shown = 12;

/** What is in a target that is not empty, by name. */
export async function occupants(client: Client, facts: TargetFacts, admitted: Admitted): Promise<string[]> {
  const rows = await occupiedTables(client, facts);
  return [
    ...strangers(facts, admitted),
    ...(await subscriptions(client)),
    ...rows.filter((name) => !admitted.filled?.includes(name)).map((name) => `rows in ${name}`),
  ];
}

/**
 * Refuses a target that is not empty, with the names of what is in it.
 * @throws ConfigurationError `target-not-empty`
 */
export async function refuseOccupied(client: Client, facts: TargetFacts, admitted: Admitted): Promise<void> {
  const all = await occupants(client, facts, admitted);
  if (all.length === 0) return;
  throw new ConfigurationError(
    "target-not-empty",
    `The target is not empty: ${few(all, shown)}.`,
    facts.platform === undefined ? another : `${another} ${unknownVersion}`,
  );
}

const another = "Restore into a new project or an empty database; nothing has been changed in this one.";
const unknownVersion =
  "Where nobody has touched this project, its version is newer than this Lifeboat: record such a project (scripts/record-platform.ts) and name the folder in LIFEBOAT_BASELINES.";

const guard = "public.rls_auto_enable()";

/**
 * What Supabase's option "Enable automatic RLS" puts into a new project: an event trigger and its function, which switch
 * row security on for each table that is made.
 */
export function isAutomaticRls({ kind, identity, definition }: InventoryObject): boolean {
  if (kind === "function") return identity === guard && /\breturns event_trigger\b/i.test(definition);
  return kind === "event trigger" && identity === "ensure_rls" && definition.includes(guard);
}

/**
 * Takes automatic row security out of a new project before anything is made there: tables come back with the row
 * security that they had, and the event trigger comes back where the source has one. By name, whatever the function does:
 * nothing of it is left.
 * @throws ConfigurationError `target-automatic-rls` when it belongs to somebody else
 */
export async function takeAutomaticRls(
  client: Client,
  facts: TargetFacts,
  { dryRun, log }: { readonly dryRun: boolean; readonly log: Log },
): Promise<TargetFacts> {
  const found = facts.supabase ? facts.inventory.objects.filter(isAutomaticRls) : [];
  if (found.length === 0) return facts;
  if (!dryRun) {
    // Whoever owns the schema may drop what lies in it, and what hangs on that goes as well, whoever owns it.
    const reason = await attempt(
      client,
      `drop function if exists ${guard} cascade; drop event trigger if exists ensure_rls`,
    );
    if (reason !== undefined) {
      throw new ConfigurationError(
        "target-automatic-rls",
        `The target switches row security on for each table that is made, and that cannot be taken away (${reason}).`,
        "Run `drop event trigger ensure_rls` as its owner, or restore into a project without automatic RLS.",
      );
    }
    log.info("Automatic row security of the target is taken away: each table gets what it had at the source.");
  }
  const objects = facts.inventory.objects.filter((object) => !found.includes(object));
  return { ...facts, inventory: { ...facts.inventory, objects } };
}
