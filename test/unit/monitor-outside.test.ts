import { expect, test } from "vitest";
import { judgePublished, judgeWatcher } from "../../actions/lib/policy/monitor/outside.ts";

const now = new Date("2026-11-30T18:00:00Z");
const after = (hours: number): Date => new Date(now.getTime() + hours * 3_600_000);

test("a page that readers get is critical when it is older than 16 hours, or none of ours", () => {
  expect(judgePublished(after(-16), now).state).toBe("ok");
  expect(judgePublished(after(-16.1), now)).toMatchObject({
    state: "critical",
    found: expect.stringMatching(/01:54 UTC/),
  });
  expect(judgePublished(undefined, now).state).toBe("critical");
});

test("a page that readers get with a date that has not come yet is critical: it would count as new until then", () => {
  expect(judgePublished(after(0.5), now).state).toBe("ok");
  expect(judgePublished(after(1000), now)).toMatchObject({
    state: "critical",
    found: expect.stringMatching(/in the future/),
  });
});

test("a watcher that refuses a beat is critical", () => {
  expect(judgeWatcher(undefined).state).toBe("ok");
  expect(judgeWatcher("not_found")).toMatchObject({ state: "critical", found: expect.stringMatching(/not_found/) });
});
