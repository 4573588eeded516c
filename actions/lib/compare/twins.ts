import { bare } from "../postgres/identifier.ts";
import type { Grant, Inventory, InventoryObject } from "../postgres/inventory/model.ts";
import { isBuiltIn, objectKey } from "../postgres/inventory/object-query.ts";
import { isPlatformOwner } from "../postgres/platform-owned.ts";
import { definitionOf, platformKey, rightOf } from "../supabase/platform/fact.ts";
import type { Difference } from "./difference.ts";
import { differingGrants, grantsDetail, otherBuiltIn, otherGrantors, rightsStatements } from "./grants.ts";
import { type CompareContext, type Judgement, PlatformJudge } from "./judge-platform.ts";

export const versionOfExtension = "the target server has another version of the extension";
export const isExtension = ({ kind }: InventoryObject): boolean => kind === "extension";
export const nameOf = ({ identity }: InventoryObject): string => bare(identity);

/** Whether source and target have an extension in another version or schema each, so that its members differ. */
export function otherVersion(extension: string | null, { source, target }: Sides): boolean {
  if (extension === null) return false;
  const version = ({ objects }: Inventory) =>
    objects.find((object) => isExtension(object) && nameOf(object) === extension)?.definition;
  return version(source) !== version(target);
}

/** A constraint whose triggers somebody had switched off at the source: it holds again. */
export const unenforced = / not enforced(?= using index |$)/;
const enforcedAgain: Judgement = {
  verdict: "expected",
  why: "its triggers were switched off at the source; here it is enforced",
};

const untold: Judgement = { verdict: "unverified", why: "this server lets nobody try whether both mean the same" };

export interface Sides {
  readonly source: Inventory;
  readonly target: Inventory;
}

/** What differs between an object of the set and the same of the target: definition, owner, grants, comment. Pure. */
export function compareTwins(
  object: InventoryObject,
  twin: InventoryObject,
  { source, target }: Sides,
  context: CompareContext,
): Difference[] {
  const key = objectKey(object);
  const { platform } = context;
  const judge = platform?.owns(object) || platform?.owns(twin) ? new PlatformJudge(platform, object, twin) : undefined;
  const failed: Judgement = { verdict: "failed", why: context.failures.get(key) ?? "nothing was reported" };
  const differences: Difference[] = [];
  const say = (aspect: Difference["aspect"], detail: string, { verdict, why }: Judgement) =>
    differences.push({ kind: object.kind, identity: object.identity, aspect, detail, verdict, why });
  const enforced = object.definition.replace(unenforced, "") === twin.definition;
  if (object.definition !== twin.definition && !context.words.same.has(key)) {
    const judgement =
      otherDefinition(object, twin, { source, target }, context) ??
      (enforced ? enforcedAgain : undefined) ??
      judge?.definition() ??
      (context.words.untold.has(key) ? untold : failed);
    say("definition", firstDifference(object.definition, twin.definition), judgement);
  }
  // An index follows its table; PostgreSQL's own is the first superuser's, whatever his name, or its definition says so.
  if (object.owner !== twin.owner && object.kind !== "index" && !isBuiltIn(object)) {
    const detail = `${object.owner ?? "nobody"} in the set, ${twin.owner ?? "nobody"} here`;
    say("owner", detail, ownerByMaking(twin, target) ?? judge?.owner() ?? otherOwner(object, twin, context) ?? failed);
  }
  differences.push(...compareRights(object, twin, source, { context, judge, failed }));
  if (object.comment !== twin.comment && object.kind !== "extension") {
    say("comment", twin.comment === null ? "has none here" : "has another here", judge?.comment() ?? failed);
  }
  return differences;
}

function compareRights(
  object: InventoryObject,
  twin: InventoryObject,
  source: Inventory,
  by: { readonly context: CompareContext; readonly judge: PlatformJudge | undefined; readonly failed: Judgement },
): Difference[] {
  const { kind, identity } = object;
  const base = { kind, identity, aspect: "grants" as const };
  const { lost, gained } = differingGrants(object, twin, source.serverMajor);
  if (lost.length + gained.length > 0) {
    const judged = (grant: Grant, lacks: boolean): Judgement => {
      if (kind === "database") return databaseRight(grant, lacks, twin, by.context);
      return (lacks ? by.judge?.lost(grant) : by.judge?.gained(grant)) ?? by.failed;
    };
    const lacks = new Set(lost);
    return judgeEach(twin, [...lost, ...gained], (grant) => judged(grant, lacks.has(grant))).map(
      ([judgement, grants]) => ({
        ...base,
        detail: grantsDetail(
          grants.filter((grant) => lacks.has(grant)),
          grants.filter((grant) => !lacks.has(grant)),
        ),
        ...judgement,
      }),
    );
  }
  if (by.judge === undefined && kind !== "database" && otherGrantors(object, twin, source.serverMajor)) {
    const why = "nobody has more or less; who may take it back is another";
    return [{ ...base, detail: "the same rights, given by other roles", verdict: "expected", why }];
  }
  return [];
}

