import { type Policy, type PolicyInput, policySchema } from "../../actions/lib/config/policy/policy.ts";
import type { BillInput } from "../../actions/lib/policy/cost/bill.ts";
import type { CostFacts, SetShape } from "../../actions/lib/policy/cost/facts.ts";
import { readPriceList } from "../../actions/lib/policy/cost/price-list.ts";
import { type RunKind, type Runs, runKinds, type ScheduledRuns } from "../../actions/lib/policy/cost/scheduled-runs.ts";
import { labPolicy } from "../integration/backup-lab.ts";

const GB = 2 ** 30;

const shape: SetShape = {
  ...{ plainBytes: 10e9, storedBytes: GB / 4, objects: 20, uploads: 20, parts: 16, coldBytes: 0, coldObjects: 0 },
};

/** Round numbers: sets of a quarter of a GB, files of 8 GB in the vault that get one a month. */
export const facts: CostFacts = {
  ...{ told: "a test", growthBytes: 0, present: [] },
  sets: { daily: shape, weekly: shape, monthly: { ...shape, coldBytes: GB / 5, coldObjects: 10 } },
  files: {
    ...{ files: 50_000, bytes: 110e9, growthBytes: 0, storedBytes: 8 * GB, objects: 400 },
    ...{ newFiles: 500, newBytes: 40e9, newStoredBytes: GB, newObjects: 60 },
  },
};

/** One set a day, one a week, one a month; the files every day; a restore test a month; 2,500 minutes. */
export function runsOf(change: Partial<Record<RunKind, Runs>> = {}): ScheduledRuns {
  const none: Runs = { attempts: 0, done: 0 };
  const always = (perYear: number): Runs => ({ attempts: perYear, done: perYear });
  return {
    runs: {
      ...(Object.fromEntries(runKinds.map((kind) => [kind, none])) as Record<RunKind, Runs>),
      ...{ daily: always(365.25), weekly: always(365.25 / 7), monthly: always(12), files: always(365.25) },
      restoreTest: always(12),
      ...change,
    },
    opened: 0,
    minutes: 2500,
  };
}

/** Kept as the owner's policy has it, in two regions, with point-in-time recovery of a week. */
export function policyOf(change: Partial<PolicyInput> = {}): Policy {
  const term = (retentionDays: number) => ({ retentionDays, lock: "governance" as const });
  return policySchema.parse({
    ...labPolicy({ recipients: { operations: null, prover: null, escrow: null }, signing: [] }),
    regions: ["us-east-1", "eu-central-1"],
    tiers: { daily: term(30), weekly: term(84), monthly: term(2557) },
    promises: {
      supabase: { plan: "pro", pitrDays: 7 },
      vault: { region: "us-east-1", replicaRegion: "eu-central-1" },
    },
    restoreTest: { target: "default", turns: ["newest", "older", "newest", "archive"] },
    cost: { estimate: { supabase: 25, standard: 10, glacier: 2, transfer: 5 }, compute: "small" },
    ...change,
  });
}

export function inputOf(change: Partial<BillInput> = {}): BillInput {
  return { policy: policyOf(), facts, runs: runsOf(), prices: readPriceList(), ...change };
}
