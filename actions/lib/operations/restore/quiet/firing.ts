import type { InventoryObject } from "../../../postgres/inventory/model.ts";

/** Something that would run by itself in a copy and may speak to others from there. */
export interface Outbound {
  readonly object: InventoryObject;
  readonly what: string;
  /**
   * `off`: made, and switched off in the same transaction. `left out`: not made, because nobody could switch it off: on a
   * view Postgres does not know that, on a platform's table only the platform may; or because it would run while the copy
   * is made. `empty`: made, and not filled. `later`: a table whose generated columns are computed later.
   */
  readonly how: "off" | "left out" | "empty" | "later";
  readonly switchOff: string | undefined;
  /** One statement that makes it what it was. */
  readonly switchOn: string;
}

/** In which sessions something fires: `enabled` in all but those of replication. */
export type FiringState = "enabled" | "disabled" | "always" | "replica";

export const enable = (state: FiringState): string =>
  state === "always" || state === "replica" ? `ENABLE ${state.toUpperCase()}` : "ENABLE";

/** @param name quoted where needed */
export function switchOnEventTrigger(name: string, state: FiringState): string {
  return `ALTER EVENT TRIGGER ${name} ${enable(state)};`;
}

const letters = { enabled: "O", disabled: "D", always: "A", replica: "R" } as const;

/** As the catalogues have it. */
export const stateLetter = (state: FiringState): string => letters[state];

const states = new Map<string, FiringState>([
  ["D", "disabled"],
  ["A", "always"],
  ["R", "replica"],
]);

/** How the inventory writes in which sessions a trigger, rule or event trigger fires, and its definition without that. */
export function firingOf({ kind, definition }: InventoryObject): {
  readonly text: string;
  readonly state: FiringState;
} {
  if (kind === "trigger") {
    const [, text, state] = /^(.*) (disabled|always|replica)$/s.exec(definition) ?? [];
    if (text !== undefined && (state === "disabled" || state === "always" || state === "replica"))
      return { text, state };
    return { text: definition, state: "enabled" };
  }
  const [, before, letter, tags] = /^(.*) enabled ([ODAR])( tags .*)?$/s.exec(definition) ?? [];
  if (before === undefined) return { text: definition, state: "enabled" };
  return { text: before + (tags ?? ""), state: states.get(letter ?? "") ?? "enabled" };
}

/** The definition that something would have, were it switched on as it was at the source. */
export function switchedOn(twin: InventoryObject, source: InventoryObject): string {
  const { state } = firingOf(source);
  switch (twin.kind) {
    case "materialized view":
      return twin.definition.replace(/^not populated$/m, "populated");
    case "trigger":
      return state === "enabled" ? firingOf(twin).text : `${firingOf(twin).text} ${state}`;
    case "rule":
      return state === "enabled" ? firingOf(twin).text : twin.definition.replace(/D$/, stateLetter(state));
    default:
      return twin.definition.replace(
        / enabled D( tags .*)?$/s,
        (_, tags = "") => ` enabled ${stateLetter(state)}${tags}`,
      );
  }
}
