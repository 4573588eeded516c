import { keyLength, type State, type Table, tableNames, tables } from "./scene.ts";

export interface Seen {
  /** As the set has it. */
  readonly base: State;
  /** The twin just before the accident, and in the end. */
  readonly before: State;
  readonly right: State;
  /** The shop, repaired. */
  readonly found: State;
  /** Keys that the repair has named as conflicts, by table. */
  readonly named: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface Verdict {
  /** What must not be: damage left that nobody named, an honest edit lost. */
  readonly wrong: readonly string[];
  /** Cells and rows that people had written between the set and the accident, and that went with the damage, by `table.column`. */
  readonly lost: ReadonlyMap<string, number>;
  readonly conflicts: number;
}

/** Judges every cell of every row. */
export function judgeRepair({ base, before, right, found, named }: Seen): Verdict {
  const wrong: string[] = [];
  const lost = new Map<string, number>();
  const lose = (what: string) => void lost.set(what, (lost.get(what) ?? 0) + 1);
  let conflicts = 0;
  for (const table of tableNames) {
    const isNamed = (key: string): boolean => named.get(table)?.has(key) === true;
    for (const key of new Set([...right[table].keys(), ...found[table].keys()])) {
      if (isNamed(key)) conflicts++;
      judgeRow(table, key, isNamed(key));
    }
  }
  return { wrong, lost, conflicts };

  function judgeRow(table: Table, key: string, isNamed: boolean): void {
    const [set, then, now, is] = [base, before, right, found].map((state) => state[table].get(key));
    if (now === undefined || is === undefined) {
      const honestly = (now === undefined) !== (then === undefined);
      if (now === is) return;
      if (honestly) wrong.push(`${table} ${key}: what people did to the row since the accident is lost`);
      else if (isNamed) return;
      else if ((set === undefined) !== (then === undefined)) lose(`${table} rows`);
      else wrong.push(`${table} ${key}: ${is === undefined ? "still gone" : "still too much"}`);
      return;
    }
    for (const [at, column] of tables[table].entries()) {
      if (at < keyLength(table) || now[at] === is[at]) continue;
      const since = then?.[at] !== now[at];
      if (since) wrong.push(`${table} ${key} ${column}: an edit since the accident is lost`);
      else if (isNamed) continue;
      else if (set?.[at] !== then?.[at] && is[at] === set?.[at]) lose(`${table}.${column}`);
      else wrong.push(`${table} ${key} ${column}: damage is left`);
    }
  }
}

export function sameState(one: State, other: State): boolean {
  return tableNames.every((table) => {
    const [a, b] = [one[table], other[table]];
    return a.size === b.size && [...a].every(([key, row]) => JSON.stringify(row) === JSON.stringify(b.get(key)));
  });
}
