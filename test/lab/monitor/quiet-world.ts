import { type Period, periodAround } from "../../../actions/lib/policy/period.ts";
import type { WorkflowFacts } from "../../../actions/lib/policy/read-schedules.ts";
import { between, randomFrom } from "../random.ts";
import { lateness } from "./github-starts.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** A copy that a run made. All times in ms since 1970. */
export interface Made {
  /** When its data was read. */
  readonly at: number;
  readonly doneAt: number;
  readonly rows: number;
  readonly bytes: number;
}

type Kind = "daily" | "weekly" | "monthly" | "files";
const kinds: readonly (readonly [kind: Kind, oncePer: Period, scale: number])[] = [
  ["daily", "10h", 1],
  ["files", "10h", 0],
  ["weekly", "week", 2.1],
  ["monthly", "month-from-sunday", 1.2],
];

/** A year in which nothing goes wrong: only GitHub is late, as ever, and Supabase takes its time. */
export interface QuietWorld {
  /** Of every workflow with a schedule, by its file: when GitHub started it, ascending. */
  readonly starts: ReadonlyMap<string, readonly number[]>;
  readonly copies: Readonly<Record<Kind, readonly Made[]>>;
  /** Ends of restore tests that went well. */
  readonly proofs: readonly number[];
  /** When a person opened a share of the packs. */
  readonly deepReads: readonly number[];
  /** Supabase's own daily backups. */
  readonly backups: readonly number[];
  /** Minutes of GitHub Actions that each run took. */
  readonly runs: readonly { readonly at: number; readonly minutes: number }[];
  /** Rows that were ever written until then, and when the last of them was. */
  written(at: number): { readonly rows: number; readonly last: number };
  /** Bytes in the database, in Storage. */
  database(at: number): number;
  storage(at: number): number;
}

/** @param workflows those with a schedule, as `.github/workflows` has them */
export function quietWorld(
  seed: number,
  workflows: readonly Pick<WorkflowFacts, "file" | "crons">[],
  from: number,
  until: number,
): QuietWorld {
  const random = randomFrom(seed);
  const github = lateness(seed + 1);
  const starts = new Map(workflows.map(({ file, crons }) => [file, github.starts(crons, from, until)]));
  const database = (at: number): number => 1.9e9 * 1.0005 ** ((at - from) / day);
  const copies: Record<Kind, Made[]> = { daily: [], files: [], weekly: [], monthly: [] };
  const runs: { at: number; minutes: number }[] = [];
  // Once a year somebody tidies up.
  const tidied = from + between(random, 0.2, 0.9) * (until - from);
  for (const start of starts.get("backup.yml") ?? []) {
    let at = start + minute;
    for (const [kind, oncePer, scale] of kinds) {
      const last = copies[kind].at(-1);
      if (last !== undefined && last.at >= periodAround(oncePer, new Date(at)).from.getTime()) continue;
      const bytes = database(at) * between(random, 0.99, 1.01) * (at > tidied ? 0.85 : 1);
      const doneAt = at + between(random, 1, 6) * minute;
      copies[kind].push({ at, doneAt, rows: Math.round(bytes / 500), bytes: Math.round(bytes * scale) });
      at = doneAt;
    }
    runs.push({ at, minutes: Math.ceil((at - start) / minute) });
  }
  const proofs: number[] = [];
  for (const start of starts.get("restore-test.yml") ?? []) {
    const month = periodAround("month", new Date(start)).from.getTime();
    const proven = (proofs.at(-1) ?? 0) >= month;
    if (!proven) proofs.push(start + between(random, 10, 60) * minute);
    runs.push({ at: start, minutes: proven ? 1 : 30 });
  }
  for (const [file, own] of starts) {
    if (!/^(?:backup|restore-test)\.yml$/.test(file))
      runs.push(...own.map((start) => ({ at: start + minute, minutes: 2 })));
  }
  return {
    ...{ starts, copies, proofs, runs, database },
    deepReads: every(random, from, until, [11, 17]),
    backups: every(random, from + 2 * hour, until, [1, 1]).map((at) => at + random() ** 3 * 90 * minute),
    written: writes(randomFrom(seed + 2), from, until),
    storage: (at) => 60e9 + ((at - from) / day) * 4e7,
  };
}

function every(random: () => number, from: number, until: number, [least, most]: readonly [number, number]): number[] {
  const times: number[] = [];
  for (let at = from; at < until; at += between(random, least, most) * day) times.push(at);
  return times;
}

/** Lessons from 7 to 22 o'clock, now and then a write at night; in the holidays (four times two weeks) a few a day. */
function writes(random: () => number, from: number, until: number): QuietWorld["written"] {
  const times: number[] = [];
  for (let at = from; at < until; ) {
    const holiday = (at - from) % (91 * day) > 77 * day;
    const lesson = new Date(at).getUTCHours() >= 7 && new Date(at).getUTCHours() < 22;
    const pause = holiday ? 3 * hour : lesson ? 2 * minute : 40 * minute;
    at += -Math.log(1 - random()) * pause;
    times.push(at);
  }
  return (at) => {
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[middle] ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return { rows: low * 20, last: times[low - 1] ?? from };
  };
}
