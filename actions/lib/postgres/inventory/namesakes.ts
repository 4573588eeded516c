import { quoteIdentifier } from "../identifier.ts";
import type { Inventory, InventoryObject } from "./model.ts";

/** Statements that give a function another name, and its own again. */
export interface Aside {
  readonly away: string;
  readonly back: string;
}

/**
 * Takes the namesakes of what a text calls out of its way. A call is ambiguous when a second function of the name came later
 * and has defaults for what it takes more (`f()` and `f(x default 1)`).
 * @param known what it calls, where that is known; else the oldest of each name is meant, since nobody can write such a call
 * when both are there. Pure.
 */
export function namesakesAside(
  text: string,
  source: Pick<Inventory, "objects">,
  known: readonly InventoryObject[] = [],
): readonly Aside[] {
  const called = known.length > 0 ? known : oldestNamed(text, source);
  const names = new Set(called.map(nameOf));
  const aside = source.objects.filter((one) => isRoutine(one) && names.has(nameOf(one)) && !called.includes(one));
  return aside.map((one, at) => {
    const [place = "", name = "", rest = ""] = partsOf(one);
    const other = `lifeboat_aside_${at}`;
    return {
      away: `ALTER ROUTINE ${place}${name}${rest} RENAME TO ${quoteIdentifier(other)};\n`,
      back: `ALTER ROUTINE ${place}${other}${rest} RENAME TO ${name};\n`,
    };
  });
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
