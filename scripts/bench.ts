import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type Page, renderMarkdown, renderText } from "../actions/lib/report/page.ts";
import { incidentsPage, playAll } from "../test/lab/incidents/page.ts";
import { comparedDays, comparisonPage } from "../test/lab/retention/comparison.ts";
import { benchDatabase } from "./bench/bench-database.ts";
import { benchFiles } from "./bench/files/bench-files.ts";
import { benchHostile } from "./bench/hostile/bench-hostile.ts";
import { linkForm, parseLink } from "./bench/link.ts";
import { largeTable, manyTables } from "./bench/shapes.ts";
import { parseSize } from "./demo/size.ts";

/** Measures backup and restore, as whole processes, beside what else could be done. Never part of a test. */
const usage = `npm run bench [-- --size 1GB] [-- --rounds 5] [-- --only set,read-limit] [-- --write] [-- --json]
  --size SIZE   about how large the database is, 1MB to 10GB (default: 1GB; with --link 472MB)
  --rounds N    how often everybody runs, in turn (default: 5; with --link 3, with very many tables 1)
  --only IDS    only these: read-limit, set, gpg-pipe, seed, verify, pg-restore, restore, copy, compare, compare-all
  --link LINK   database and store behind a proxy: ${linkForm}. Then these run, and twice:
                dump, set, dump-z0, dump-j4, gpg-pipe, pg-restore, restore with a large table; dump, set, pg-restore, restore with very many
  --shape NAME  with --link: only one of the two, large or many
  --write       keep the figures, and write runbooks/bench.md and runbooks/bench.svg from all that are kept
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
    rounds: { type: "string" },
    only: { type: "string" },
    link: { type: "string" },
    shape: { type: "string" },
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
const size = values.size ?? (values.files ? "205MB" : values.link === undefined ? "1GB" : "472MB");
const bytes = parseSize(size);
const link = values.link === undefined ? undefined : parseLink(values.link);
const [rounds, count] = [Number(values.rounds ?? 5), Number(values.count)];
const problems = [
  ...(bytes === undefined ? [`--size ${size} is no size: give one as 200MB or 1GB.`] : []),
  ...(values.link !== undefined && link === undefined ? [`--link ${values.link} is no link: give ${linkForm}.`] : []),
  ...(values.shape !== undefined && (link === undefined || !["large", "many"].includes(values.shape))
    ? ["--shape is large or many, and goes with --link."]
    : []),
  ...([rounds, count].some((number) => !Number.isInteger(number) || number < 1)
    ? ["--rounds and --count are whole numbers from 1 on."]
    : []),
];
if (values.help || problems.length > 0 || bytes === undefined) {
  for (const problem of problems) console.error(problem);
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
  else {
    const shapes = link === undefined ? [largeTable(bytes)] : [largeTable(bytes), manyTables];
    for (const shape of shapes.filter(({ id }) => id === (values.shape ?? id))) {
      const turns = values.rounds === undefined ? (link === undefined ? 5 : shape.rounds) : rounds;
      await benchDatabase({ ...values, shape, size, link, rounds: turns, load, say }, (end) => endings.push(end));
      await endAll();
    }
  }
} finally {
  await endAll();
}

async function endAll(): Promise<void> {
  const [removeFolder, ...servers] = endings.splice(0);
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
