import { expect, test } from "vitest";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { patiently, tryParts } from "../../actions/lib/operations/configuration/trial.ts";
import { isUnasked, judgeFunction, type Trial } from "../../actions/lib/operations/configuration/trial-rules.ts";
import { VirtualClock } from "../lab/virtual-clock.ts";

/** What is tried at a new project, where something else than the project is at fault. */

const { signal } = new AbortController();
const failed: Trial = { what: "function grade", outcome: "failed", why: "it does not start (BOOT_ERROR)" };

test("what breaks one trial hides nothing that another found, stops none, and tells no row", async () => {
  const trials = await tryParts(
    {
      "settings and functions": async () => [failed],
      login: () => Promise.reject(new OperationError("api-denied", "The token may not look.", "")),
      other: () => Promise.reject(Object.assign(new Error("row of Ada"), { code: "42501" })),
    },
    signal,
  );
  expect(trials[0]).toBe(failed);
  expect(trials.slice(1)).toMatchObject([
    { what: "login", outcome: "not tried", why: "it could not be asked: The token may not look" },
    { what: "other", outcome: "not tried", why: expect.stringContaining("42501") },
  ]);
  expect(trials.slice(1).every(isUnasked)).toBe(true);
  expect(JSON.stringify(trials)).not.toContain("Ada");
});

test("a recovery that is called off is not told as tried", async () => {
  const stop = new AbortController();
  const part = () => {
    stop.abort(new Error("called off"));
    return Promise.reject(new Error("cut"));
  };
  await expect(tryParts({ login: part }, stop.signal)).rejects.toThrow("called off");
});

test.each([502, 504, 520, 522, 530, 540])("status %i is a gateway's, and no proof that a function starts", (status) => {
  const answer = { status, json: undefined, code: undefined };
  expect(judgeFunction({ slug: "grade", verifyJwt: false }, answer).outcome).toBe("failed");
});

test("a function's own refusal is an answer of a function that starts", () => {
  for (const status of [200, 204, 400, 405, 500])
    expect(
      judgeFunction({ slug: "grade", verifyJwt: false }, { status, json: undefined, code: undefined }),
    ).toMatchObject({ outcome: "verified" });
});

test("what fails is tried again for half a minute, and once where others have used the time", async () => {
  const clock = new VirtualClock("2026-11-29T06:00:00.000Z");
  const begun = clock.now();
  let asked = 0;
  const attempt = () => {
    asked++;
    return Promise.resolve(failed);
  };
  expect(await patiently({ clock, signal }, attempt)).toBe(failed);
  expect([asked, clock.now() - begun]).toEqual([5, 37_000]);
  asked = 0;
  await patiently({ clock, signal, begun: begun - 120_000 }, attempt);
  expect(asked).toBe(1);
});
