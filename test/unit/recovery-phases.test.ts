import { expect, test } from "vitest";
import { ConfigurationError, OperationError } from "../../actions/lib/base/errors.ts";
import { type Log, silentLog } from "../../actions/lib/base/log.ts";
import { formatInstant } from "../../actions/lib/base/measures.ts";
import { type Phase, type PhaseTime, runPhases, shares } from "../../actions/lib/operations/recover/phases.ts";
import { VirtualClock } from "../lab/virtual-clock.ts";

type Done = string[];

function phase(name: string, run: Phase<Done>["run"], more: Partial<Phase<Done>> = {}): Phase<Done> {
  return {
    ...{ name, does: `Does ${name}.`, waitsFor: "nobody", usuallySeconds: 10, deadlineSeconds: 60 },
    ...{ whenLate: `Decide about ${name}.`, late: "ends", run, ...more },
  };
}

/** A record that can be killed: from then on nothing more is noted. */
function world() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const log: Log = {
    ...silentLog,
    info: (line) => void lines.push(line),
    warn: (line) => void lines.push(`! ${line}`),
  };
  const times: PhaseTime[] = [];
  const record = {
    times,
    async noteTime(time: PhaseTime) {
      times.push(time);
    },
  };
  const run = { record, clock, log, signal: new AbortController().signal, again: "Run it again." };
  return { clock, lines, times, run };
}

test("phases run in order, each is announced with its time, and one that is done is never run again", async () => {
  const { lines, times, run, clock } = world();
  const done: Done = [];
  const phases = ["make", "fill", "check"].map((name) =>
    phase(name, async (work, signal) => {
      await clock.sleep(5000, signal);
      work.push(name);
    }),
  );
  await runPhases(phases, done, run);
  expect(done).toEqual(["make", "fill", "check"]);
  expect(times.map(({ begunAt, endedAt, late }) => [begunAt, endedAt, late])).toEqual([
    ["2026-11-22T22:15:00.000Z", "2026-11-22T22:15:05.000Z", false],
    ["2026-11-22T22:15:05.000Z", "2026-11-22T22:15:10.000Z", false],
    ["2026-11-22T22:15:10.000Z", "2026-11-22T22:15:15.000Z", false],
  ]);
  expect(lines.join("\n")).toContain("Usually takes 10 s; it has until 2026-11-22T22:16:00Z");
  expect(lines.join("\n")).toContain("After that: Decide about make.");
  await runPhases(phases, done, run);
  expect(done).toEqual(["make", "fill", "check"]);
});

test("killed in each phase, a recovery goes on there and does nothing twice that it has noted", async () => {
  for (const killed of ["make", "fill", "check"]) {
    const { run } = world();
    const done: Done = [];
    let alive = true;
    const phases = ["make", "fill", "check"].map((name) =>
      phase(name, async (work) => {
        if (alive && name === killed) throw new Error("killed");
        work.push(name);
      }),
    );
    await expect(runPhases(phases, done, run)).rejects.toMatchObject({
      ...{ code: "recovery-failed", exitCode: 1, next: "Run it again." },
      message: expect.stringMatching(new RegExp(`^${killed}: failed`)),
    });
    alive = false;
    await runPhases(phases, done, run);
    expect(done).toEqual(["make", "fill", "check"]);
  }
});

test("what does not come ends at its deadline with what to do, and hears of it", async () => {
  const { clock, lines, run, times } = world();
  let heard: unknown;
  const hanging = phase("wait", async (_work, signal) => {
    await clock.sleep(3_600_000, signal).catch((error: unknown) => {
      heard = error;
    });
  });
  const begun = clock.now();
  await expect(runPhases([hanging], [], run)).rejects.toMatchObject({
    ...{ code: "phase-late", exitCode: 1, next: "Decide about wait. Run it again." },
    message: "wait: It has not come after 1 min.",
  });
  expect(clock.now() - begun).toBe(60_000);
  expect(heard).toMatchObject({ code: "phase-late" });
  expect(times).toEqual([]);
  expect(lines.some((line) => line.startsWith("! wait: takes longer than usual, 20 s so far"))).toBe(true);
});

test("work that is deaf to its end keeps nobody waiting", async () => {
  const { run, clock } = world();
  const deaf = phase("wait", () => new Promise(() => {}));
  const begun = clock.now();
  await expect(runPhases([deaf], [], run)).rejects.toMatchObject({ code: "phase-late" });
  expect(clock.now() - begun).toBeLessThanOrEqual(70_000);
});

test("what may go on beyond its deadline is told loudly, again and again, and noted as late", async () => {
  const { clock, lines, run, times } = world();
  await runPhases([phase("load", (_work, signal) => clock.sleep(150_000, signal), { late: "goes on" })], [], run);
  expect(lines.filter((line) => line.startsWith("! LATE: load"))).toEqual([
    "! LATE: load takes 1 min now. It is not broken off. What to do: Decide about load.",
    "! LATE: load takes 2 min now. It is not broken off. What to do: Decide about load.",
  ]);
  expect(times).toMatchObject([{ phase: "load", late: true }]);
});

test("a refusal in a recovery that has begun is no refusal any more, and foreign errors tell nothing of rows", async () => {
  const { run } = world();
  const refusing = phase("fill", async () => {
    throw new ConfigurationError("target-not-empty", "The target is not empty.", "Empty it.");
  });
  const refused: unknown = await runPhases([refusing], [], run).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(OperationError);
  expect(refused).toMatchObject({ code: "target-not-empty", exitCode: 1, next: "Empty it. Run it again." });
  const leaking = phase("fill", async () => {
    throw Object.assign(new Error("Key (email)=(a@example.org) exists"), { code: "23505" });
  });
  await expect(runPhases([leaking], [], run)).rejects.toMatchObject({ message: "fill: failed (Error; 23505)." });
});

test("a recovery that is called off ends with the reason, whatever its phase makes of it", async () => {
  const { run, clock } = world();
  const stop = new AbortController();
  const phases = [
    phase("wait", async (_work, signal) => {
      stop.abort(new OperationError("lease-lost", "The lease is lost.", "Wait."));
      await clock.sleep(1000, signal);
    }),
  ];
  await expect(runPhases(phases, [], { ...run, signal: stop.signal })).rejects.toMatchObject({ code: "lease-lost" });
});

test("deadlines are shares of the RTO, and leave time for people", () => {
  const seconds = shares({ make: 1, fill: 3 }, 120);
  expect(seconds).toEqual({ make: 1350, fill: 4050 });
  expect(Object.values(seconds).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(120 * 60 * 0.75);
});

test("moments are told in UTC, and here", () => {
  const zone = process.env["TZ"];
  try {
    process.env["TZ"] = "UTC";
    expect(formatInstant("2026-11-24T23:41:07.250Z")).toBe("2026-11-24T23:41:07Z");
    process.env["TZ"] = "Asia/Kolkata";
    expect(formatInstant("2026-11-24T23:41:07.250Z")).toBe("2026-11-24T23:41:07Z (2026-11-25T05:11:07+05:30 here)");
    process.env["TZ"] = "America/New_York";
    expect(formatInstant("2026-11-24T23:41:07.250Z")).toBe("2026-11-24T23:41:07Z (18:41:07-05:00 here)");
  } finally {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  }
});
