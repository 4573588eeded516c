import { formatBytes, formatDay } from "../../base/measures.ts";
import type { MonthBill } from "../../policy/cost/bill.ts";
import type { Beside, Reached } from "../../policy/cost/forecast.ts";
import { type Group, groups, usdByGroup } from "../../policy/cost/line.ts";
import { monthDays } from "../../policy/cost/stays.ts";
import type { Page, PageTable } from "../../report/page.ts";
import type { CostResult, SevenYears } from "./result.ts";

const names: Readonly<Record<Group, string>> = {
  supabase: "Supabase",
  standard: "S3 Standard",
  glacier: "Glacier",
  transfer: "Transfer",
  actions: "GitHub Actions",
};

/** Two digits, and more where that would be nothing. */
export function dollars(usd: number): string {
  const size = Math.abs(usd);
  return `${usd < 0 ? "−" : ""}$${size > 0 && size < 0.01 ? size.toFixed(4) : size.toFixed(2)}`;
}

const amount = (value: number): string =>
  value >= 1000 ? String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",") : value.toFixed(value < 10 ? 2 : 1);

/** What people read of the bill. @param now of its first month */
export function costPage(result: CostResult, now: Date): Page {
  const [first] = result.months;
  if (first === undefined) throw new Error("A bill has a month at least.");
  return {
    title: "What it costs",
    sentence: sentenceOf(result),
    tables: [
      ...(result.whatIf === null ? [] : [differenceTable(result, result.whatIf)]),
      estimateTable(result.beside),
      linesTable(first),
      forecastTable(result.months, now),
      limitsTable(result.limits),
      sevenYearsTable(result.sevenYears),
    ],
    notes: [
      `Sizes are those of ${result.told}.`,
      ...result.warnings,
      "Not counted: taxes, discounts, what the application itself needs, support, and what an incident or a recovery takes.",
    ],
  };
}

function sentenceOf({ beside, whatIf }: CostResult): string {
  const sum = (value: (one: Beside) => number): string => dollars(beside.reduce((all, one) => all + value(one), 0));
  const over = beside.filter((one) => one.over).map(({ group }) => names[group]);
  const year = `The twelve months to come cost ${sum(({ usd }) => usd)} each, of ${sum(({ estimate }) => estimate)} that the policy expects`;
  const verdict = over.length === 0 ? "nothing is over" : `over: ${over.join(", ")}`;
  if (whatIf === null) return `${year}; ${verdict}.`;
  const more = whatIf.moreAYear < 0 ? "less" : "more";
  return `With ${whatIf.file} a year costs ${dollars(Math.abs(whatIf.moreAYear))} ${more}. ${year}; ${verdict}.`;
}

function estimateTable(beside: readonly Beside[]): PageTable {
  return {
    title: "Beside the estimate: the twelve months to come, USD a month",
    header: ["part", "costs", "estimate", "verdict"],
    rows: beside.map(({ group, usd, estimate, over }) => [
      ...[names[group], dollars(usd), dollars(estimate)],
      over ? `OVER by ${dollars(usd - estimate)}` : "within",
    ]),
  };
}

function linesTable({ lines }: MonthBill): PageTable {
  return {
    title: "The first month, line by line",
    header: ["part", "what", "amount", "USD for one", "USD"],
    rows: lines.map(({ group, what, amount: value, unit, price, usd }) => [
      ...[names[group], what, `${amount(value)} ${unit}`, price.toFixed(7).replace(/0+$/, "").replace(/\.$/, "")],
      dollars(usd),
    ]),
  };
}

function forecastTable(months: readonly MonthBill[], now: Date): PageTable {
  const last = months.length - 1;
  const shown = [...new Set([0, 2, 5, 11, 23, 35, 47, 59, 71, 83, last])].filter((month) => month <= last);
  return {
    title: "Forecast, USD a month",
    header: ["month from", ...groups.map((group) => names[group]), "together"],
    rows: shown.flatMap((month) => {
      const bill = months[month];
      if (bill === undefined) return [];
      const of = usdByGroup(bill.lines);
      const from = formatDay(now.getTime() + month * monthDays * 86_400_000);
      return [[from, ...groups.map((group) => dollars(of[group])), dollars(bill.usd)]];
    }),
  };
}

function limitsTable(limits: readonly Reached[]): PageTable {
  return {
    title: "When a limit is reached",
    header: ["limit", "at", "reached on"],
    rows: limits.map(({ what, limit, unit, day }) => [
      ...[what, unit === "bytes" ? formatBytes(limit) : dollars(limit), day ?? "not in these months"],
    ]),
  };
}

function sevenYearsTable(years: readonly SevenYears[]): PageTable {
  return {
    title: "Copies alone, from an empty vault, USD: ours beside weekly dumps and full copies of all files",
    header: ["years", "ours", "full copies", "ours of full"],
    rows: years.map((one) => [
      ...[one.years, dollars(one.ours), dollars(one.full)],
      one.full === 0 ? "–" : `${((100 * one.ours) / one.full).toFixed(0)} %`,
    ]),
  };
}

function differenceTable({ months }: CostResult, { file, before }: NonNullable<CostResult["whatIf"]>): PageTable {
  const yearOf = (bills: readonly MonthBill[]) => usdByGroup(bills.slice(0, 12).flatMap(({ lines }) => lines));
  const [now, changed] = [yearOf(before), yearOf(months)];
  return {
    title: `The twelve months to come with ${file}, USD`,
    header: ["part", "now", "then", "difference"],
    rows: groups.map((group) => [
      ...[names[group], dollars(now[group]), dollars(changed[group])],
      `${changed[group] >= now[group] ? "+" : ""}${dollars(changed[group] - now[group])}`,
    ]),
  };
}
