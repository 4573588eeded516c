import { bare } from "../postgres/identifier.ts";
import type { Grant, Inventory, InventoryObject } from "../postgres/inventory/model.ts";
import { byKey, objectKey } from "../postgres/inventory/object-query.ts";
import { isManagedSchema, isOwnObject, isPlatformOwner } from "../postgres/platform-owned.ts";
import { platformKey, splitKey } from "../supabase/platform/fact.ts";
import { isWebhooksSchema, switchWebhooksOn } from "../supabase/platform/platform.ts";
import type { Difference } from "./difference.ts";
import { addsNothing, comparable, grantsDetail } from "./grants.ts";
import { type CompareContext, type Judgement, judgeMissing, judgeStranger, PlatformJudge } from "./judge-platform.ts";
import {
  compareTwins,
  isExtension,
  judgeEach,
  movedExtensions,
  nameOf,
  otherVersion,
  versionOfExtension,
} from "./twins.ts";

/** What Postgres keeps for superusers; Supabase's `postgres` may make some of it, by its version of supautils. */
export const superuserKinds = new Set([
  "access method",
  "cast",
  "event trigger",
  "language",
  "operator class",
  "operator family",
  "text search parser",
  "text search template",
  "transform",
]);

/** Compares all objects by identity and definition, and what hangs on them: owner, grants, comment. */
export function compareObjects(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const both = comparable(source, target, context.platform !== undefined);
  const found = byKey(both.present);
  const wanted = byKey(both.wanted);
  const extensions = new Set(source.objects.filter(isExtension).map(nameOf));
  const present = new Set(target.objects.filter(isExtension).map(nameOf));
  const moved = movedExtensions({ source, target });
  const toldByExtension = ({ extension }: InventoryObject, others: ReadonlySet<string>) =>
    extension !== null && (moved.has(extension) || !others.has(extension));
  const added = new AddedExtensions(both.wanted, both.present);
  const lackingSchema = ({ schema }: InventoryObject) =>
    schema !== null && wanted.has(`schema ${schema}`) && !found.has(`schema ${schema}`);
  const differences: Difference[] = [];
  for (const object of both.wanted) {
    if (isOwnObject(object)) continue;
    const twin = found.get(objectKey(object));
    if (twin !== undefined) differences.push(...compareTwins(object, twin, { source, target }, context));
    // Members of an extension that is not there, or elsewhere, are told by the extension.
    // So is what the platform has in a schema that is not there at all.
    else if (lackingSchema(object) && context.platform?.owns(object)) continue;
    else if (!toldByExtension(object, present)) differences.push(missing(object, target, source, context));
  }
  for (const object of both.present) {
    if (wanted.has(objectKey(object)) || isOwnObject(object) || addsNothing(object)) continue;
    // A class that names no family comes with one of its name.
    if (object.kind === "operator family" && found.has(objectKey({ ...object, kind: "operator class" }))) continue;
    const judgement = added.judge(object);
    if (judgement !== undefined && context.platform?.target.state(objectKey(object)) === undefined) {
      const base = { kind: object.kind, identity: object.identity, aspect: "extra" as const };
      differences.push({ ...base, detail: "in the target only", ...judgement });
    } else if (!toldByExtension(object, extensions) && !added.brought(object)) {
      differences.push(...extra(object, source, target, context));
    }
  }
  return [...differences, ...absent(found, wanted, context)];
}

function missing(
  object: InventoryObject,
  target: Inventory,
  source: Inventory,
  { platform, ...context }: CompareContext,
): Difference {
  const say = ({ verdict, why }: Judgement): Difference => ({
    ...{ kind: object.kind, identity: object.identity, aspect: "missing" },
    ...{ detail: "not in the target", verdict, why },
  });
  const refused = context.failures.get(objectKey(object));
  const deliberate = context.deliberate.get(objectKey(object));
  if (deliberate !== undefined) return say({ verdict: "expected", why: deliberate });
  const extension = missingExtension(object, context);
  if (extension !== undefined) {
    return say({ verdict: "expected", why: `the target server has no extension ${extension}` });
  }
  if (otherVersion(object.extension, { source, target })) return say({ verdict: "expected", why: versionOfExtension });
  if (platform !== undefined && isWebhooksSchema(object)) return say({ verdict: "failed", why: switchWebhooksOn });
  if (platform?.owns(object) && object.extension === null) return say(judgeMissing(platform, object));
  if (superuserKinds.has(object.kind) && refused?.startsWith("42501")) {
    return say({ verdict: "expected", why: "only a superuser may make it, and the restore has none here" });
  }
  if (object.kind === "index" && !object.listed) {
    const { identity } = object;
    const why = `it was invalid at the source, as a CREATE INDEX CONCURRENTLY leaves it that breaks off, and no dump has it; there: REINDEX INDEX CONCURRENTLY ${identity}; or DROP INDEX ${identity};`;
    return say({ verdict: "expected", why });
  }
  const why = refused ?? "nothing was reported";
  const schema = object.schema ?? "";
  const remedy =
    platform !== undefined && isManagedSchema(schema) && why.startsWith("42501")
      ? `; it is the user's, in a schema of the platform: it comes with a second run once Supabase's support has run "GRANT USAGE, CREATE ON SCHEMA ${schema} TO postgres"`
      : "";
  return say({ verdict: "failed", why: why + remedy });
}

/** The unavailable extension that an object is, belongs to, or lies in the schema of. */
function missingExtension(
  object: InventoryObject,
  context: Pick<CompareContext, "unavailableExtensions" | "extensionSchemas">,
): string | undefined {
  const own = object.kind === "extension" ? bare(object.identity) : object.extension;
  const names = [own, context.extensionSchemas.get(object.schema ?? "")];
  return names.find((name) => typeof name === "string" && context.unavailableExtensions.has(name)) ?? undefined;
}

