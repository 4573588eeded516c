import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes } from "../actions/lib/base/measures.ts";
import { type Page, renderMarkdown, renderText } from "../actions/lib/report/page.ts";
import { incidentsPage, playAll } from "../test/lab/incidents/page.ts";
import { comparedDays, comparisonPage } from "../test/lab/retention/comparison.ts";
import { chart } from "./bench/chart.ts";
import { type Contestant, gather } from "./bench/contestants.ts";
import { benchFiles } from "./bench/files/bench-files.ts";
import { benchHostile } from "./bench/hostile/bench-hostile.ts";
import type { Measured } from "./bench/measured-run.ts";
import { peaks, readCurve, remember } from "./bench/memory-curve.ts";
import { benchPage } from "./bench/page.ts";
import { rowsOf, stagesOf } from "./bench/results.ts";
import { setStage } from "./bench/stage.ts";
import { parseSize } from "./demo/size.ts";

/** Measures backup and restore, as whole processes, beside what else could be done. Never part of a test. */
const usage = `npm run bench [-- --size 1GB] [-- --rounds 5] [-- --only set,read-limit] [-- --write] [-- --json]
  --size SIZE   about how large the database is, 1MB to 10GB (default: 1GB)
  --rounds N    how often everybody runs, in turn (default: 5)
  --only IDS    only these: read-limit, set, bare, gpg-pipe, seed, verify, pg-restore, restore
  --write       write runbooks/bench.md and runbooks/bench.svg
  --memory      keep the peak memory at this size for the page's table of it
  --files       copies of Storage's files instead, beside rclone and aws s3 sync (default: 205MB): bench-files.md
  --hostile     every command in a vault that somebody has filled with junk that is named as ours is
  --retention   what retention keeps, beside other rules, in a vault that is only thought: bench-retention.md
  --incidents   what comes of a thousand recoveries to a point in time, simulated: bench-recovery.md
  --count N     with --files and --hostile: how many (default: 10000)
  --json        print the figures as JSON`;

const { values } = parseArgs({
  options: {
    size: { type: "string" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    write: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
    files: { type: "boolean", default: false },
    hostile: { type: "boolean", default: false },
    retention: { type: "boolean", default: false },
    incidents: { type: "boolean", default: false },
    count: { type: "string", default: "10000" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const size = values.size ?? (values.files ? "205MB" : "1GB");
const bytes = parseSize(size);
const [rounds, count] = [Number(values.rounds), Number(values.count)];
const wrong = [rounds, count].some((number) => !Number.isInteger(number) || number < 1);
if (values.help || bytes === undefined || wrong) {
  (values.help ? console.log : console.error)(usage);
  process.exit(values.help ? 0 : 2);
}

const pages = { retention: "bench-retention.md", incidents: "bench-recovery.md" } as const;
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const load = loadavg()[0] ?? 0;
const endings: (() => Promise<void>)[] = [];
try {
  if (values.retention) printed(await comparisonPage(comparedDays), "retention", values.write);
  else if (values.incidents) printed(incidentsPage(await playAll(1000)), "incidents", values.write);
  else if (values.hostile) await benchHostile({ count, load, say, endings });
  else if (values.files) await benchFiles({ ...values, count, bytes, rounds, load, say, endings });
  else await benchDatabase(bytes);
} finally {
  const [removeFolder, ...servers] = endings;
  await Promise.all(servers.map((end) => end()));
  await removeFolder?.();
}

function printed(page: Page, option: keyof typeof pages, write: boolean): void {
  console.log(renderText(page).join("\n"));
  if (!write) return;
  const about = `\`npm run bench -- --${option} --write\` writes this page.\n`;
  const text = renderMarkdown(page).replace(/^## (.*)\n/, `# $1\n\n${about}`);
  writeFileSync(new URL(`../runbooks/${pages[option]}`, import.meta.url), text);
}

async function benchDatabase(bytes: number): Promise<void> {
  const stage = await setStage((ending) => endings.push(ending), bytes, say);
  const { contestants, missing } = await gather(stage);
  const wanted = values.only?.split(",");
  const taking = contestants.filter(({ id }) => wanted === undefined || wanted.includes(id));
  const runs = new Map<Contestant, Measured[]>(taking.map((contestant) => [contestant, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const contestant of taking) {
      await stage.settle();
      const run = await contestant.run();
      runs.get(contestant)?.push(run);
      const { seconds, cpuSeconds, serverCpuSeconds, peakBytes } = run;
      say(
        `round ${round}  ${contestant.id.padEnd(10)} ${seconds.toFixed(2)} s  CPU ${cpuSeconds.toFixed(1)} + ${serverCpuSeconds.toFixed(1)} s  ${formatBytes(peakBytes)}`,
      );
    }
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"} with ${formatBytes(totalmem())}`;
  const rows = rowsOf(runs);
  if (values.memory || values.write) {
    remember({ size, databaseBytes: stage.databaseBytes, peakBytes: peaks(runs) });
  }
  const page = benchPage({
    ...{ rows, stages: stagesOf(runs), rounds, machine, load, missing },
    databaseBytes: stage.databaseBytes,
    memory: readCurve(),
  });
  console.log(values.json ? JSON.stringify({ machine, rounds, rows }, null, 2) : renderText(page).join("\n"));
  if (values.write) {
    const folder = new URL("../runbooks/", import.meta.url).pathname;
    const about = "`npm run bench -- --write` writes this page.\n\n![ratios](bench.svg)\n";
    const told = readFileSync(new URL("bench/where-the-time-goes.md", import.meta.url), "utf8");
    const head = renderMarkdown(page).replace(/^## (.*)\n/, `# $1\n\n${about}`);
    writeFileSync(join(folder, "bench.md"), `${head}\n${told}`);
    writeFileSync(join(folder, "bench.svg"), chart(rows));
  }
}
