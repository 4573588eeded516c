import type { Contestant } from "./contestants.ts";
import type { Measured } from "./measured-run.ts";
import { ratios, type Spread, spread } from "./statistics.ts";

/** One line of the table. */
export interface Row {
  readonly title: string;
  readonly group: Contestant["group"];
  readonly ours: boolean;
  readonly yardstick: boolean;
  readonly seconds: Spread;
  /** To the yardstick of its group, round by round; undefined where the group has none. */
  readonly ratio: Spread | undefined;
  /** CPU seconds of the process tree, and of the servers meanwhile; undefined where they can't be told apart. */
  readonly cpu: number | undefined;
  readonly serverCpu: number | undefined;
  /** Of the process itself, the highest of all rounds; undefined as above. */
  readonly peakBytes: number | undefined;
}

export type Runs = ReadonlyMap<
  Contestant,
  readonly (Measured & { readonly parts?: Readonly<Record<string, number>> })[]
>;

/** What all rounds come to. A restore also counts without its proof, which pg_restore has none of. */
export function rowsOf(runs: Runs): Row[] {
  const rows: Row[] = [];
  for (const [contestant, measured] of runs) {
    const seconds = measured.map((run) => run.seconds);
    const yardstick = yardstickOf(runs, contestant.group);
    const { title, group, ours } = contestant;
    const ratio = (of: readonly number[]) => (yardstick === undefined ? undefined : ratios(of, yardstick));
    rows.push({
      ...{ title, group, ours, yardstick: contestant.yardstick },
      ...{ seconds: spread(seconds), ratio: ratio(seconds) },
      cpu: spread(measured.map((run) => run.cpuSeconds)).median,
      serverCpu: spread(measured.map((run) => run.serverCpuSeconds)).median,
      peakBytes: Math.max(...measured.map((run) => run.peakBytes)),
    });
    if (measured.every(({ parts }) => parts?.["prove"] !== undefined)) {
      const without = measured.map((run) => run.seconds - (run.parts?.["prove"] ?? 0));
      rows.push({
        ...{ title: "the same without its proof", group, ours, yardstick: false },
        ...{ seconds: spread(without), ratio: ratio(without) },
        ...{ cpu: undefined, serverCpu: undefined, peakBytes: undefined },
      });
    }
  }
  return rows;
}

function yardstickOf(runs: Runs, group: Contestant["group"]): number[] | undefined {
  for (const [contestant, measured] of runs) {
    if (contestant.yardstick && contestant.group === group) return measured.map(({ seconds }) => seconds);
  }
  return undefined;
}

/** Seconds of each stage of the restores, the median of all rounds. */
export function stagesOf(runs: Runs): [stage: string, seconds: number][] {
  const seconds = new Map<string, number[]>();
  for (const measured of runs.values()) {
    for (const { parts = {} } of measured) {
      for (const [stage, took] of Object.entries(parts)) seconds.set(stage, [...(seconds.get(stage) ?? []), took]);
    }
  }
  return [...seconds].map(([stage, took]) => [stage, spread(took).median]);
}
