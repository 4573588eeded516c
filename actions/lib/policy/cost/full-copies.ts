import type { BillInput, MonthBill } from "./bill.ts";
import { type BillLine, line, s3GB, sumOf, supabaseGB } from "./line.ts";
import { pricesOf, type RegionPrices } from "./price-list.ts";
import { monthDays } from "./stays.ts";

/**
 * The owner's first document, priced beside ours: a weekly SQL dump for twelve weeks and a monthly archive in Glacier, all files copied
 * whole once a month, everything kept as long as the database (seven years) and replicated. As it was meant: the cron line of its script,
 * `0 2 1-7 * 0`, would copy the files ten times a month.
 */
const meant = { weeklyDays: 84, monthlyDays: 2557, weeklyPerMonth: monthDays / 7 } as const;

/** Lines of the copies alone: what Supabase's plan costs is the same for both. */
export function isOfCopies({ group }: BillLine): boolean {
  return group === "standard" || group === "glacier" || group === "transfer";
}

/** The bill of full copies, month by month from an empty vault. Pure. @throws as `billByMonth` */
export function fullCopiesByMonth(
  { policy, facts, prices }: BillInput,
  months: number,
): Pick<MonthBill, "month" | "lines" | "usd">[] {
  const { region, replicaRegion } = policy.promises.vault;
  const here = pricesOf(prices, region ?? policy.regions[0] ?? "");
  const there = replicaRegion === null ? undefined : pricesOf(prices, replicaRegion);
  const plan = policy.promises.supabase.plan;
  const allowance =
    policy.source.egress.bytesPerMonth ??
    (plan === "enterprise" ? 0 : prices.supabase.plans[plan].egressGB * supabaseGB);
  const { files, sets, growthBytes } = facts;
  const share = sets.daily.storedBytes / Math.max(1, sets.daily.plainBytes);
  const rowsAt = (month: number): number => sets.daily.plainBytes + growthBytes * (month + 0.5);
  const filesAt = (month: number): number => (files === null ? 0 : files.bytes + files.growthBytes * (month + 0.5));
  return Array.from({ length: months }, (_, month) => {
    const weekly = Math.min(month + 0.5, meant.weeklyDays / monthDays) * meant.weeklyPerMonth * rowsAt(month) * share;
    const since = Math.max(0, month - meant.monthlyDays / monthDays);
    const made = Array.from({ length: month + 1 }, (_, earlier) => earlier).filter((earlier) => earlier >= since);
    // The month's own copy lies there for half of it.
    const kept = (bytes: (earlier: number) => number): number =>
      made.reduce((sum, earlier) => sum + bytes(earlier) * (earlier === month ? 0.5 : 1), 0);
    const archives = kept((earlier) => rowsAt(earlier) * share);
    const copies = kept(filesAt);
    const written = (meant.weeklyPerMonth + 1) * rowsAt(month) * share + filesAt(month);
    const read = (meant.weeklyPerMonth + 1) * rowsAt(month) + filesAt(month) + policy.cost.applicationEgressBytes;
    const puts = meant.weeklyPerMonth + 1 + (files === null ? 0 : files.files + files.newFiles * month);
    const stored = (where: string, of: RegionPrices): BillLine[] => [
      ...line("standard", `Weekly dumps ${where}`, weekly / s3GB, "GB", of.month.STANDARD),
      ...line("standard", `Copies of all files ${where}`, copies / s3GB, "GB", of.month.STANDARD),
      ...line("standard", `PUT requests ${where}`, puts, "requests", of.thousand.put, 1000),
      ...line("glacier", `Archives in Glacier ${where}`, archives / s3GB, "GB", of.month.GLACIER),
    ];
    const lines = [
      ...stored("in the vault", here),
      ...(there === undefined
        ? []
        : [
            ...stored("in the replica", there),
            ...line("transfer", "To the replica", written / s3GB, "GB", here.transferGB.regions),
          ]),
      ...line(
        "transfer",
        "Read from Supabase above the plan",
        Math.max(0, read - allowance) / supabaseGB,
        "GB",
        prices.supabase.egressGB,
      ),
    ];
    return { month, lines, usd: sumOf(lines) };
  });
}
