import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes } from "../actions/lib/base/measures.ts";
import { renderText } from "../actions/lib/report/page.ts";
import { startGuardian } from "../test/lab/servers/guardian.ts";
import { startS3 } from "../test/lab/servers/s3.ts";
import { layCatalogue } from "./bench/catalogue.ts";
import { measure } from "./bench/measured-run.ts";
import { becomeOwner } from "./demo/owner.ts";

/** How long the commands take that look for sets, in a vault with very many. Never part of a test. */
const usage = `npm run bench:catalogue [-- --sets 5000]
  --sets N   how many sets the vault holds (default: 5000; Qimma's policy keeps 126)`;

const { values } = parseArgs({ options: { sets: { type: "string", default: "5000" } } });
const sets = Number(values.sets);
if (!Number.isInteger(sets) || sets < 1) {
  console.error(usage);
  process.exit(2);
}

const cli = join(new URL(".", import.meta.url).pathname, "lifeboat.ts");
const home = startGuardian("bench");
const s3 = await startS3();
try {
  const folder = join(home.folder, "owner");
  mkdirSync(folder);
  const owner = await becomeOwner(folder, s3);
  await layCatalogue(s3, owner.settings, sets);
  const rows: string[][] = [];
  const commands = [["--help"], ["list"], ["list", "--newest", "30"], ["verify", "latest"], ["retention", "--dry-run"]];
  const later = join(new URL(".", import.meta.url).pathname, "bench/plan-retention.ts");
  const programs = [
    ...commands.map((args) => ({ name: `lifeboat ${args.join(" ")}`, args: [cli, ...args] })),
    // By then hundreds of terms have ended, and as many sets as go in one run are read and looked at.
    ...[20, 400].map((days) => ({ name: `the same ${days} days later`, args: [later, String(days)] })),
  ];
  for (const { name, args } of programs) {
    // 1: the newest set's keys are random bytes, which the verification finds at last.
    const run = await measure({
      program: process.execPath,
      args,
      env: owner.settings,
      servers: [s3.pid],
      alsoFine: [1],
    });
    rows.push([
      name,
      `${run.seconds.toFixed(2)} s`,
      `${run.cpuSeconds.toFixed(1)} s`,
      `${run.serverCpuSeconds.toFixed(1)} s`,
      formatBytes(run.peakBytes),
    ]);
  }
  const header = ["command", "wall", "CPU", "CPU of the store", "peak memory"];
  const sentence = `A vault of ${sets} sets; store and command share this machine.`;
  console.log(renderText({ title: "Catalogue", sentence, tables: [{ header, rows }] }).join("\n"));
} finally {
  await s3.stop();
  await home.finish();
}
