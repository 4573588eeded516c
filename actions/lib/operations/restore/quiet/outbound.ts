import { ConfigurationError } from "../../../base/errors.ts";
import type { Difference } from "../../../compare/difference.ts";
import { nameOnTable, parseQualified, tableName } from "../../../postgres/identifier.ts";
import type { Inventory, InventoryObject } from "../../../postgres/inventory/model.ts";
import { byKey, objectKey } from "../../../postgres/inventory/object-query.ts";
import { isManagedSchema, isPlatformObject } from "../../../postgres/platform-owned.ts";
import { isRoutine, lastName, type Reach, reach, usesOf } from "./code-uses.ts";
import { enable, type FiringState, firingOf, type Outbound, switchedOn } from "./firing.ts";
import { findReach } from "./may-call-out.ts";
import {
  asIfFilled,
  atOnce,
  generatedLater,
  keysThatSpeak,
  leftOutWhileFilling,
  type StandIn,
  standIns,
} from "./while-filling.ts";

export interface QuietPlan {
  readonly outbound: readonly Outbound[];
  /** Whether requests of pg_net are to be held back also when the restore has ended. */
  readonly holdsRequests: boolean;
  /** Functions that do nothing while rows come in. */
  readonly standIns: readonly StandIn[];
  /** Partitioned tables whose rows cannot be put into their places without calling out. */
  readonly speakingKeys: readonly InventoryObject[];
}

/**
 * What has to stay off in a copy: triggers, rules and event triggers that may call out, unless they provably cannot, and
 * materialised views whose filling may. Follows from the source's inventory alone. Pure.
 *
 * @param supabase whether the target is a Supabase project, whose platform owns its tables
 */
export function planQuiet(source: Inventory, supabase: boolean): QuietPlan {
  const found = findReach(source);
  const views = new Set(source.objects.filter(({ kind }) => kind === "view").map((one) => one.identity));
  const populated = new Set(
    source.objects
      .filter(({ kind, definition }) => kind === "materialized view" && /^populated$/m.test(definition))
      .map((one) => one.identity),
  );
  // Where nothing can speak to the outside, a text that is put together as it runs cannot either; a superuser always can
  // (COPY … TO PROGRAM).
  const open = !supabase || [...found.values()].some((one) => (one & (reach.direct | reach.unknown)) !== 0);
  const soon = atOnce(found, open);
  const members = new Set(
    source.objects
      .filter((object) => isRoutine(object) && object.extension !== null)
      .map(({ identity, extension }) => `${extension} ${lastName(identity)}`),
  );
  // Not what people have put on an extension's tables: that calls other functions than the extension's.
  const isExtensionsOwn = (object: InventoryObject): boolean =>
    object.extension !== null &&
    [...usesOf(object, new Set()).calls].every((name) => members.has(`${object.extension} ${name}`));
  const outbound = source.objects.flatMap((object) => {
    const may = found.get(object) ?? 0;
    if (may === 0 || isExtensionsOwn(object)) return [];
    // The platform's own give rights to what it makes, and come with every project.
    if (object.kind === "event trigger" && isPlatformObject(object)) return [];
    if (object.kind === "trigger" || object.kind === "rule") return ofTriggerOrRule(object, views, supabase);
    if (object.kind === "event trigger") return ofEventTrigger(object);
    if (isCheck(object)) return (may & soon) === 0 ? [] : ofCheck(object);
    if ((may & soon) !== 0 && !isPlatformObject(object)) {
      const waiting = leftOutWhileFilling(object);
      if (waiting !== undefined) return [waiting];
    }
    return object.kind === "materialized view" && populated.has(object.identity) && (open || callsForSure(may))
      ? [ofMaterializedView(object)]
      : [];
  });
  const empty = outbound.filter(({ how }) => how === "empty");
  const others = outbound.filter(({ how }) => how !== "empty");
  const still = standIns(source, found, soon);
  return {
    outbound: [...others, ...generatedLater(source, still), ...inOrderOfUse(empty)],
    standIns: still,
    speakingKeys: keysThatSpeak(source, found),
    holdsRequests: [...found].some(([object, may]) => stillSpeaks(object, may)),
  };
}

