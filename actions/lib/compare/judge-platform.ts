import type { Grant, InventoryObject } from "../postgres/inventory/model.ts";
import { isBuiltIn } from "../postgres/inventory/object-query.ts";
import { isPlatformOwner } from "../postgres/platform-owned.ts";
import { componentOf, definitionOf, hashOf, platformKey, rightOf } from "../supabase/platform/fact.ts";
import { isBornWith, type Platform } from "../supabase/platform/platform.ts";
import type { Verdict } from "./difference.ts";
import type { OtherWords } from "./other-words/other-words.ts";

/** What is known beside the two inventories. */
export interface CompareContext {
  /** What belongs to the target's platform and what a new project has, beside this very source; undefined on plain PostgreSQL. */
  readonly platform: Platform | undefined;
  /** Why things that were tried did not work, by object key: an SQLSTATE with its meaning. */
  readonly failures: ReadonlyMap<string, string>;
  /** What differs in words only. */
  readonly words: OtherWords;
  /** Differences that a restore makes on purpose, by object key, e.g. a webhook that was switched off. */
  readonly deliberate: ReadonlyMap<string, string>;
  /** Extensions that the target does not have. */
  readonly unavailableExtensions: ReadonlySet<string>;
  /** Roles that every database of the server has: its first superuser, and the one that restores. */
  readonly makers: ReadonlySet<string>;
  /** Schemas that came with an extension, and the extension. */
  readonly extensionSchemas: ReadonlyMap<string, string>;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly why: string;
  /** What the owner of the object does to make it right. */
  readonly remedy?: "grant" | "revoke";
}

const expected = (why: string): Judgement => ({ verdict: "expected", why });
const failed = (why: string): Judgement => ({ verdict: "failed", why });
const unverified = (why: string): Judgement => ({ verdict: "unverified", why });

const ownVersion = "the platform has it in the target's version; a new project has the same";
const unknownNewer =
  "the target's platform is newer than what this Lifeboat knows; record a new project of that version (scripts/record-platform.ts)";
const foreign = "neither the set nor a new project of any known version has it so";

/** As which the platform's servers come in from outside. */
const logins = new Set(["authenticator", "pgbouncer"]);

const alsoToGive = "here it may be passed on, too";
const everybodyHad = "in the set everybody may do this";
const ownersOwn = "an owner has every right that it gives itself";

/** What can't let anybody in or run by itself: a newer platform may have more of it. */
const passiveKinds = new Set([
  "domain constraint",
  "index",
  "sequence",
  "statistics object",
  "table",
  "table constraint",
  "type",
]);

/**
 * What differs of an object that the platform owns, judged beside the new project that the target and the source are
 * nearest to. `object` is the set's, undefined where only the target has it. Pure.
 */
export class PlatformJudge {
  readonly #platform: Platform;
  readonly #object: InventoryObject | undefined;
  readonly #twin: InventoryObject;
  readonly #key: string;
  readonly #open: boolean;

  constructor(platform: Platform, object: InventoryObject | undefined, twin: InventoryObject) {
    this.#platform = platform;
    this.#object = object;
    this.#twin = twin;
    this.#key = platformKey(twin);
    this.#open = platform.target.isOpen(componentOf(twin.schema));
  }

