import { formatDuration } from "../../../base/measures.ts";
import { type Sentinels, sentinelSeconds } from "../../../postgres/sentinels.ts";
import { type Moment, utcSecond } from "./moment.ts";

/** What a database says of itself, read in one session. Times in milliseconds. */
export interface InsideFacts {
  /** When it was asked, by our clock. */
  readonly askedAt: number;
  /** Since its server was started, by its own clock: two clocks that differ change nothing. */
  readonly uptime: number;
  readonly timeline: number | null;
  /** It still replays. */
  readonly inRecovery: boolean;
  readonly readOnly: boolean;
  /** Tables of users, in all schemas that are not PostgreSQL's own. */
  readonly tables: number;
  /** Null: there are none, or they may not be read. */
  readonly sentinels: Sentinels | null;
}

/** What of the newest set is there, and how much of it. */
export interface ContentFacts {
  /** Id of the set. */
  readonly set: string;
  /** ISO 8601: the state of the database that it has. */
  readonly snapshotAt: string;
  /** Objects of the set that the database does not have, by name; `expected` is how many it should have. */
  readonly objects: { readonly expected: number; readonly missing: readonly string[] };
  readonly tables: {
    /** Of the set, without the platform's own that come and go. */
    readonly expected: number;
    readonly missing: readonly string[];
    /** Fewer rows than the policy's share of the set's. */
    readonly shrunk: readonly string[];
    /** Could not be counted in time. */
    readonly uncounted: number;
    /** Have the very fingerprint that the set noted. */
    readonly equal: number;
  };
  readonly rows: { readonly expected: number; readonly found: number };
}

export interface Evidence {
  readonly target: Moment;
  /** When the request was about to be sent, by our clock. Null: none was. */
  readonly requestedAt: number | null;
  /** What was read before the request, where the database still answered. */
  readonly before: InsideFacts | undefined;
  readonly now: InsideFacts;
  /** Undefined: not compared yet, or there is no set to compare with. */
  readonly contents: ContentFacts | undefined;
}

/** `proven`: shown from inside. `failed`: shown not to be so. `unproven`: neither. */
export type Verdict = "proven" | "unproven" | "failed";

export interface Finding {
  readonly what: "restart" | "state" | "moment" | "rewound" | "catalogue" | "rows";
  readonly verdict: Verdict;
  readonly why: string;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
}

/** Sentinels come a minute apart; pg_cron may be late. What is older says nothing of the time since. */
const gap = (sentinelSeconds + 40) * 1000;

/**
 * Whether a database has gone back to a moment, by what it says itself. What Supabase says of the project does not count here: its
 * first answer after a request is the one from before. Pure.
 */
export function judgeInside(evidence: Evidence): Judgement {
  const findings = [
    judgeRestart(evidence),
    judgeState(evidence),
    ...judgeMoment(evidence),
    judgeCatalogue(evidence),
    judgeRows(evidence),
  ];
  return { verdict: worst(findings), findings };
}

function worst(findings: readonly Finding[]): Verdict {
  if (findings.some(({ verdict }) => verdict === "failed")) return "failed";
  return findings.every(({ verdict }) => verdict === "proven") ? "proven" : "unproven";
}

function judgeRestart({ requestedAt, now }: Evidence): Finding {
  const said = (verdict: Verdict, why: string): Finding => ({ what: "restart", verdict, why });
  const startedAt = now.askedAt - now.uptime;
  if (requestedAt === null) return said("failed", "no recovery was requested");
  return startedAt > requestedAt
    ? said("proven", `its server was started ${formatDuration(startedAt - requestedAt)} after the request`)
    : said(
        "failed",
        `its server has run since ${utcSecond(startedAt)}, before the request: nothing has been restored yet`,
      );
}

function judgeState({ now }: Evidence): Finding {
  const said = (verdict: Verdict, why: string): Finding => ({ what: "state", verdict, why });
  if (now.inRecovery) return said("failed", "it still replays its log");
  return now.readOnly
    ? said("unproven", "it takes no writes: look at its disk")
    : said("proven", "it takes reads and writes");
}

