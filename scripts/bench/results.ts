import { z } from "zod";
import type { Contestant, Round } from "./contestants.ts";
import { ratios, spread, spreadSchema } from "./statistics.ts";

/** One line of the table. */
export const rowSchema = z.strictObject({
  title: z.string(),
  group: z.enum(["backup", "restore", "verify", "compare"]),
  ours: z.boolean(),
  yardstick: z.boolean(),
  seconds: spreadSchema,
  /** To the yardstick of its group, round by round; left out where the group has none. */
  ratio: spreadSchema.optional(),
  /** CPU seconds of the process, of its children, and of the servers meanwhile; left out where they can't be told apart. */
  cpu: z.strictObject({ own: z.number(), children: z.number(), servers: z.number() }).optional(),
  /** Of the process and its children, for a gigabyte of the database. */
  cpuOfGigabyte: z.strictObject({ own: z.number(), all: z.number() }).optional(),
  /** Of the process itself, the highest of all rounds; left out as above. */
  peakBytes: z.number().optional(),
});
export type Row = z.infer<typeof rowSchema>;

export type Runs = ReadonlyMap<Contestant, readonly Round[]>;

/**
 * What all rounds come to. A restore also counts without its proof, which pg_restore has none of.
 * @param databaseBytes undefined where the database is its catalogue, and its CPU time is not that of its bytes
 */
export function rowsOf(runs: Runs, databaseBytes: number | undefined): Row[] {
  const rows: Row[] = [];
  for (const [contestant, measured] of runs) {
    const { title, group, ours } = contestant;
    const yardstick = yardstickOf(runs, group);
    const timed = (of: readonly number[]) => ({
      seconds: spread(of),
      ...(yardstick === undefined ? {} : { ratio: ratios(of, yardstick) }),
    });
    const used = cpuAndMemory(measured);
    const a = (seconds: number): number => (seconds * 1e9) / (databaseBytes ?? 0);
    const { own, children } = used.cpu;
    rows.push({
      ...{ title, group, ours, yardstick: contestant.yardstick, ...timed(measured.map((run) => run.seconds)), ...used },
      ...(databaseBytes === undefined ? {} : { cpuOfGigabyte: { own: a(own), all: a(own + children) } }),
    });
    if (group === "restore" && measured.every(({ parts }) => parts?.["prove"] !== undefined)) {
      const without = measured.map((run) => run.seconds - (run.parts?.["prove"] ?? 0));
      rows.push({ title: "the same without its proof", group, ours, yardstick: false, ...timed(without) });
    }
  }
  return rows;
}

/** The medians of CPU seconds, and the highest memory. */
export function cpuAndMemory(measured: readonly Round[]) {
  const median = (of: (run: Round) => number): number => spread(measured.map(of)).median;
  return {
    cpu: {
      own: median((run) => run.ownCpuSeconds),
      children: median((run) => Math.max(0, run.cpuSeconds - run.ownCpuSeconds)),
      servers: median((run) => run.serverCpuSeconds),
    },
    peakBytes: Math.max(...measured.map((run) => run.peakBytes)),
  };
}

function yardstickOf(runs: Runs, group: Contestant["group"]): number[] | undefined {
  for (const [contestant, measured] of runs) {
    if (contestant.yardstick && contestant.group === group) return measured.map(({ seconds }) => seconds);
  }
  return undefined;
}

/** Seconds of each stage of those runs that tell, by the run's title: the median of all rounds. */
export function stagesOf(runs: Runs): Record<string, [stage: string, seconds: number][]> {
  const told = [...runs].filter(([, measured]) => measured.some(({ parts }) => parts !== undefined));
  return Object.fromEntries(
    told.map(([{ title }, measured]) => {
      const seconds = new Map<string, number[]>();
      for (const [stage, took] of measured.flatMap(({ parts = {} }) => Object.entries(parts))) {
        seconds.set(stage, [...(seconds.get(stage) ?? []), took]);
      }
      return [title, [...seconds].map(([stage, took]) => [stage, spread(took).median] as [string, number])];
    }),
  );
}
