import { ConfigurationError } from "../../base/errors.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { type BillLine, line, supabaseGB } from "./line.ts";
import type { PlanPrices, PriceList } from "./price-list.ts";

/** What Supabase counts in one month. */
interface Used {
  /** Read by the copies, and by the application as the policy has it. */
  readonly egressBytes: number;
  /** Bytes of rows. */
  readonly databaseBytes: number;
  /** Storage's files. */
  readonly fileBytes: number;
}

const missing = (code: string, what: string, known: readonly string[]) =>
  new ConfigurationError(
    code,
    `The price list has no price of ${what}. It has ${known.join(", ")}.`,
    "Correct the policy, or add it to actions/lib/policy/cost/prices.json with the day and the source.",
  );

/** @throws ConfigurationError `price-plan-unknown` */
function planOf({ supabase }: PriceList, plan: Policy["promises"]["supabase"]["plan"]): PlanPrices {
  if (plan !== "enterprise") return supabase.plans[plan];
  throw missing("price-plan-unknown", "plan enterprise, which is as agreed", Object.keys(supabase.plans));
}

/** Bytes that the plan includes: what Supabase bills, or refuses, beyond it. @throws as `supabaseLines` */
export function included(policy: Policy, prices: PriceList): Used {
  const plan = planOf(prices, policy.promises.supabase.plan);
  return {
    egressBytes: policy.source.egress.bytesPerMonth ?? plan.egressGB * supabaseGB,
    databaseBytes: plan.diskGB * supabaseGB,
    fileBytes: policy.monitor.storageBytes ?? plan.storageGB * supabaseGB,
  };
}

/** @throws ConfigurationError `price-plan-unknown`, `price-compute-unknown`, `price-pitr-unknown` */
export function supabaseLines(policy: Policy, prices: PriceList, used: Used): BillLine[] {
  const { supabase } = prices;
  const { plan: name, pitrDays } = policy.promises.supabase;
  const plan = planOf(prices, name);
  const compute = supabase.compute[policy.cost.compute];
  if (compute === undefined)
    throw missing("price-compute-unknown", `compute size ${policy.cost.compute}`, Object.keys(supabase.compute));
  const pitr = pitrDays === null ? 0 : supabase.pitr[pitrDays];
  if (pitr === undefined)
    throw missing("price-pitr-unknown", `${pitrDays} days of point-in-time recovery`, Object.keys(supabase.pitr));
  const above = (bytes: number, gigabytes: number): number => Math.max(0, bytes / supabaseGB - gigabytes);
  return [
    ...line("supabase", `Supabase, plan ${name}`, 1, "month", plan.month),
    ...line(
      "supabase",
      `Compute ${policy.cost.compute}, above the credit`,
      1,
      "month",
      Math.max(0, compute - plan.computeCredit),
    ),
    ...line("supabase", `Point-in-time recovery, ${pitrDays} days`, 1, "month", pitr),
    ...(policy.restoreTest.projectRef === null
      ? []
      : line("supabase", "The staging project of restore tests, micro", 1, "month", supabase.compute["micro"] ?? 0)),
    ...line("supabase", `Disk above ${plan.diskGB} GB`, above(used.databaseBytes, plan.diskGB), "GB", supabase.diskGB),
    ...line(
      "supabase",
      `Files above ${plan.storageGB} GB`,
      above(used.fileBytes, plan.storageGB),
      "GB",
      supabase.storageGB,
    ),
    ...line(
      "transfer",
      `Read from Supabase above ${plan.egressGB} GB`,
      above(used.egressBytes, plan.egressGB),
      "GB",
      supabase.egressGB,
    ),
  ];
}
