import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { formatBytes } from "../../../actions/lib/base/measures.ts";
import { type Page, renderMarkdown, renderText } from "../../../actions/lib/report/page.ts";
import { rclone } from "../../setup/pins.mjs";
import { ensureTool } from "../../setup/wheels.mjs";
import { chart } from "../chart.ts";
import type { Measured } from "../measured-run.ts";
import { rowCells, rowHeader } from "../page.ts";
import { type FilesContestant, gatherFiles, passes } from "./contestants.ts";
import { planFiles } from "./planned-files.ts";
import { type FilesRow, filesRows } from "./rows.ts";
import { setFilesStage } from "./stage.ts";

export interface FilesBench {
  readonly count: number;
  readonly bytes: number;
  readonly rounds: number;
  readonly only?: string | undefined;
  readonly write: boolean;
  readonly json: boolean;
  /** Load average of a minute, before the first round. */
  readonly load: number;
  readonly say: (line: string) => void;
  /** Told of everything that must be ended. */
  readonly endings: (() => Promise<void>)[];
}

/** Measures copies of Storage's files, first and repeated, beside rclone and the AWS CLI, alternating in one run. */
export async function benchFiles(bench: FilesBench): Promise<void> {
  const { rounds, say } = bench;
  ensureTool(rclone);
  const files = planFiles(bench.count, bench.bytes);
  const stage = await setFilesStage((ending) => bench.endings.push(ending), files, say);
  const wanted = bench.only?.split(",");
  const taking = gatherFiles(stage, files.length).filter(({ id }) => wanted?.includes(id) ?? true);
  const runs = new Map(
    taking.map((contestant) => [contestant, new Map(passes.map((pass) => [pass, [] as Measured[]]))] as const),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const contestant of taking) await runRound(contestant, round, runs.get(contestant), say);
  }
  const rows = filesRows(runs);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const page = filesPage(rows, { ...bench, bytes });
  console.log(bench.json ? JSON.stringify({ rounds, rows }, null, 2) : renderText(page).join("\n"));
  if (bench.write) writePage(page, rows);
}

async function runRound(
  contestant: FilesContestant,
  round: number,
  runs: ReadonlyMap<string, Measured[]> | undefined,
  say: (line: string) => void,
): Promise<void> {
  const run = await contestant.prepare(round);
  for (const pass of passes) {
    const measured = await run(pass);
    runs?.get(pass)?.push(measured);
    const cpu = `CPU ${measured.cpuSeconds.toFixed(1)} + ${measured.serverCpuSeconds.toFixed(1)} s`;
    say(`round ${round}  ${contestant.id.padEnd(7)} ${pass.padEnd(16)} ${measured.seconds.toFixed(2)} s  ${cpu}`);
  }
}

function filesPage(rows: readonly FilesRow[], { count, bytes, rounds, load }: FilesBench): Page {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"} with ${formatBytes(totalmem())}`;
  return {
    title: "Bench of the files",
    sentence: `${count} files, ${formatBytes(bytes)}, on ${machine}, ${rounds} alternating rounds; load of the machine before it: ${load.toFixed(1)}.`,
    tables: passes.map((group) => ({
      title: `${group === "first copy" ? "First copy" : "Nothing changed"} (times rclone)`,
      header: rowHeader,
      rows: rows.filter((row) => row.group === group).map(rowCells),
    })),
    notes: [
      "Ratios are taken round by round; what is shown is the median and, in brackets, the least and the most.",
      "Source, vault and the rivals' buckets are on one S3 server, which shares the machine with the programs and the database, and does not call fsync.",
      "A file in a thousand is large, with a quarter of the bytes; the others spread from a tenth to twice their mean.",
      "aws s3 sync copies between two endpoints only by way of a folder, and seals nothing.",
    ],
  };
}

function writePage(page: Page, rows: readonly FilesRow[]): void {
  const folder = new URL("../../../runbooks/", import.meta.url).pathname;
  const about = "`npm run bench -- --files --write` writes this page.\n\n![ratios](bench-files.svg)\n";
  writeFileSync(join(folder, "bench-files.md"), renderMarkdown(page).replace(/^## (.*)\n/, `# $1\n\n${about}`));
  const bars = rows.map((row) => ({ ...row, title: `${row.group}: ${row.title}` }));
  writeFileSync(join(folder, "bench-files.svg"), chart([{ rows: bars }], "Wall-clock time as a multiple of rclone's"));
}