/** The database is the target's own, and so are the rights of its owner and of the platform; nobody else's are. */
function databaseRight(grant: Grant, lacks: boolean, twin: InventoryObject, { platform }: CompareContext): Judgement {
  const known = platform?.target.state(platformKey(twin))?.rights.has(rightOf(grant)) ?? false;
  const own = grant.grantee === twin.owner || (platform !== undefined && isPlatformOwner(grant.grantee));
  if (lacks || known || own) return { verdict: "expected", why: "the database is the target's own" };
  return { verdict: "failed", why: "the set does not give it" };
}

/** Why another definition is nothing to worry about, whoever the object belongs to. */
function otherDefinition(
  object: InventoryObject,
  twin: InventoryObject,
  sides: Sides,
  context: CompareContext,
): Judgement | undefined {
  const deliberate = context.deliberate.get(objectKey(object));
  if (deliberate !== undefined) return { verdict: "expected", why: deliberate };
  if (isBuiltIn(object)) return otherBuiltIn(object, twin);
  if (object.extension !== null) {
    return otherVersion(object.extension, sides) ? { verdict: "expected", why: versionOfExtension } : undefined;
  }
  if (!isExtension(object)) return undefined;
  if (definitionOf(object) === definitionOf(twin)) return { verdict: "expected", why: versionOfExtension };
  // Another version is the server's; a schema is not: what calls the extension's functions there finds none.
  const [was, is] = [schemaOf(object), schemaOf(twin)];
  return movedExtensions(sides).has(nameOf(object))
    ? { verdict: "failed", why: `it lies in ${is}: ALTER EXTENSION ${object.identity} SET SCHEMA ${was}` }
    : {
        verdict: "expected",
        why: `nothing of it lies in ${was}, where the source has it, or in ${is}, where it is here`,
      };
}

const schemaOf = (extension: InventoryObject): string => definitionOf(extension).replace("schema ", "");

/** Extensions whose members lie in another schema than in the set. */
export function movedExtensions({ source, target }: Sides): Set<string> {
  const here = new Map(target.objects.filter(isExtension).map((one) => [nameOf(one), schemaOf(one)]));
  const moved = new Map(
    source.objects
      .filter((one) => isExtension(one) && (here.get(nameOf(one)) ?? schemaOf(one)) !== schemaOf(one))
      .map((one) => [nameOf(one), bare(schemaOf(one))]),
  );
  const members = source.objects.filter(
    ({ extension, schema }) => schema !== null && moved.get(extension ?? "") === schema,
  );
  return new Set(members.flatMap(({ extension }) => extension ?? []));
}

/** Whoever makes a database or an extension owns it, and the extension's members with it. */
function ownerByMaking({ kind, extension, owner }: InventoryObject, { objects }: Inventory): Judgement | undefined {
  const made =
    kind === "extension" ||
    kind === "database" ||
    objects.some((one) => isExtension(one) && nameOf(one) === extension && one.owner === owner);
  return made ? { verdict: "expected", why: "whoever makes it owns it" } : undefined;
}

/** Why another owner is nothing to worry about, where it is not. */
function otherOwner(object: InventoryObject, twin: InventoryObject, context: CompareContext): Judgement | undefined {
  const supabase = context.platform !== undefined;
  if ((object.kind === "event trigger" || object.kind === "foreign-data wrapper") && !supabase) {
    return { verdict: "expected", why: `outside Supabase only a superuser may own ${article(object.kind)}` };
  }
  if (supabase && isPlatformOwner(object.owner) && twin.owner === "postgres") {
    return { verdict: "expected", why: "postgres may not give anything to a role of the platform" };
  }
  return undefined;
}

const article = (kind: string) => (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`);

/** The first line in which two definitions differ, both sides, from shortly before the place where they do. */
function firstDifference(wanted: string, present: string): string {
  const left = wanted.split("\n");
  const right = present.split("\n");
  const at = left.findIndex((line, index) => line !== right[index]);
  const line = at < 0 ? left.length : at;
  const [was, is] = [left[line]?.trim(), right[line]?.trim()];
  const same = commonLength(was ?? "", is ?? "");
  const begin = Math.max(0, same - 40);
  const cut = (text: string | undefined) => {
    if (text === undefined) return "(nothing)";
    const end = text.length > begin + 160 ? "…" : "";
    return `${begin > 0 ? "…" : ""}${text.slice(begin, begin + 160)}${end}`;
  };
  return `line ${line + 1}: ${cut(was)} in the set, ${cut(is)} here`;
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

/** Grants by what is to be said of them, with the statements that make it right. */
export function judgeEach(
  twin: InventoryObject,
  grants: readonly Grant[],
  judge: (grant: Grant) => Judgement,
): [Pick<Judgement, "verdict" | "why">, Grant[]][] {
  const groups = new Map<string, [Judgement, Grant[]]>();
  for (const grant of grants) {
    const judgement = judge(grant);
    const key = `${judgement.verdict} ${judgement.why} ${judgement.remedy}`;
    const group = groups.get(key) ?? [judgement, []];
    group[1].push(grant);
    groups.set(key, group);
  }
  return [...groups.values()].map(([{ verdict, why, remedy }, some]) => {
    const statements = remedy === undefined ? [] : rightsStatements(remedy, twin, some);
    const by = statements.length === 0 ? "" : `; as ${twin.owner ?? "its owner"}: ${statements.join("; ")}`;
    return [{ verdict, why: why + by }, some];
  });
}
