import type { Inventory, InventoryObject } from "../source/inventory/model.ts";
import { objectKey } from "../source/inventory/object-key.ts";
import { isManagedSchema } from "../source/platform.ts";

/** A trigger that calls out to other systems, and how it is switched off and on. */
export interface OutboundTrigger {
  readonly object: InventoryObject;
  /** Undefined where it cannot be switched off: on a table of the platform's. */
  readonly switchOff: string | undefined;
  readonly switchOn: string | undefined;
}

/** Supabase's database webhooks are triggers on this function; others call pg_net or http by themselves. */
const webhook = "supabase_functions.http_request(";
const callsOut = /\b(net\.http_(get|post|delete)|extensions\.http(_\w+)?|http_(get|post|put|patch|delete))\s*\(/i;

/** Name and table of `name on schema.table`, both quoted where needed: the last ` on ` before a qualified name. */
const identity = /^(?<name>.*) on (?<table>(?:"(?:[^"]|"")*"|[^\s."]+)\.(?:"(?:[^"]|"")*"|[^\s."]+))$/s;

/**
 * Finds the triggers that would send something to the outside. They are restored, but switched off: a restored copy must
 * not speak to the world until somebody says so. Pure.
 */
export function outboundTriggers(source: Inventory): OutboundTrigger[] {
  const functions = source.objects
    .filter((object) => object.kind === "function" && callsOut.test(object.definition))
    .map((object) => object.identity.slice(0, object.identity.lastIndexOf("(") + 1));
  const targets = [webhook, ...functions].map((name) => `EXECUTE FUNCTION ${name}`);
  return source.objects
    .filter(
      (object) => object.kind === "trigger" && object.extension === null && !object.definition.endsWith(" disabled"),
    )
    .filter((object) => targets.some((text) => object.definition.includes(text)))
    .map((object) => describe(object));
}

/** The parts of an identity like `name on schema.table`, as they stand in a statement. */
export function nameOnTable(text: string): { readonly name: string; readonly table: string } | undefined {
  const parts = identity.exec(text)?.groups;
  const { name, table } = parts ?? {};
  return name === undefined || table === undefined ? undefined : { name, table };
}

function describe(object: InventoryObject): OutboundTrigger {
  const parts = nameOnTable(object.identity);
  if (parts === undefined || isManagedSchema(object.schema))
    return { object, switchOff: undefined, switchOn: undefined };
  const state = object.definition.endsWith(" always")
    ? " ALWAYS"
    : object.definition.endsWith(" replica")
      ? " REPLICA"
      : "";
  const table = `ALTER TABLE ${parts.table}`;
  return {
    object,
    switchOff: `${table} DISABLE TRIGGER ${parts.name};\n`,
    switchOn: `${table} ENABLE${state} TRIGGER ${parts.name};`,
  };
}

/** For the comparison: the triggers that differ on purpose, by object key. */
export function deliberateDifferences(triggers: readonly OutboundTrigger[]): Map<string, string> {
  return new Map(
    triggers
      .filter((trigger) => trigger.switchOff !== undefined)
      .map((trigger) => [
        objectKey(trigger.object),
        `switched off, because it calls out; on again with: ${trigger.switchOn}`,
      ]),
  );
}