/** @throws ConfigurationError `set-calls-out` */
export function refuseSpeakingKeys({ speakingKeys }: QuietPlan): void {
  if (speakingKeys.length === 0) return;
  throw new ConfigurationError(
    "set-calls-out",
    `Functions that may call out decide which partition a row belongs to: ${speakingKeys.map(({ identity }) => identity).join(", ")}. Nothing has been written.`,
    "Follow the set's RECOVER.md on a machine that reaches nothing but its own database.",
  );
}

/** Materialised views so that one comes behind those that it reads: each can be filled when its turn comes. */
function inOrderOfUse(views: readonly Outbound[]): Outbound[] {
  const ordered: Outbound[] = [];
  let left = views.map((view) => {
    const { names } = usesOf(view.object, new Set());
    return { view, name: lastName(view.object.identity), names };
  });
  while (left.length > 0) {
    const waiting = left.filter((one) => left.some(({ name, view }) => view !== one.view && one.names.has(name)));
    const ready = waiting.length === left.length ? left : left.filter((one) => !waiting.includes(one));
    ordered.push(...ready.map(({ view }) => view));
    left = left.filter((one) => !ready.includes(one));
  }
  return ordered;
}

/** Code of the user's that stays on: it runs when a row is written or read, or when somebody calls it. */
function stillSpeaks(object: InventoryObject, may: Reach): boolean {
  if (object.extension !== null || isPlatformObject(object) || isManagedSchema(object.schema)) return false;
  return object.kind === "table" || object.kind === "view" || (isRoutine(object) && (may & reach.queue) !== 0);
}

/** The source without the materialised views that stay empty in the copy. Pure. */
export function withoutEmpty(source: Inventory, outbound: readonly Outbound[]): Inventory {
  const empty = new Set(
    outbound.flatMap(({ object, how }) => {
      const name = how === "empty" ? parseQualified(object.identity) : undefined;
      return name === undefined ? [] : [tableName(name)];
    }),
  );
  return { ...source, materializedViews: source.materializedViews.filter((view) => !empty.has(tableName(view))) };
}

const callsForSure = (may: Reach) => (may & (reach.queue | reach.direct)) !== 0;

function ofTriggerOrRule(object: InventoryObject, views: ReadonlySet<string>, supabase: boolean): Outbound[] {
  const parts = nameOnTable(object.identity);
  const { text, state } = firingOf(object);
  if (parts === undefined || state === "disabled") return [];
  const what = `${object.kind} ${object.identity}`;
  if (views.has(parts.table) || (supabase && isManagedSchema(object.schema))) {
    const switchOn = object.kind === "rule" ? text : `${text};`;
    return [{ object, what, how: "left out", switchOff: undefined, switchOn }];
  }
  const word = object.kind.toUpperCase();
  return [{ object, what, ...switching(`ALTER TABLE ${parts.table}`, state, `${word} ${parts.name}`) }];
}

function ofEventTrigger(object: InventoryObject): Outbound[] {
  const { state } = firingOf(object);
  if (state === "disabled") return [];
  const what = `event trigger ${object.identity}`;
  return [{ object, what, ...switching(`ALTER EVENT TRIGGER ${object.identity}`, state, "") }];
}

const isCheck = ({ kind, definition }: InventoryObject) => / constraint$/.test(kind) && definition.startsWith("CHECK ");

/** It would be asked of every row that is loaded. What it sends by pg_net is held back; what it does at once is not. */
function ofCheck(object: InventoryObject): Outbound[] {
  const parts = nameOnTable(object.identity);
  if (parts === undefined) return [];
  const alter = `ALTER ${object.kind === "domain constraint" ? "DOMAIN" : "TABLE"} ${parts.table}`;
  const text = object.definition.replace(/( inherited)?( no inherit)?$/, "");
  const switchOn = `${alter} ADD CONSTRAINT ${parts.name} ${text};`;
  const switchOff = `${alter} DROP CONSTRAINT IF EXISTS ${parts.name};\n`;
  return [{ object, what: `check ${object.identity}`, how: "left out", switchOff, switchOn }];
}

