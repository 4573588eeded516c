import { quoteIdentifier } from "../source/identifier.ts";
import type { Inventory, InventoryObject } from "../source/inventory/model.ts";
import { statementOf } from "./run-steps.ts";
import type { Step } from "./toc-tables.ts";

/** SQLSTATE of a call that more than one function would answer. */
export const ambiguous = "42725";

/**
 * A step with a call that a second function of the same name made ambiguous: it came later and has defaults for what it takes
 * more (`f()` and `f(x default 1)`). An archive says which one the step depends on; in plain SQL it is the older one, since
 * nobody can write such a call when both are there. The others bear another name for the length of the transaction.
 * Undefined when the step calls none that has a namesake. Pure.
 */
export function withoutNamesakes(step: Step, source: Pick<Inventory, "objects">): string | undefined {
  const called = step.calls?.length ? step.calls : oldestNamed(step.entry.defn, source);
  const names = new Set(called.map(nameOf));
  const aside = source.objects.filter((one) => isRoutine(one) && names.has(nameOf(one)) && !called.includes(one));
  if (aside.length === 0) return undefined;
  const renames = aside.map((one, at) => {
    const [place = "", name = "", rest = ""] = partsOf(one);
    const other = `lifeboat_aside_${at}`;
    return {
      away: `ALTER ROUTINE ${place}${name}${rest} RENAME TO ${quoteIdentifier(other)};\n`,
      back: `ALTER ROUTINE ${place}${other}${rest} RENAME TO ${name};\n`,
    };
  });
  return [...renames.map(({ away }) => away), statementOf(step), ...renames.map(({ back }) => back)].join("");
}

function oldestNamed(text: string, source: Pick<Inventory, "objects">): readonly InventoryObject[] {
  const named = source.objects.filter((one) => isRoutine(one) && text.includes(`${nameOf(one)}(`));
  const byName = Map.groupBy(named, nameOf);
  return [...byName.values()].flatMap((some) => some.toSorted((a, b) => Number(a.oid) - Number(b.oid)).slice(0, 1));
}

export const isRoutine = ({ kind }: InventoryObject): boolean => kind === "function" || kind === "procedure";

const word = `(?:"(?:[^"]|"")+"|[^"(.]+)`;
const signature = new RegExp(String.raw`^(${word}\.)(${word})(\([\s\S]*\))$`);

/** Schema with its dot, name, arguments. */
function partsOf({ identity }: InventoryObject): readonly string[] {
  return signature.exec(identity)?.slice(1) ?? [];
}

const nameOf = (routine: InventoryObject): string => partsOf(routine).slice(0, 2).join("");
