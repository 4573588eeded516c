import { type StatusFacts, statusDocument } from "../../actions/lib/operations/monitor/status.ts";
import type { CheckResult } from "../../actions/lib/policy/monitor/check.ts";
import type { PromiseCheck, PromiseRow } from "../../actions/lib/policy/promises.ts";
import type { Standing } from "../../actions/lib/report/branch/standing.ts";
import type { StatusDocument } from "../../actions/lib/report/dashboard/status.ts";
import type { OperationRow, RunRow } from "../../actions/lib/report/run/run-row.ts";

/** When the page of these tests was made. */
export const madeAt = new Date("2026-11-30T09:14:00Z");

const day = 86_400_000;
const hour = 3_600_000;
const ago = (millis: number): string => new Date(madeAt.getTime() - millis).toISOString();
const groups = ["supabase", "backups", "limits", "github"] as const;

/** A year of a house in order: 365 days of sets and copies of the files. @param size how many checks, and sets that the vault tells of */
export function yearFacts(changes: Partial<StatusFacts> = {}, size = { checks: 9, sets: 12 }): StatusFacts {
  const results = Array.from({ length: size.checks }, (_, index) => checkResult(index));
  return {
    project: "qimma",
    repository: "https://github.com/qimma/backups",
    now: madeAt,
    results,
    state: {
      checks: Object.fromEntries(results.map(({ id }) => [id, { since: ago(40 * day), told: null }])),
      history: Object.fromEntries(
        results.flatMap(({ id, measure }, at) => {
          if (measure === undefined) return [];
          const values = Array.from({ length: 60 }, (_, index) => ({
            day: ago((59 - index) * day).slice(0, 10),
            value: measure.value * (0.9 + (0.1 * index) / 59) + (at % 3),
          }));
          return [[id, values]];
        }),
      ),
      unreached: {},
    },
    silences: [],
    rows: yearOfRuns(),
    standing: standing({}, size.sets),
    promises: promises(),
    runs: ["monitor", "backup", "retention", "restore-test", "disaster-drill"].map((workflow, index) => ({
      workflow,
      at: new Date(madeAt.getTime() + (index * index * 20 + 1.7) * hour).toISOString(),
    })),
    ...changes,
  };
}

export function yearStatus(
  changes: Partial<StatusFacts> = {},
  size?: { checks: number; sets: number },
): StatusDocument {
  return statusDocument(yearFacts(changes, size));
}

export function checkResult(index: number, changes: Partial<CheckResult> = {}): CheckResult {
  const group = groups[index % groups.length] ?? "backups";
  return {
    id: index === 0 ? "supabase-backups" : `check-${index}`,
    group,
    title: `Age of what check ${index} looks at`,
    runbook: "runbooks/backup-failed.md",
    state: "ok",
    found: `The newest copy is of 2026-11-30 04:41 UTC, 4 h 33 min old, which is within the ${index} h that are allowed.`,
    dueAt: new Date(madeAt.getTime() + (20 + index) * hour).toISOString(),
    ...(group === "limits" ? { measure: { value: 3.1e9 + index * 1e8, limit: 8e9, unit: "bytes" as const } } : {}),
    ...changes,
  };
}

function setName(at: string, salt: number): string {
  return `${at.replaceAll(/[-:]|\.\d+/g, "")}-${(salt * 2654435761 + 11).toString(16).padStart(8, "0").slice(-8)}`;
}

function yearOfRuns(): RunRow[] {
  return Array.from({ length: 365 }, (_, index): RunRow => {
    const back = 364 - index;
    const at = ago(back * day + 5 * hour);
    const date = new Date(at);
    const sunday = date.getUTCDay() === 0;
    const tier = sunday ? (date.getUTCDate() <= 7 ? "monthly" : "weekly") : "daily";
    const grown = 1 + index / 900 + Math.sin(index) / 60;
    const set = setName(at, index);
    const backup: OperationRow = {
      ...{ operation: "backup", conclusion: "success", set, tier, snapshotAt: at, seconds: 400 * grown },
      ...{ plainBytes: Math.round(6.2e9 * grown), storedBytes: Math.round(1.1e9 * grown), rows: 9e6, fileBytes: 4e10 },
    };
    const verify: OperationRow[] =
      back % 3 === 0 ? [{ operation: "verify", conclusion: "success", seconds: 90, set, tier, snapshotAt: at }] : [];
    const test: OperationRow[] =
      index % 30 === 2
        ? [{ operation: "test", conclusion: "success", seconds: 1900, set, restoreSeconds: 1500 * grown }]
        : [];
    const missed = back === 101 || back === 230;
    return {
      ...{ at, workflow: "backup", run: String(1000 + index), attempt: 1, event: "schedule", seconds: 500 },
      conclusion: missed ? "failure" : "success",
      operations: missed ? [] : [backup, ...verify, ...test],
    };
  });
}