function judgeMoment({ target, before, now }: Evidence): Finding[] {
  const { sentinels } = now;
  const at = target.unix * 1000;
  const said = (what: "moment" | "rewound", verdict: Verdict, why: string): Finding => ({ what, verdict, why });
  const known = before?.sentinels;
  if (sentinels === null || sentinels === undefined) {
    if (known?.before) return [said("moment", "failed", "its sentinels are gone: they were there before the request")];
    return [
      said(
        "moment",
        "unproven",
        "it has no sentinels (`lifeboat sentinels install`): nothing inside says what moment this is",
      ),
    ];
  }
  const { after, before: last } = sentinels;
  if (after.count > 0)
    return [
      said(
        "rewound",
        "failed",
        `${after.count} of its sentinels are from after the moment, up to ${utcSecond(after.newest ?? at)}: it did not go back`,
      ),
    ];
  if (known?.before && (last === null || last.at < known.before.at))
    return [
      said(
        "moment",
        "failed",
        `its newest sentinel from before the moment is ${last === null ? "gone" : `of ${utcSecond(last.at)}`}; one of ${utcSecond(known.before.at)} was there: it went back too far`,
      ),
    ];
  if (last === null) return [said("moment", "unproven", "it has no sentinel from before the moment")];
  const found = [
    at - last.at <= gap
      ? said(
          "moment",
          "proven",
          `its newest sentinel is of ${utcSecond(last.at)}, ${formatDuration(at - last.at)} before the moment`,
        )
      : said(
          "moment",
          "unproven",
          `its newest sentinel is of ${utcSecond(last.at)}, ${formatDuration(at - last.at)} before the moment: it may have gone back too far, or sentinels had stopped`,
        ),
  ];
  const gone = known && known.newest !== null && known.newest > at;
  // What the server itself said counts as much as what its rows say of it: those can be written.
  const lineBefore = Math.max(last.timeline, before?.timeline ?? 0);
  const newLine = now.timeline !== null && now.timeline > lineBefore;
  found.push(
    gone
      ? said(
          "rewound",
          "proven",
          `the sentinels from after the moment, up to ${utcSecond(known.newest ?? at)}, are gone`,
        )
      : newLine
        ? said(
            "rewound",
            "proven",
            `none is from after the moment, and its timeline is ${now.timeline}, ${lineBefore} before`,
          )
        : said(
            "rewound",
            "unproven",
            "no sentinel was known from after the moment: a mere restart would look the same",
          ),
  );
  return found;
}

function judgeCatalogue({ target, now, contents }: Evidence): Finding {
  const said = (verdict: Verdict, why: string): Finding => ({ what: "catalogue", verdict, why });
  if (now.tables === 0) return said("failed", "it has no tables: an empty cluster came up");
  if (contents === undefined) return said("unproven", "it was not compared with a set");
  const { objects, tables, set, snapshotAt } = contents;
  const missing = [...new Set([...tables.missing, ...objects.missing])];
  if (missing.length === 0) return said("proven", `all ${objects.expected} objects of set ${set} are there`);
  // Made after the moment, and in the set: they belong to what was undone.
  const later = Date.parse(snapshotAt) > target.unix * 1000;
  const share = missing.length / Math.max(1, objects.expected);
  const names = `${missing.length} of ${objects.expected} objects of set ${set} are not there (${missing.slice(0, 5).join(", ")}${missing.length > 5 ? ", …" : ""})`;
  if (share > 0.5) return said("failed", names);
  return said("unproven", later ? `${names}; the set is newer than the moment` : names);
}

function judgeRows({ contents }: Evidence): Finding {
  const said = (verdict: Verdict, why: string): Finding => ({ what: "rows", verdict, why });
  if (contents === undefined) return said("unproven", "they were not compared with a set");
  const { rows, tables, set } = contents;
  const counts = `${rows.found} rows, ${rows.expected} in set ${set}`;
  if (rows.expected > 0 && rows.found === 0)
    return said("failed", `its tables are empty; set ${set} has ${rows.expected} rows`);
  if (tables.shrunk.length > 0)
    return said(
      "unproven",
      `${counts}; far fewer in ${tables.shrunk.slice(0, 5).join(", ")}${tables.shrunk.length > 5 ? ", …" : ""}`,
    );
  if (tables.uncounted > 0)
    return said("unproven", `${counts}; ${tables.uncounted} tables could not be counted in time`);
  return said("proven", `${counts}; ${tables.equal} of ${tables.expected} tables have the same contents`);
}