  /** The target's definition is another than the set's, or there is none in the set. */
  definition(): Judgement {
    const { kind } = this.#twin;
    if (this.#twin.extension !== null)
      return failed("the extension makes it otherwise; it was changed in one of the two");
    const text = hashOf(definitionOf(this.#twin));
    const states = this.#platform.baseline.states(this.#key);
    const present = this.#platform.target.state(this.#key);
    const isNew = present === undefined ? states.some((one) => one.definition === text) : present.definition === text;
    const exact = this.#platform.target.isExact(componentOf(this.#twin.schema));
    const older =
      !this.#opensRows() && (!exact || kind === "function") && states.some((one) => one.definition === text);
    if (isNew || (older && kind !== "trigger")) return this.#changedAtSource(states.map((one) => one.definition));
    if (!this.#open) return failed(foreign);
    if (kind === "policy" || this.#opensRows()) return failed(foreign);
    return passiveKinds.has(kind) ? expected(unknownNewer) : unverified(unknownNewer);
  }

  #changedAtSource(known: readonly string[]): Judgement {
    if (this.#object === undefined || known.includes(hashOf(definitionOf(this.#object)))) return expected(ownVersion);
    return failed(
      `it was changed at the source; here it is a new project's, and only its owner (${this.#twin.owner ?? "the platform"}) may change it`,
    );
  }

  /** Row security is off, where the set or any new project of that version has it on. */
  #opensRows(): boolean {
    return (
      this.#twin.kind === "table" &&
      this.#object !== undefined &&
      hasRowSecurity(this.#object) &&
      !hasRowSecurity(this.#twin)
    );
  }

  owner(): Judgement {
    const { owner, extension } = this.#twin;
    const present = this.#platform.target.state(this.#key);
    if (present !== undefined ? present.owner === owner : this.#knownOwners().has(owner)) return expected(ownVersion);
    if (extension !== null && isPlatformOwner(owner)) return expected("whoever makes it owns it");
    return this.#open && isPlatformOwner(owner) ? expected(unknownNewer) : failed(foreign);
  }

  #knownOwners(): Set<string | null> {
    return new Set(this.#platform.baseline.states(this.#key).map((one) => one.owner));
  }

  /** Rights that the set has and the target lacks. */
  lost(grant: Grant): Judgement {
    const right = rightOf(grant);
    if (this.#twin.grants?.some((one) => rightOf(one) === `${right}*`)) return expected(alsoToGive);
    const present = this.#platform.target.state(this.#key);
    const before = this.#platform.source?.state(this.#key);
    if (before?.rights.has(right) && !present?.rights.has(right)) return expected(ownVersion);
    if (grant.grantee === this.#twin.owner) return expected(ownersOwn);
    // Postgres gave it to all as the extension was made; a project that has webhooks takes pg_net's back.
    if (present !== undefined && !present.rights.has(right) && isBornWith(this.#twin, grant))
      return expected(ownVersion);
    const toPlatform = isPlatformOwner(grant.grantee) || grant.grantee === "postgres";
    if (toPlatform && !present?.rights.has(right)) return expected("rights among the platform's own roles are its own");
    if (present?.rights.has(right))
      return { ...failed("a new project gives it, and here somebody took it away"), remedy: "grant" };
    const initial = isBuiltIn(this.#twin) && this.#twin.initial.some((one) => rightOf(one) === right);
    return {
      ...failed(initial ? "PostgreSQL gives it, and here somebody took it away" : "it was given at the source"),
      remedy: "grant",
    };
  }

  /** Rights that the target has and the set lacks. */
  gained(grant: Grant): Judgement {
    const right = rightOf(grant);
    if (grant.grantee === this.#twin.owner) return expected(ownersOwn);
    // Whoever owns it in the set has as the owner what is given to him here.
    if (this.#object?.grants?.some((one) => rightOf(one) === right)) return expected(ownVersion);
    const present = this.#platform.target.state(this.#key);
    const before = this.#platform.source?.state(this.#key);
    const born = isBornWith(this.#twin, grant);
    if (present?.rights.has(right) ?? born) {
      const everybodys = rightOf({ ...grant, grantee: "" });
      if (this.#object?.grants?.some((one) => rightOf(one) === everybodys)) return expected(everybodyHad);
      const tookAway = this.#object !== undefined && (before === undefined ? born : before.rights.has(right));
      return tookAway
        ? { ...failed("it was taken away at the source, and a new project gives it"), remedy: "revoke" }
        : expected(ownVersion);
    }
    if (this.#isAmongPlatforms(grant)) return expected("rights among the platform's own roles are its own");
    if (this.#twin.extension !== null && grant.grantee === "postgres")
      return expected("whoever makes it has the rights on it");
    if (isBuiltIn(this.#twin) && this.#twin.initial.some((one) => rightOf(one) === right))
      return { ...failed("it was taken away at the source, and PostgreSQL gives it"), remedy: "revoke" };
    return { ...failed("whoever may do this here may not in the set, nor in a new project"), remedy: "revoke" };
  }

  /** Nobody outside comes by it: not by a login of the platform, not by a role that Postgres has for everybody to give. */
  #isAmongPlatforms(grant: Grant): boolean {
    const { grantee } = grant;
    if (isBuiltIn(this.#twin)) {
      const states = this.#platform.baseline.states(this.#key);
      return grantee.startsWith("supabase_") || states.some(({ rights }) => rights.has(rightOf(grant)));
    }
    const open = logins.has(grantee) || (grantee.startsWith("pg_") && this.#twin.extension === null);
    return isPlatformOwner(grantee) && (!open || this.#open);
  }

  comment(): Judgement {
    const states = this.#platform.baseline.states(this.#key);
    const knows = (object: InventoryObject) => states.some((one) => one.comment === hashOf(object.comment ?? ""));
    if (this.#twin.extension !== null || (this.#open && states.length === 0)) return expected(ownVersion);
    const kept = this.#object === undefined || this.#object.comment === null || knows(this.#object);
    return kept && (this.#twin.comment === null || knows(this.#twin)) ? expected(ownVersion) : failed(foreign);
  }
}

/** Only the set has it: whether the target's version has it, too. */
export function judgeMissing(platform: Platform, object: InventoryObject): Judgement {
  const key = platformKey(object);
  if (platform.target.state(key) !== undefined) return failed("a new project of the target's version has it");
  return expected(
    platform.target.isOpen(componentOf(object.schema))
      ? unknownNewer
      : "the target's version of the platform does not have it",
  );
}

/** Only the target has it, and no known new project: a newer platform may have what gives nobody anything. */
export function judgeStranger(platform: Platform, twin: InventoryObject): Judgement {
  const owned = twin.owner === null || isPlatformOwner(twin.owner);
  if (!platform.target.isOpen(componentOf(twin.schema)) || !owned || twin.kind === "policy") {
    return failed("neither the set nor a new project has it");
  }
  const shut = (twin.grants ?? []).every(({ grantee }) => isPlatformOwner(grantee) || grantee === "postgres");
  return passiveKinds.has(twin.kind) && shut ? expected(unknownNewer) : unverified(unknownNewer);
}

function hasRowSecurity({ definition }: InventoryObject): boolean {
  return /^row level security$/m.test(definition);
}