export function standing(changes: Partial<Standing> = {}, count = 12): Standing {
  const sets = Array.from({ length: count }, (_, index) => {
    const at = ago(index * day + 5 * hour);
    const tier = new Date(at).getUTCDay() === 0 ? ("weekly" as const) : ("daily" as const);
    const set = setName(at, 364 - index);
    return {
      set,
      tier,
      snapshotAt: at,
      plainBytes: 8.7e9 - index * 7e6,
      rows: 9_000_000,
      provenAt: index % 30 === 2 ? ago(2 * hour) : null,
    };
  });
  const [, , tested] = sets;
  return {
    sets,
    source: "vault",
    proven: tested
      ? { set: tested.set, snapshotAt: tested.snapshotAt, provenAt: ago(2 * hour), restoreSeconds: 2100 }
      : null,
    restores: [],
    files: { at: ago(5 * hour), bytes: 4e10 },
    played: [{ scenario: "completeLoss", at: ago(49 * day), minutes: 71, withFiles: true, withPeople: true }],
    ...changes,
  };
}

export function promises(changes: Partial<PromiseRow> = {}): PromiseCheck {
  const row = (row: Pick<PromiseRow, "scenario" | "what" | "promised"> & Partial<PromiseRow>): PromiseRow => ({
    ...{ atWorst: row.promised - 60, now: undefined, measured: undefined, state: "kept" },
    ...row,
    ...changes,
  });
  const rows = [
    row({ scenario: "minorCorruption", what: "RPO", promised: 120 }),
    row({ scenario: "minorCorruption", what: "RTO", promised: 60, measured: 35 }),
    row({ scenario: "databaseFailure", what: "RPO", promised: 120 }),
    row({ scenario: "databaseFailure", what: "RTO", promised: 60, measured: 35 }),
    row({ scenario: "completeLoss", what: "RPO", promised: 1440, now: 300 }),
    row({ scenario: "completeLoss", what: "RTO", promised: 120, measured: 71 }),
    row({ scenario: "regionalDisaster", what: "RPO", promised: 1440, now: 300 }),
    row({ scenario: "regionalDisaster", what: "RTO", promised: 240, measured: 80 }),
  ];
  return { rows, findings: [], green: true, checkedAt: madeAt.toISOString(), online: true };
}

/** The same with something of every kind that can be wrong. */
export function badFacts(): StatusFacts {
  const base = yearFacts();
  const bad: Record<number, Partial<CheckResult>> = {
    1: {
      ...{
        title: "Newest daily set",
        state: "critical",
        found: "The newest set is of 2026-11-28 04:41 UTC, 52 h old; 24 h are allowed.",
      },
      ...{
        means: "A complete loss now would cost two days of work.",
        next: "Open the last run of `backup.yml` and follow the runbook.",
      },
    },
    2: {
      state: "warning",
      title: "Database size",
      found: "The database uses 7.4 GB of 8 GB.",
      means: "At 8 GB it becomes read-only.",
      next: "Buy disk or remove data before 2026-12-09.",
    },
    4: {
      state: "unknown",
      title: "PITR's window",
      found: "The token lacks the permission database:read.",
      means: "Nobody knows whether PITR works.",
      next: "Give the token database:read.",
    },
    7: {
      state: "critical",
      title: "Restore test",
      found: "It is silenced.",
      means: "It is not proven.",
      next: "Wait for the new staging project.",
    },
  };
  const results = base.results.map((result, index) => ({ ...result, ...bad[index] }));
  const told = { level: "critical" as const, at: ago(3 * hour), by: ["slack" as const, "email" as const] };
  const checks = Object.fromEntries(
    Object.entries(base.state.checks).map(([id, record]) => [
      id,
      id === "check-1" ? { ...record, since: ago(6 * hour), told } : record,
    ]),
  );
  return {
    ...base,
    results,
    state: { ...base.state, checks, unreached: { slack: { since: ago(3 * day) } } },
    silences: [{ check: "check-7", until: "2026-12-07", reason: "The staging project is being replaced." }],
    promises: promises({ now: 52 * 60, state: "broken" }),
  };
}
