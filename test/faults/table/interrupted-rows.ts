import type { Matching } from "../proxy/http-faults.ts";
import type { InterruptedRow } from "./interrupted-scene.ts";
import { tableWanted } from "./reporter.ts";

const get = (url: RegExp, nth = 1): Matching => ({ method: "GET", url, nth });
const put = (url: RegExp): Matching => ({ method: "PUT", url });
const manifest = get(/\/manifest\.json(\?|$)/);
const versions = get(/[?&]versions/);

interface Case {
  readonly args: readonly string[];
  /** Where it is then, and the request by which that is known. */
  readonly at: readonly (readonly [string, Matching])[];
  readonly left: RegExp;
  readonly reported?: boolean;
  readonly again?: boolean;
}

const reads = /only reads/;

const cases: readonly Case[] = [
  {
    args: ["backup", "--tier", "daily"],
    at: [
      ["first request", { method: "HEAD" }],
      ["rows", put(/\/data\//)],
    ],
    left: /is no set, and is visible nowhere/,
    reported: true,
    again: true,
  },
  {
    args: ["sync", "--full"],
    at: [["packs", put(/\/packs\//)]],
    left: /no snapshot; the files that were copied are kept/,
    reported: true,
    again: true,
  },
  {
    args: ["restore", "latest"],
    at: [
      ["manifest", manifest],
      ["check of the bytes", get(/\/data\//)],
      ["rows", get(/\/data\//, 2)],
    ],
    left: /goes on where it stopped/,
    reported: true,
    again: true,
  },
  { args: ["restore", "latest", "--dry-run"], at: [["check of the bytes", get(/\/data\//)]], left: reads, again: true },
  {
    args: ["restore-files", "latest"],
    at: [
      ["manifest", manifest],
      ["packs", get(/\/packs\//)],
    ],
    left: /goes on where it stopped/,
    reported: true,
  },
  {
    args: ["restore-files", "latest", "--to", "$folder"],
    at: [["packs", get(/\/packs\//)]],
    left: /goes on where it stopped/,
    reported: true,
    again: true,
  },
  {
    args: ["verify", "latest"],
    at: [
      ["list", versions],
      ["manifest", manifest],
      ["bytes", get(/\/data\//)],
    ],
    left: reads,
    reported: true,
    again: true,
  },
  { args: ["verify", "latest", "--deep"], at: [["rows", get(/\/data\//)]], left: reads, reported: true, again: true },
  {
    args: ["verify", "--files", "latest", "--deep"],
    at: [["packs", get(/\/packs\//)]],
    left: reads,
    reported: true,
    again: true,
  },
  {
    args: ["test-restore"],
    at: [["rows", get(/\/data\//, 2)]],
    left: /Staging may hold a part/,
    reported: true,
    again: true,
  },
  { args: ["prove", "latest"], at: [["inventory", get(/\/inventory/)]], left: reads },
  { args: ["thaw", "latest"], at: [["list", versions]], left: /on its way all the same/ },
  {
    args: ["repair", "latest", "--table", "public.marks", "--missing", "--dry-run"],
    at: [["rows", get(/\/data\//)]],
    left: reads,
    again: true,
  },
  { args: ["keys", "rewrap"], at: [["manifest", manifest]], left: /can be opened as before/, again: true },
  { args: ["retention"], at: [["list", versions]], left: /that is there is whole/, reported: true, again: true },
  { args: ["list"], at: [["list", versions]], left: reads, again: true },
  { args: ["list", "--files"], at: [["manifest", manifest]], left: reads, again: true },
  { args: ["check"], at: [["first request", { method: "HEAD" }]], left: reads },
  { args: ["policy", "check"], at: [["list", versions]], left: reads },
];

/** The two signals, alternating. */
export const interruptedRows: readonly InterruptedRow[] = cases.flatMap(
  ({ args, at, left, reported = false, again = false }, place) =>
    at.map(
      ([where, on], step): InterruptedRow => ({
        ...{ stage: args.filter((arg) => arg !== "$folder").join(" "), outcome: "ends as interrupted" },
        ...{ args, on, left, reported },
        // What only reads leaves nothing that could be in its own way.
        again: again && (left !== reads || process.env[tableWanted] === "1"),
        ...((place + step) % 2 === 0
          ? { signal: "SIGINT", kind: `interrupted by SIGINT at: ${where}` }
          : { signal: "SIGTERM", kind: `interrupted by SIGTERM at: ${where}` }),
        inject: () => undefined,
      }),
    ),
);
