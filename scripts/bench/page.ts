import { formatBytes } from "../../actions/lib/base/measures.ts";
import type { Page, PageTable } from "../../actions/lib/report/page.ts";
import type { Kept, MemoryPoint, World } from "./kept.ts";
import type { Row } from "./results.ts";
import type { Spread } from "./statistics.ts";

const groups: Readonly<Record<Row["group"], string>> = {
  backup: "backup",
  restore: "restore",
  verify: "verification",
  compare: "comparison of the largest table",
};

/**
 * The bench's figures, for the terminal and for the committed page.
 * @param missing who could not run, and why
 */
export function benchPage({ worlds, memory }: Kept, missing: readonly string[] = []): Page {
  const tables = worlds.flatMap(worldTables);
  if (memory.length > 0) tables.push(memoryTable(memory));
  return {
    title: "Bench",
    sentence: "Backup and restore beside what else could be done, on one machine and over a link.",
    tables,
    notes: [
      ...worlds.map(({ title, sentence }) => `${title}: ${sentence}`),
      "Ratios are taken round by round; what is shown is the median and, in brackets, the least and the most.",
      "Database servers, S3 server and programs share the machine. The servers do not call fsync.",
      "CPU is that of the process itself and, after the plus, of the programs that it starts; a GB is one of the database. Peak memory is that of the process itself, the highest of all rounds.",
      ...(worlds.some(({ id }) => id !== "machine")
        ? [
            "The link is a proxy on this machine that delays and limits each connection both ways; everybody reaches database and store through it. Its CPU time is nobody's.",
          ]
        : []),
      ...worlds.flatMap(({ title, stages }) =>
        Object.entries(stages).map(([run, all]) => `Within ${run} (${title}): ${stagesText(all)}.`),
      ),
      ...missing.map((one) => `${one}.`),
    ],
  };
}

function worldTables({ title, rows }: World): PageTable[] {
  return [...new Set(rows.map(({ group }) => group))].map((group) => {
    const own = rows.filter((row) => row.group === group);
    const yardstick = own.find((row) => row.yardstick)?.title;
    return {
      title: `${title}: ${groups[group]}${yardstick === undefined ? "" : ` (times ${yardstick})`}`,
      header: rowHeader,
      rows: own.map(rowCells),
    };
  });
}

function stagesText(stages: readonly (readonly [string, number])[]): string {
  const long = stages.filter(([, seconds]) => seconds >= 0.1);
  return long.map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)} s`).join(", ");
}

export const rowHeader = ["what", "ratio", "wall", "CPU", "CPU a GB", "CPU of the servers", "peak memory"];

export function rowCells(row: Omit<Row, "group">): string[] {
  const { cpu, cpuOfGigabyte: gigabyte } = row;
  return [
    row.title,
    row.ratio === undefined ? "" : row.yardstick ? "1" : spreadText(row.ratio, ""),
    spreadText(row.seconds, " s"),
    cpu === undefined ? "" : `${cpu.own.toFixed(1)} + ${cpu.children.toFixed(1)} s`,
    gigabyte === undefined ? "" : `${gigabyte.own.toFixed(1)} s, all ${gigabyte.all.toFixed(1)} s`,
    cpu === undefined ? "" : `${cpu.servers.toFixed(1)} s`,
    row.ours && row.peakBytes !== undefined ? formatBytes(row.peakBytes) : "",
  ];
}

const titles: Readonly<Record<string, string>> = {
  set: "daily set",
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
