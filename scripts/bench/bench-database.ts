import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { formatBytes, formatCount } from "../../actions/lib/base/measures.ts";
import { renderMarkdown, renderText } from "../../actions/lib/report/page.ts";
import type { Link } from "../../test/faults/proxy/tcp-proxy.ts";
import { chart } from "./chart.ts";
import { type Contestant, gather, gatherOverLink, type Round } from "./contestants.ts";
import { keep, peaks, readKept, type World } from "./kept.ts";
import { linkText } from "./link.ts";
import { benchPage } from "./page.ts";
import { type Runs, rowsOf, stagesOf } from "./results.ts";
import type { Shape } from "./shapes.ts";
import { type Stage, setStage } from "./stage.ts";

export interface DatabaseBench {
  readonly shape: Shape;
  /** As `--size` has it. */
  readonly size: string;
  /** What lies between everybody and the servers; undefined: nothing. */
  readonly link: Link | undefined;
  readonly rounds: number;
  readonly only?: string | undefined;
  readonly write: boolean;
  readonly memory: boolean;
  readonly json: boolean;
  /** Load average of a minute, before the first round. */
  readonly load: number;
  readonly say: (line: string) => void;
}

/**
 * Measures backup, verification and restore of one database, everybody in turns.
 * @param opened told of everything that must be ended
 */
export async function benchDatabase(
  bench: DatabaseBench,
  opened: (ending: () => Promise<void>) => void,
): Promise<void> {
  const { shape, link, size, say } = bench;
  const stage = await setStage(opened, shape, link, say);
  const { contestants, missing } = await (link === undefined ? gather(stage) : gatherOverLink(stage, shape.id));
  const wanted = bench.only?.split(",");
  const runs = await runRounds(
    bench,
    stage,
    contestants.filter(({ id }) => wanted?.includes(id) ?? true),
  );
  const world = worldOf(bench, stage, runs);
  const memory =
    link === undefined && (bench.memory || bench.write)
      ? [{ size, databaseBytes: stage.databaseBytes, peakBytes: peaks(runs) }]
      : [];
  if (memory.length > 0 || bench.write) keep({ memory, worlds: bench.write ? [world] : [] });
  const page = benchPage({ worlds: [world], memory: readKept().memory }, missing);
  console.log(bench.json ? JSON.stringify(world, null, 2) : renderText(page).join("\n"));
  if (bench.write) writePage();
}

async function runRounds(bench: DatabaseBench, stage: Stage, taking: readonly Contestant[]): Promise<Runs> {
  const runs = new Map<Contestant, Round[]>(taking.map((contestant) => [contestant, []]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const contestant of taking) {
      await stage.settle();
      const run = await contestant.run();
      runs.get(contestant)?.push(run);
      const { seconds, cpuSeconds, ownCpuSeconds, serverCpuSeconds, peakBytes } = run;
      const cpu = [ownCpuSeconds, cpuSeconds - ownCpuSeconds, serverCpuSeconds]
        .map((used) => used.toFixed(1))
        .join(" + ");
      bench.say(
        `round ${round}  ${contestant.id.padEnd(10)} ${seconds.toFixed(2)} s  CPU ${cpu} s  ${formatBytes(peakBytes)}`,
      );
    }
  }
  return runs;
}

function worldOf({ shape, rounds, load }: DatabaseBench, stage: Stage, runs: Runs): World {
  const { databaseBytes, tables, link } = stage;
  const objects = [...runs.values()].flat().find((run) => run.objects !== undefined)?.objects;
  const counted = `${formatCount(tables)} tables${objects === undefined ? "" : `, ${formatCount(objects)} objects`}`;
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"} with ${formatBytes(totalmem())}`;
  return {
    id: link === undefined ? "machine" : shape.id,
    title: link === undefined ? "This machine" : `A link, ${shape.title}`,
    sentence: [
      `a database of ${formatBytes(databaseBytes)} (${counted}; ${shape.title})`,
      ...(link === undefined ? [] : [`over a link of ${linkText(link)}, as measured`]),
      `on ${machine}, ${rounds} alternating rounds; load of the machine before it: ${load.toFixed(1)}.`,
    ].join(", "),
    rows: rowsOf(runs, shape.id === "many" ? undefined : databaseBytes),
    stages: stagesOf(runs),
  };
}

/** From what is kept of all worlds, and from what people have written. */
function writePage(): void {
  const folder = new URL("../../runbooks/", import.meta.url).pathname;
  const kept = readKept();
  const about =
    "`npm run bench -- --write && npm run bench -- --link 30ms,25MB/s --write` writes this page.\n\n![ratios](bench.svg)\n";
  const told = readFileSync(new URL("where-the-time-goes.md", import.meta.url), "utf8");
  const head = renderMarkdown(benchPage(kept)).replace(/^## (.*)\n/, `# $1\n\n${about}`);
  writeFileSync(join(folder, "bench.md"), `${head}\n${told}`);
  writeFileSync(join(folder, "bench.svg"), chart(kept.worlds));
}
