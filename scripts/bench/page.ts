import { formatBytes } from "../../actions/lib/base/measures.ts";
import type { Page, PageTable } from "../../actions/lib/report/page.ts";
import type { MemoryPoint } from "./memory-curve.ts";
import type { Row } from "./results.ts";
import type { Spread } from "./statistics.ts";

export interface BenchFacts {
  readonly rows: readonly Row[];
  readonly stages: readonly (readonly [string, number])[];
  readonly databaseBytes: number;
  readonly rounds: number;
  /** E.g. `2 × AMD EPYC`. */
  readonly machine: string;
  /** Load average of a minute, before the first round. */
  readonly load: number;
  readonly missing: readonly string[];
  readonly memory: readonly MemoryPoint[];
}

const headings: Record<Row["group"], string> = {
  backup: "Backup (times the read limit)",
  restore: "Restore (times pg_restore -j2)",
  verify: "Verification",
};

/** The bench's figures, for the terminal and for the committed page. */
export function benchPage(facts: BenchFacts): Page {
  const { rows, databaseBytes, rounds, machine, load, missing, stages, memory } = facts;
  const groups = [...new Set(rows.map(({ group }) => group))];
  const tables: PageTable[] = groups.map((group) => ({
    title: headings[group],
    header: rowHeader,
    rows: rows.filter((row) => row.group === group).map(rowCells),
  }));
  if (memory.length > 0) tables.push(memoryTable(memory));
  const took = stages
    .filter(([, seconds]) => seconds >= 0.1)
    .map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)} s`);
  return {
    title: "Bench",
    sentence: `A database of ${formatBytes(databaseBytes)} on ${machine}, ${rounds} alternating rounds; load of the machine before it: ${load.toFixed(1)}.`,
    tables,
    notes: [
      "Ratios are taken round by round; what is shown is the median and, in brackets, the least and the most.",
      "Database servers, S3 server and programs share the machine. The servers do not call fsync.",
      "Peak memory is that of our own process, the highest of all rounds.",
      ...(took.length === 0 ? [] : [`Within the restore: ${took.join(", ")}.`]),
      ...missing.map((one) => `${one}.`),
    ],
  };
}

export const rowHeader = ["what", "ratio", "wall", "CPU", "CPU of the servers", "peak memory"];

export function rowCells(row: Omit<Row, "group">): string[] {
  return [
    row.title,
    row.ratio === undefined ? "" : row.yardstick ? "1" : spreadText(row.ratio, ""),
    spreadText(row.seconds, " s"),
    row.cpu === undefined ? "" : `${row.cpu.toFixed(1)} s`,
    row.serverCpu === undefined ? "" : `${row.serverCpu.toFixed(1)} s`,
    row.ours && row.peakBytes !== undefined ? formatBytes(row.peakBytes) : "",
  ];
}

const titles: Readonly<Record<string, string>> = {
  set: "daily set",
  bare: "without fingerprints",
  verify: "verify --deep",
  restore: "restore, equal",
};

function memoryTable(points: readonly MemoryPoint[]): PageTable {
  const ids = Object.keys(titles).filter((id) => points.some(({ peakBytes }) => peakBytes[id] !== undefined));
  return {
    title: "Peak memory of our process by size of the database",
    header: ["database", ...ids.map((id) => titles[id] ?? id)],
    rows: points.map(({ databaseBytes, peakBytes }) => [
      formatBytes(databaseBytes),
      ...ids.map((id) => (peakBytes[id] === undefined ? "" : formatBytes(peakBytes[id]))),
    ]),
  };
}

function spreadText({ median, least, most }: Spread, unit: string): string {
  return `${median.toFixed(2)}${unit} (${least.toFixed(2)}–${most.toFixed(2)})`;
}
