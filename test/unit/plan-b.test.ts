import { beforeEach, expect, test, vi } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { realClock } from "../../actions/lib/base/flow/clock.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { besideIt } from "../../actions/lib/operations/recover/database-failure/plan-b.ts";

/** What is said of plan B's project when plan B itself has broken off; the projects and the vault are stood in for. */

const { runLoss, fenceOff, state } = vi.hoisted(() => ({
  runLoss: vi.fn(),
  fenceOff: vi.fn(),
  state: {
    ...{ id: "20261129T120001Z-00000000", scenario: "complete-loss", ended: null as { how: string } | null },
    facts: () => ({ ref: "planbplanbplanbplanb" }),
    noteHuman: async () => undefined,
    async end(how: string) {
      state.ended = { how };
    },
  },
}));
vi.mock("../../actions/lib/operations/recover/complete-loss/run.ts", () => ({ runLoss }));
vi.mock("../../actions/lib/operations/recover/database-failure/fence.ts", () => ({ fenceOff }));
vi.mock("../../actions/lib/operations/recover/access.ts", () => ({
  openRecoveries: async () => ({ known: [state], [Symbol.dispose]: () => undefined }),
}));

const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(resolve, 10, value));
const ways = (outer: boolean) => [
  { what: "cron jobs and webhooks", inside: true, done: false, note: "" },
  { what: "database and pooler", inside: false, done: outer, note: "" },
];
const beside = (inPlace: Promise<OperationError | undefined>) =>
  besideIt({
    context: { log: silentLog, signal: new AbortController().signal, env: {}, who: "a test" } as never,
    ...{ place: { api: {}, ref: "production" } as never, request: {} as never, folder: undefined, again: false },
    ...{ set: "latest", recovery: "20261129T120000Z-00000000", clock: realClock, inPlace },
  });

beforeEach(() => {
  state.ended = null;
  fenceOff.mockReset().mockResolvedValue(ways(true));
});

test.each([
  ["failed", () => Promise.reject(new OperationError("phase-late", "The project never came up.", "Look."))],
  ["differs", () => Promise.resolve({ failure: { code: "x", message: "A table differs.", next: "Look." } })],
])("plan B %s, and the database comes back: its project is named and shut off", async (_how, ends) => {
  runLoss.mockImplementation(ends);
  const outcome = await beside(later(undefined));
  expect(outcome).toMatchObject({ winner: "in place", loser: { recovery: state.id, ref: "planbplanbplanbplanb" } });
  expect(outcome).toMatchObject({
    planB: expect.stringMatching(/planbplanbplanbplanb is shut off .*--remove-project/),
  });
  expect(fenceOff.mock.calls.map(([, ref]) => ref)).toEqual(["planbplanbplanbplanb"]);
  expect(state.ended).toEqual({ how: "given up" });
});

test("a project of plan B that does not let itself be shut off is said to be open", async () => {
  fenceOff.mockResolvedValue(ways(false));
  runLoss.mockRejectedValue(new OperationError("phase-late", "The project never came up.", "Look."));
  expect(await beside(later(undefined))).toMatchObject({ planB: expect.stringMatching(/is NOT shut off: do it in/) });
});

test("where neither serves, plan B's project is named, and stays open", async () => {
  runLoss.mockRejectedValue(new OperationError("phase-late", "The project never came up.", "Look."));
  const outcome = await beside(later(new OperationError("recovery-not-back", "It is not back.", "Decide.")));
  expect(outcome).toMatchObject({
    winner: "nobody",
    planB: expect.stringMatching(/project planbplanbplanbplanb is there, is not shut off and costs money/),
  });
  expect(fenceOff).not.toHaveBeenCalled();
});
