import { nameBehind, nameOnTable, parseQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { isManagedSchema, isPlatformObject } from "../../../postgres/platform-owned.ts";
import type { TargetFacts } from "../../target/target.ts";
import {
  builtInReach,
  isRoutine,
  lastName,
  type Reach,
  reach,
  reachOfExtension,
  type Uses,
  usesOf,
} from "./code-uses.ts";

/** What other code calls or reads this object by. */
interface Gives {
  readonly as: "call" | "name" | "operator" | "everything";
  readonly name: string;
  /** It takes one argument, so that `row.name` is a call too. */
  readonly one: boolean;
}

interface Node {
  readonly uses: Uses;
  readonly gives: readonly Gives[];
  readonly trusted: boolean;
  found: Reach;
}

/** Supabase's webhooks: the function that its triggers call (supabase/postgres, init-scripts). */
const webhook = "http_request";

const namedKinds = new Set(["foreign table", "materialized view", "table", "type", "view"]);
const ofTable = new Set(["domain constraint", "policy", "table constraint"]);
/** Postgres calls what these name without being told to in any text: whoever uses one may be anybody. */
const everywhere = new Set(["cast", "operator class", "operator family", "transform"]);

/**
 * Finds out what each object that runs code may reach, with everything that it calls, reads and writes, however often
 * over. Names are matched by their last part: a name that two objects share counts for both, so that what is told to
 * reach nothing provably does. Pure.
 *
 * @returns by object, those only that may reach something
 */
export function findReach(source: Inventory): Map<InventoryObject, Reach> {
  const untrusted = new Set(
    source.objects
      .filter(({ kind, definition }) => kind === "language" && !/^t/.test(definition))
      .map(({ identity }) => lastName(identity)),
  );
  const nodes = new Map(source.objects.map((object) => [object, nodeOf(object, untrusted)]));
  const known = new Known();
  for (const [name, kind] of builtInReach) known.add({ as: "call", name, one: true }, kind);
  for (let news = true; news; ) {
    news = false;
    for (const node of nodes.values()) {
      const found = node.found | known.reachOf(node);
      if (found === node.found && !node.gives.some((one) => known.lacks(one, found))) continue;
      node.found = found;
      for (const one of node.gives) known.add(one, found);
      news = true;
    }
  }
  return new Map([...nodes].flatMap(([object, { found }]) => (found === 0 ? [] : [[object, found] as const])));
}

/** Tables, `schema.table`, whose own code may reach something when a row is written: generated columns, checks, types. */
export function speakingTables(source: Inventory): ReadonlySet<string> {
  const names = [...findReach(source).keys()].flatMap(({ kind, identity }) => {
    const table = kind === "table" ? identity : kind === "table constraint" ? nameOnTable(identity)?.table : undefined;
    const parts = table === undefined ? undefined : parseQualified(table);
    return parts === undefined ? [] : [tableName(parts)];
  });
  return new Set(names);
}

function nodeOf(object: InventoryObject, untrusted: ReadonlySet<string>): Node {
  const uses = usesOf(object, untrusted);
  // What the platform's own code puts together as it runs stays inside the project (realtime.send, storage.search).
  const trusted = object.extension === null && isManagedSchema(object.schema) && isPlatformObject(object);
  const own = trusted ? uses.own & ~(reach.dynamic | reach.unknown) : uses.own;
  return { uses, gives: givesOf(object), trusted, found: own | outward(object) };
}

/** Schemas of the platform whose functions speak for what they reach, where no extension does. */
const platformReach = new Map([
  ["cron", reach.dynamic],
  ["net", reach.queue],
]);

/** What an object reaches, whatever its definition says. */
function outward(object: InventoryObject): Reach {
  if (object.schema === "supabase_functions" && lastName(object.identity) === webhook) return reach.queue;
  if (!isRoutine(object)) return 0;
  return object.extension === null ? (platformReach.get(object.schema ?? "") ?? 0) : reachOfExtension(object.extension);
}

function givesOf(object: InventoryObject): Gives[] {
  const { kind, identity, definition } = object;
  const named = (text: string | undefined): Gives[] =>
    text === undefined ? [] : [{ as: "name", name: lastName(text), one: false }];
  if (isRoutine(object)) {
    const parameters = /\((.*)\)$/s.exec(identity)?.[1] ?? "";
    return [{ as: "call", name: lastName(identity), one: parameters !== "" && !parameters.includes(",") }];
  }
  if (kind === "operator") return [{ as: "operator", name: lastName(identity), one: false }];
  if (everywhere.has(kind)) return [{ as: "everything", name: "", one: false }];
  // What goes into a parent may go into its child.
  if (namedKinds.has(kind)) return [...named(identity), ...parentsOf(definition).flatMap(named)];
  if (kind === "index") return named(nameBehind(" ON (?:ONLY )?", definition));
  if (kind === "table constraint" && definition.startsWith("FOREIGN KEY")) {
    return named(nameBehind(" REFERENCES ", definition));
  }
  return ofTable.has(kind) ? named(nameOnTable(identity)?.table) : [];
}

function parentsOf(definition: string): string[] {
  const [, parents] = /^(?:partition of|inherits) (.*?)(?: FOR VALUES .*| DEFAULT)?$/m.exec(definition) ?? [];
  return parents === undefined ? [] : parents.split(", ");
}

/** Names that are known to reach something. */
class Known {
  readonly #by = { call: new Map<string, Reach>(), name: new Map<string, Reach>(), operator: new Map<string, Reach>() };
  readonly #single = new Map<string, Reach>();
  #everything: Reach = 0;

  add({ as, name, one }: Gives, found: Reach): void {
    if (found === 0) return;
    if (as === "everything") this.#everything |= found;
    else this.#by[as].set(name, (this.#by[as].get(name) ?? 0) | found);
    if (as === "call" && one) this.#single.set(name, (this.#single.get(name) ?? 0) | found);
  }

  lacks({ as, name }: Gives, found: Reach): boolean {
    const before = as === "everything" ? this.#everything : (this.#by[as].get(name) ?? 0);
    return (found | before) !== before;
  }

  reachOf({ uses, trusted }: Node): Reach {
    let found = trusted ? 0 : this.#everything;
    const look = (names: Iterable<string>, where: ReadonlyMap<string, Reach>) => {
      for (const name of names) found |= where.get(name) ?? 0;
    };
    look(uses.calls, this.#by.call);
    look(uses.dotted, this.#single);
    look(uses.names, this.#by.name);
    if (this.#by.operator.size > 0) {
      for (const [sign, kind] of this.#by.operator) if (uses.operators.some((one) => one.includes(sign))) found |= kind;
    }
    return trusted ? found & ~(reach.dynamic | reach.unknown) : found;
  }
}

const ofRows = new Set(["domain constraint", "table", "table constraint"]);

/**
 * Functions that PostgreSQL runs as whoever loads rows, and not as an owner: those of generated columns, checks, domains
 * and partition keys. Indexes, materialised views and statistics run theirs as their table's owner, and are not among
 * them. Those that others call are not followed: they are what the first one lets run. Pure.
 *
 * @returns a line each, without those that the restorer's own role made
 */
export function runsAsRestorer(source: Inventory, { role, supabase }: TargetFacts): string[] {
  const routines = Map.groupBy(
    source.objects.filter((one) => isRoutine(one) && one.extension === null && !isPlatforms(one, supabase)),
    ({ identity }) => lastName(identity),
  );
  return source.objects
    .filter((object) => ofRows.has(object.kind) && object.extension === null && !isPlatforms(object, supabase))
    .flatMap((object) => {
      const { calls, dotted } = usesOf(withoutDefaults(object), new Set());
      const called = [...new Set([...calls, ...dotted])].flatMap((name) => routines.get(name) ?? []);
      const strange = called.filter(({ owner }) => owner !== role);
      return strange.length === 0
        ? []
        : [
            `${object.kind} ${object.identity} by ${strange.map(({ identity, owner }) => `${identity} of ${owner}`).join(", ")}`,
          ];
    });
}

const isPlatforms = (object: InventoryObject, supabase: boolean): boolean =>
  supabase && isManagedSchema(object.schema) && isPlatformObject(object);

/** No default is asked for a row that brings its values. */
function withoutDefaults(object: InventoryObject): InventoryObject {
  if (object.kind !== "table") return object;
  const lines = object.definition.split("\n").filter((line) => / generated s default |^partition by /.test(line));
  return { ...object, definition: lines.join("\n") };
}

/** What it means that this role restores, for a person to know before; undefined where nobody else's code runs. */
export function whatRunsAs(source: Inventory, facts: TargetFacts): string | undefined {
  const lines = runsAsRestorer(source, facts);
  const most = 12;
  const rest = lines.length > most ? `; and ${lines.length - most} more` : "";
  const list = lines.length === 0 ? "none in this set" : lines.slice(0, most).join("; ") + rest;
  if (facts.superuser) {
    return (
      `${facts.role} is a superuser: code of the source that PostgreSQL runs as whoever loads rows can do anything on this ` +
      `server, programs included (${list}). For a source that you don't trust, restore as a role that is none: ` +
      "runbooks/restore-without-superuser.md."
    );
  }
  return lines.length === 0 ? undefined : `Runs as ${facts.role} while rows come in, although others made it: ${list}.`;
}
