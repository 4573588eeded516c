import { bare } from "../postgres/identifier.ts";
import type { Grant, InventoryObject } from "../postgres/inventory/model.ts";
import { isPlatformOwner } from "../postgres/platform-owned.ts";
import type { Judgement } from "./judge-platform.ts";

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
