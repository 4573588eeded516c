import type { RunRow } from "../run/run-row.ts";

/** One measurement; `at` in milliseconds since 1970. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Series {
  readonly name: string;
  /** Oldest first. */
  readonly points: readonly Point[];
}

export interface History {
  /** Name of its file below `charts/`, without the ending. */
  readonly file: string;
  readonly title: string;
  readonly unit: "bytes" | "seconds" | "bytes per second";
  readonly series: readonly Series[];
}

/** As many points as a line of the chart has room for; more are summed up by their medians. */
const mostPoints = 90;

/** What the charts show, from every run that was ever reported; oldest first. */
export function histories(rows: readonly RunRow[]): History[] {
  const of = (
    value: (told: RunRow["operations"][number]) => number | undefined,
    name: (told: RunRow["operations"][number]) => string,
  ) => {
    const lines = new Map<string, Point[]>();
    for (const row of rows) {
      for (const told of row.operations) {
        const found = value(told);
        if (found === undefined || !(found > 0) || told.conclusion !== "success") continue;
        const line = lines.get(name(told)) ?? [];
        line.push({ at: Date.parse(row.at), value: found });
        lines.set(name(told), line);
      }
    }
    return [...lines]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([line, points]): Series => ({ name: line, points: thinned(points, mostPoints) }));
  };
  const tier = (told: RunRow["operations"][number]): string => told.tier ?? told.operation;
  const made = (told: RunRow["operations"][number]): boolean => told.operation === "backup";
  return [
    {
      file: "size",
      title: "Size of a set in the vault",
      unit: "bytes",
      series: of((told) => (made(told) ? told.storedBytes : undefined), tier),
    },
    {
      file: "duration",
      title: "How long a backup takes",
      unit: "seconds",
      series: of((told) => (made(told) ? told.seconds : undefined), tier),
    },
    {
      file: "throughput",
      title: "Bytes of the dump a second",
      unit: "bytes per second",
      series: of(
        (told) => (made(told) && told.seconds > 0 && told.plainBytes ? told.plainBytes / told.seconds : undefined),
        tier,
      ),
    },
    {
      file: "restore",
      title: "How long a restore takes, comparison included",
      unit: "seconds",
      series: of(
        (told) => told.restoreSeconds,
        (told) => told.operation,
      ),
    },
  ];
}

/** Neighbours are summed up by the median of their values at the time of the middle one; the newest stays as it is. */
export function thinned(points: readonly Point[], most: number): Point[] {
  if (points.length <= most) return [...points];
  const newest = points.slice(-1);
  const older = points.slice(0, -1);
  const size = Math.ceil(older.length / (most - 1));
  const groups = Array.from({ length: Math.ceil(older.length / size) }, (_, index) =>
    older.slice(index * size, (index + 1) * size),
  );
  return [...groups.flatMap((group) => medianPoint(group) ?? []), ...newest];
}

function medianPoint(group: readonly Point[]): Point | undefined {
  const middle = Math.floor(group.length / 2);
  const value = [...group].sort((a, b) => a.value - b.value)[middle]?.value;
  const at = group[middle]?.at;
  return value === undefined || at === undefined ? undefined : { at, value };
}
