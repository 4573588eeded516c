import { bare } from "../source/identifier.ts";
import type { Grant, Inventory, InventoryObject } from "../source/inventory/model.ts";
import { byKey, grantText, objectKey } from "../source/inventory/object-key.ts";
import { isOwnObject } from "../source/own-schemas.ts";
import { isPlatformObject, isPlatformOwner } from "../source/platform.ts";
import type { Difference } from "./difference.ts";
import type { OtherWords } from "./other-words.ts";

/** What is known beside the two inventories. */
export interface CompareContext {
  /** The target is a Supabase project: its platform has objects of its own, in its own version. */
  readonly supabase: boolean;
  /** Why things that were tried did not work, by object key: an SQLSTATE with its meaning. */
  readonly failures: ReadonlyMap<string, string>;
  /** What differs in words only. */
  readonly words: OtherWords;
  /** Differences that a restore makes on purpose, by object key, e.g. a webhook that was switched off. */
  readonly deliberate: ReadonlyMap<string, string>;
  /** Extensions that the target does not have. */
  readonly unavailableExtensions: ReadonlySet<string>;
  /** Schemas that came with an extension, and the extension. */
  readonly extensionSchemas: ReadonlyMap<string, string>;
}

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

const ownVersion = "the target project's platform has it in its own version";

/** Compares all objects by identity and definition, and what hangs on them: owner, grants, comment. */
export function compareObjects(source: Inventory, target: Inventory, context: CompareContext): Difference[] {
  const found = byKey(target.objects);
  const differences: Difference[] = [];
  for (const object of source.objects) {
    if (isOwnObject(object)) continue;
    const twin = found.get(objectKey(object));
    if (twin === undefined) differences.push(missing(object, context));
    else differences.push(...compareTwins(object, twin, source, context));
  }
  const wanted = byKey(source.objects);
  for (const object of target.objects) {
    if (!wanted.has(objectKey(object)) && !isOwnObject(object)) differences.push(extra(object, context));
  }
  return differences;
}

function missing(object: InventoryObject, context: CompareContext): Difference {
  const base = {
    kind: object.kind,
    identity: object.identity,
    aspect: "missing" as const,
    detail: "not in the target",
  };
  const deliberate = context.deliberate.get(objectKey(object));
  if (deliberate !== undefined) return { ...base, verdict: "expected", why: deliberate };
  const extension = missingExtension(object, context);
  if (extension !== undefined) {
    return { ...base, verdict: "expected", why: `the target server has no extension ${extension}` };
  }
  if (context.supabase && isPlatformObject(object) && !isUsersOwn(object)) {
    return { ...base, verdict: "expected", why: context.failures.get(objectKey(object)) ?? ownVersion };
  }
  const refused = context.failures.get(objectKey(object));
  if (superuserKinds.has(object.kind) && refused?.startsWith("42501")) {
    return { ...base, verdict: "expected", why: "only a superuser may make it, and the restore has none here" };
  }
  return { ...base, verdict: "failed", why: context.failures.get(objectKey(object)) ?? "nothing was reported" };
}

/** The unavailable extension that an object is, belongs to, or lies in the schema of. */
function missingExtension(object: InventoryObject, context: CompareContext): string | undefined {
  const own = object.kind === "extension" ? bare(object.identity) : object.extension;
  const names = [own, context.extensionSchemas.get(object.schema ?? "")];
  return names.find((name) => typeof name === "string" && context.unavailableExtensions.has(name)) ?? undefined;
}

/** Policies and triggers on Supabase's tables are mostly the user's own, and `postgres` may create them. */
function isUsersOwn(object: InventoryObject): boolean {
  return object.extension === null && (object.kind === "policy" || object.kind === "trigger");
}

function extra(object: InventoryObject, context: CompareContext): Difference {
  const platform = context.supabase && isPlatformObject(object);
  return {
    kind: object.kind,
    identity: object.identity,
    aspect: "extra",
    detail: "in the target only",
    verdict: platform ? "expected" : "failed",
    why: platform ? ownVersion : "the set does not have it",
  };
}

