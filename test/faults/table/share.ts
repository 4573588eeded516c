import { tableWanted } from "./reporter.ts";
import type { FaultRow } from "./row.ts";

/**
 * The rows that `npm test` plays, of a part of the table that lays every kind of fault into every stage: the fewest, always the
 * same ones, in which each kind, each stage and each ending with its code comes up. `npm run faults` plays all.
 *
 * @param traits of a row, each of which has to come up
 */
export function shareOf<Row extends FaultRow<never, unknown>>(
  rows: readonly Row[],
  traits: (row: Row) => readonly string[] = traitsOf,
): readonly Row[] {
  if (process.env[tableWanted] === "1") return rows;
  const left = new Set(rows.flatMap(traits));
  const newTo = (row: Row): number => traits(row).filter((trait) => left.has(trait)).length;
  const share = new Set<Row>();
  while (left.size > 0) {
    const next = rows.reduce((best, row) => (newTo(row) > newTo(best) ? row : best));
    share.add(next);
    for (const trait of traits(next)) left.delete(trait);
  }
  return rows.filter((row) => share.has(row));
}

function traitsOf({ kind, stage, outcome, code }: FaultRow<never, unknown>): string[] {
  return [`kind ${kind}`, `stage ${stage}`, `ending ${outcome} ${code}`];
}
