import { describe, expect, test } from "vitest";
import { type WaysQuestion, waysLeft, waysTable } from "../../actions/lib/operations/recover/database-failure/ways.ts";

const at = Date.UTC(2026, 10, 29, 14, 5);
const hour = 3_600_000;
const asked: WaysQuestion = {
  ...{ cause: "not-back", target: { unix: at / 1000, typed: "" }, command: "lifeboat recover database-failure --at …" },
  newestSet: { set: "20261129T120000Z-00000000", snapshotAt: new Date(at - 2 * hour).toISOString() },
  daily: [at + hour, at - 12 * hour, at - 36 * hour],
  pitr: true,
  planB: { started: false, mostUsdPerMonth: 100 },
};
const ways = (change: Partial<WaysQuestion>) =>
  waysLeft({ ...asked, ...change }).map(({ name, loses }) => [name, loses]);

describe("what is left when a recovery does not go on", () => {
  test("is told with what each way loses, the least first; a daily backup from after the moment is none", () => {
    expect(ways({})).toEqual([
      ["go on", 0],
      ["by hand", 0],
      ["plan B", 2 * hour],
      ["Supabase's daily backup", 12 * hour],
    ]);
    expect(waysTable(waysLeft(asked)).rows.map(([name, loss]) => [name, loss])).toEqual([
      ["go on", "nothing of before the moment"],
      ["by hand", "nothing of before the moment"],
      ["plan B", "120 minutes (2 h)"],
      ["Supabase's daily backup", "720 minutes (12 h)"],
    ]);
  });

  test("without point-in-time recovery is the newest set, or a daily backup by hand, click by click", () => {
    expect(ways({ cause: "pitr-off", pitr: false })).toEqual([
      ["plan B", 2 * hour],
      ["Supabase's daily backup", 12 * hour],
    ]);
    const [planB, daily] = waysLeft({ ...asked, cause: "pitr-off", pitr: false });
    expect(planB?.how).toMatch(/--plan-b start .* from set 20261129T120000Z-00000000 \(at most \$100 a month/);
    expect(daily?.how).toMatch(/Scheduled backups: take the one of 2026-11-29 02:05:00 UTC, Restore, confirm/);
  });

  test("warns of a set that is newer than the moment", () => {
    const newestSet = { set: "20261129T160000Z-00000000", snapshotAt: new Date(at + hour).toISOString() };
    expect(waysLeft({ ...asked, newestSet }).find(({ name }) => name === "plan B")?.how).toMatch(
      /newer than the moment/,
    );
  });

  test("does not offer what has failed, what is begun, or what is not there", () => {
    expect(ways({ cause: "restore-failed" }).map(([name]) => name)).not.toContain("go on");
    expect(ways({ planB: { started: true, mostUsdPerMonth: 100 } }).map(([name]) => name)).not.toContain("plan B");
    expect(ways({ cause: "pitr-off", pitr: false, newestSet: undefined, daily: [] })).toEqual([]);
  });
});