function compareTwins(
  object: InventoryObject,
  twin: InventoryObject,
  source: Inventory,
  context: CompareContext,
): Difference[] {
  const key = objectKey(object);
  const platform = context.supabase && (isPlatformObject(object) || isPlatformObject(twin));
  const why = context.failures.get(key) ?? (platform ? ownVersion : "nothing was reported");
  const verdict = platform ? "expected" : "failed";
  const differences: Difference[] = [];
  const say = (aspect: Difference["aspect"], detail: string, over?: Pick<Difference, "verdict" | "why">) =>
    differences.push({ kind: object.kind, identity: object.identity, aspect, detail, verdict, why, ...over });
  if (object.definition !== twin.definition && !context.words.same.has(key)) {
    const deliberate = context.deliberate.get(key);
    const reason = deliberate ?? (object.kind === "extension" ? otherExtension(object, twin, source) : undefined);
    const known =
      reason !== undefined
        ? ({ verdict: "expected", why: reason } as const)
        : context.words.untold.has(key)
          ? ({ verdict: "unverified", why: "this server lets nobody try whether both mean the same" } as const)
          : undefined;
    say("definition", firstDifference(object.definition, twin.definition), known);
  }
  if (object.owner !== twin.owner) {
    const detail = `${object.owner ?? "nobody"} in the set, ${twin.owner ?? "nobody"} here`;
    say("owner", detail, otherOwner(object, context));
  }
  const grants = compareGrants(object, twin, source.serverMajor);
  if (grants !== undefined)
    say(
      "grants",
      grants,
      object.kind === "database" ? { verdict: "expected", why: "the database is the target's own" } : undefined,
    );
  else if (!platform && object.kind !== "database" && otherGrantors(object, twin, source.serverMajor)) {
    const reason = "nobody has more or less; who may take it back is another";
    say("grants", "the same rights, given by other roles", { verdict: "expected", why: reason });
  }
  if (object.comment !== twin.comment && object.kind !== "extension") {
    say("comment", twin.comment === null ? "has none here" : "has another here");
  }
  return differences;
}

/** Another version is the server's; a schema is not: what calls the extension's functions there finds none. */
function otherExtension(object: InventoryObject, twin: InventoryObject, source: Inventory): string | undefined {
  const place = ({ definition }: InventoryObject) => /^version .* schema (.*)$/.exec(definition)?.[1];
  const [was, is] = [place(object), place(twin)];
  if (was === is) return "the target server has another version of the extension";
  const name = object.identity;
  const used = source.objects.some((one) => one.extension === name && one.schema === was);
  return used ? undefined : `nothing of it lies in ${was}, where the source has it, or in ${is}, where it is here`;
}

/** Why another owner is nothing to worry about, where it is not. */
function otherOwner(object: InventoryObject, context: CompareContext): Pick<Difference, "verdict" | "why"> | undefined {
  if (object.kind === "extension" || object.kind === "database") {
    return { verdict: "expected", why: "whoever makes it owns it" };
  }
  if ((object.kind === "event trigger" || object.kind === "foreign-data wrapper") && !context.supabase) {
    return { verdict: "expected", why: `outside Supabase only a superuser may own ${article(object.kind)}` };
  }
  if (context.supabase && isPlatformOwner(object.owner)) {
    return { verdict: "expected", why: "postgres may not give anything to a role of the platform" };
  }
  return undefined;
}

const article = (kind: string) => (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`);

/** An object's grants as they are when somebody else owns it: what the owner had and gave, the new one has and gives. */
export function grantsUnder(object: InventoryObject, owner: string | null): Grant[] | null {
  if (object.grants === null || object.owner === null || owner === null) return object.grants;
  const renamed = (role: string) => (role === object.owner ? owner : role);
  return object.grants
    .filter((grant) => grant.grantee !== owner || object.owner === owner)
    .map((grant) => ({ ...grant, grantee: renamed(grant.grantee), grantor: renamed(grant.grantor) }));
}

/** Grants in the set only and in the target only, or undefined when they are the same; MAINTAIN exists from 17 on. */
export function compareGrants(object: InventoryObject, twin: InventoryObject, sourceMajor: number): string | undefined {
  const texts = (one: InventoryObject) =>
    new Set((one.grants ?? []).filter((grant) => sourceMajor >= 17 || grant.privilege !== "MAINTAIN").map(grantText));
  const wanted = texts({ ...object, grants: grantsUnder(object, twin.owner) });
  const present = texts(twin);
  const lost = [...wanted].filter((text) => !present.has(text));
  const gained = [...present].filter((text) => !wanted.has(text));
  if (lost.length + gained.length === 0) return undefined;
  return [...lost.map((text) => `lost ${text}`), ...gained.map((text) => `gained ${text}`)].join("; ");
}

/** Whether equal rights were given by other roles than in the set, the owner's part apart. */
function otherGrantors(object: InventoryObject, twin: InventoryObject, sourceMajor: number): boolean {
  const texts = (grants: readonly Grant[] | null) =>
    new Set(
      (grants ?? [])
        .filter((grant) => sourceMajor >= 17 || grant.privilege !== "MAINTAIN")
        .map((grant) => `${grantText(grant)} by ${grant.grantor}`),
    );
  const wanted = texts(grantsUnder(object, twin.owner));
  const present = texts(twin.grants);
  return wanted.size !== present.size || [...wanted].some((text) => !present.has(text));
}

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
