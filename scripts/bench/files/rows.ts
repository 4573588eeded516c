import type { Measured } from "../measured-run.ts";
import { cpuAndMemory, type Row } from "../results.ts";
import { ratios, spread } from "../statistics.ts";
import { type FilesContestant, passes } from "./contestants.ts";

export type FilesRuns = ReadonlyMap<FilesContestant, ReadonlyMap<(typeof passes)[number], readonly Measured[]>>;

/** One line of the table: as the database's, in groups of its own. */
export interface FilesRow extends Omit<Row, "group"> {
  readonly group: (typeof passes)[number];
}

/** What all rounds come to, pass by pass. */
export function filesRows(runs: FilesRuns): FilesRow[] {
  return passes.flatMap((group) => {
    const seconds = (of: FilesContestant): number[] => (runs.get(of)?.get(group) ?? []).map((run) => run.seconds);
    const yardstick = [...runs.keys()].find((one) => one.yardstick);
    return [...runs].map(([contestant, measured]): FilesRow => {
      const all = measured.get(group) ?? [];
      const { title, ours } = contestant;
      return {
        ...{ title, group, ours, yardstick: contestant.yardstick, seconds: spread(seconds(contestant)) },
        ...(yardstick === undefined ? {} : { ratio: ratios(seconds(contestant), seconds(yardstick)) }),
        ...cpuAndMemory(all),
      };
    });
  });
}