function extra(
  object: InventoryObject,
  source: Inventory,
  target: Inventory,
  { platform }: CompareContext,
): Difference[] {
  const base = { kind: object.kind, identity: object.identity };
  const only = { ...base, aspect: "extra" as const, detail: "in the target only" };
  if (otherVersion(object.extension, { source, target })) {
    return [{ ...only, verdict: "expected", why: versionOfExtension }];
  }
  if (platform === undefined) return [{ ...only, verdict: "failed", why: "the set does not have it" }];
  const known = platform.target.state(platformKey(object));
  if (known === undefined) return [{ ...only, ...judgeStranger(platform, object) }];
  const judge = new PlatformJudge(platform, undefined, object);
  const grants = judgeEach(object, object.grants ?? [], (grant) => judge.gained(grant));
  const found: Difference[] = [
    {
      ...base,
      aspect: "definition",
      detail: "in the target only, and another than in a new project",
      ...judge.definition(),
    },
    { ...base, aspect: "owner", detail: `${object.owner ?? "nobody"} here`, ...judge.owner() },
    ...grants.map(([judgement, gained]) => ({
      ...{ ...base, aspect: "grants" as const, detail: grantsDetail([], gained) },
      ...judgement,
    })),
    { ...base, aspect: "comment", detail: "has one here", ...judge.comment() },
  ];
  const wrong = found.filter(({ verdict }) => verdict !== "expected");
  return wrong.length > 0 ? wrong : [{ ...only, verdict: "expected", why: "a new project has it" }];
}

/** What a new project of the target's very version has and neither the set nor the target does. */
function absent(
  found: ReadonlyMap<string, InventoryObject>,
  wanted: ReadonlyMap<string, InventoryObject>,
  { platform }: CompareContext,
): Difference[] {
  if (platform === undefined) return [];
  const seen = new Set([...found.values(), ...wanted.values()].map(platformKey));
  return platform.demanded().flatMap((key) => {
    if (seen.has(key)) return [];
    const { kind, identity } = splitKey(key);
    const why = "a new project of the target's version has it";
    return [
      { kind, identity, aspect: "missing" as const, detail: "not in the target", verdict: "failed" as const, why },
    ];
  });
}

/** Kinds that let somebody do or read something. */
const usable = new Set(["aggregate", "foreign table", "function", "language", "materialized view", "procedure"]);
for (const kind of ["sequence", "table", "view"]) usable.add(kind);

/**
 * Extensions that only the target has, e.g. one that its owner has switched on in a new project. They are nobody's loss,
 * unless they give somebody more than the set does. Pure.
 */
export class AddedExtensions {
  readonly #names: ReadonlySet<string>;
  readonly #homes: ReadonlySet<string>;
  readonly #members: ReadonlyMap<string | null, InventoryObject[]>;
  readonly #schemas: ReadonlyMap<string, InventoryObject>;

  constructor(wanted: readonly InventoryObject[], present: readonly InventoryObject[]) {
    const inSet = new Set(wanted.filter(({ kind }) => kind === "extension").map(({ identity }) => identity));
    const added = present.filter(({ kind, identity }) => kind === "extension" && !inSet.has(identity));
    const inSource = new Set(wanted.filter(({ kind }) => kind === "schema").map(({ identity }) => bare(identity)));
    this.#names = new Set(added.map(({ identity }) => identity));
    const homes = added.map(({ definition }) => bare(definition.replace(/^.* schema /s, "")));
    this.#members = Map.groupBy(present, ({ extension }) => extension);
    const ofMembers = added.flatMap(({ identity }) => this.#members.get(bare(identity)) ?? []);
    const all = [...homes, ...ofMembers.flatMap(({ schema }) => schema ?? [])];
    this.#homes = new Set(all.filter((schema) => !inSource.has(schema)));
    this.#schemas = new Map(
      present.filter(({ kind }) => kind === "schema").map((schema) => [bare(schema.identity), schema]),
    );
  }

  /** Whether an object came with such an extension, or was made for it, and gives nobody anything. */
  brought({ kind, identity, schema, owner, grants }: InventoryObject): boolean {
    const home = kind === "schema" ? bare(identity) : kind === "default acl" ? schema : null;
    return home !== null && this.#homes.has(home) && !(grants ?? []).some((grant) => isOutside(grant, owner));
  }

  /** An extension that only the target has; undefined for everything else. */
  judge(extension: InventoryObject): Judgement | undefined {
    if (extension.kind !== "extension" || !this.#names.has(extension.identity)) return undefined;
    const open = this.#members.get(bare(extension.identity))?.find((member) => this.#isOpen(member));
    return open === undefined
      ? { verdict: "expected", why: "the set does not have it; nobody but its owner can use what it brings" }
      : { verdict: "failed", why: `the set does not have it, and others than its owner may use ${open.identity}` };
  }

  #isOpen({ kind, schema, owner, grants }: InventoryObject): boolean {
    if (!usable.has(kind) || !(grants ?? []).some((grant) => isOutside(grant, owner))) return false;
    const home = schema === null ? undefined : this.#schemas.get(schema);
    return home === undefined || (home.grants ?? []).some((grant) => isOutside(grant, home.owner));
  }
}

function isOutside({ grantee }: Grant, owner: string | null): boolean {
  return grantee !== owner && grantee !== "postgres" && !isPlatformOwner(grantee);
}