/** Checks that are taken off before any row comes, with what does that; a child's goes with its parent's. */
export function checksOff(outbound: readonly Outbound[]): readonly Outbound[] {
  return outbound.filter(({ object }) => isCheck(object) && !isPartOfParent(object));
}

/** What goes off and on with its parent's: a partition's trigger, a child's check. */
export function isPartOfParent({ kind, definition, listed, extension }: InventoryObject): boolean {
  if (extension !== null) return false;
  return kind === "trigger" ? !listed : / constraint$/.test(kind) && / inherited( no inherit)?$/.test(definition);
}

function ofMaterializedView(object: InventoryObject): Outbound {
  const switchOn = `REFRESH MATERIALIZED VIEW ${object.identity};`;
  return { object, what: `materialized view ${object.identity}`, how: "empty", switchOff: undefined, switchOn };
}

function switching(alter: string, state: FiringState, what: string): Pick<Outbound, "how" | "switchOff" | "switchOn"> {
  const name = what === "" ? "" : ` ${what}`;
  return { how: "off", switchOff: `${alter} DISABLE${name};\n`, switchOn: `${alter} ${enable(state)}${name};` };
}

/**
 * A target in which what was switched off on purpose is as it was at the source, so that everything else about it is
 * compared as ever, and what is to be said of it. Pure.
 */
export function asIfOn(
  target: Inventory,
  outbound: readonly Outbound[],
): { readonly target: Inventory; readonly off: readonly Outbound[]; readonly differences: readonly Difference[] } {
  const present = byKey(target.objects);
  const instead = new Map<InventoryObject, InventoryObject>();
  const added: InventoryObject[] = [];
  const differences: Difference[] = [];
  const found: Outbound[] = [];
  for (const one of outbound) {
    const { object, how } = one;
    const twin = present.get(objectKey(object));
    // Whether its values are there, the comparison of contents finds out.
    if (how === "later" && twin !== undefined) instead.set(twin, asIfFilled(twin, object));
    if (how === "later") continue;
    const off = twin === undefined ? how === "left out" : how === "empty" ? isEmpty(twin) : isDisabled(twin);
    if (!off) continue;
    found.push(one);
    if (twin === undefined) added.push(object);
    else instead.set(twin, { ...twin, definition: switchedOn(twin, object) });
    differences.push({
      ...{ kind: object.kind, identity: object.identity, aspect: twin === undefined ? "missing" : "definition" },
      ...{ detail: twin === undefined ? "left out" : how === "empty" ? "not filled" : "switched off" },
      ...{ verdict: "expected", why: whyOff(one) },
    });
  }
  const objects = [...target.objects.map((object) => instead.get(object) ?? object), ...added];
  return { target: { ...target, objects }, off: found, differences };
}

/** What is told of generated values that are not computed yet, in the place of that they differ. Pure. */
export function asLater(
  differences: readonly Difference[],
  outbound: readonly Outbound[],
): { readonly off: readonly Outbound[]; readonly differences: readonly Difference[] } {
  const later = new Map(
    outbound.flatMap((one) => {
      const name = one.how === "later" ? parseQualified(one.object.identity) : undefined;
      return name === undefined ? [] : [[tableName(name), one] as const];
    }),
  );
  const waiting = ({ kind, aspect, detail, identity }: Difference) =>
    kind === "table" && aspect === "rows" && detail.startsWith("generated column ") ? later.get(identity) : undefined;
  const off = new Set(differences.flatMap((one) => waiting(one) ?? []));
  return {
    off: [...off],
    differences: differences.map((one) => {
      const found = waiting(one);
      return found === undefined ? one : { ...one, why: `${found.what}: ${whyOff(found)}` };
    }),
  };
}

const whyOff = ({ how, switchOn }: Outbound) =>
  how === "later"
    ? `not computed, because that may call out; computed with: ${switchOn}`
    : `switched off, because it may call out; on again with: ${switchOn}`;

const isDisabled = (twin: InventoryObject) => firingOf(twin).state === "disabled";
const isEmpty = (twin: InventoryObject) => /^not populated$/m.test(twin.definition);
