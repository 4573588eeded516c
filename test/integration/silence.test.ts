import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { Context } from "../../actions/lib/operations/context.ts";
import { silence } from "../../actions/lib/operations/silence/run-silence.ts";
import { recordingLog } from "./backup-lab.ts";

/** The policy of this repository, changed as a person changes it. */

const root = new URL("../..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "lifeboat-silence-"));
const path = join(folder, "lifeboat.config.ts");
const original = readFileSync(join(root, "lifeboat.config.ts"), "utf8").replace("./actions", join(root, "actions"));
const now = new Date("2026-11-30T12:00:00Z");

beforeEach(() => writeFileSync(path, original));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function context(): Promise<Context> {
  const config = await loadConfig({ needs: [], env: { PATH: process.env["PATH"], LIFEBOAT_POLICY: path } });
  const run = { workflow: "by-hand", runId: "local-1", attempt: 1, url: null, event: "by-hand" };
  return new Context({ config, log: recordingLog(), signal: new AbortController().signal, run });
}

async function silenced(check: string, until: string, reason = "Disk is ordered.", dryRun = false) {
  return silence(await context(), { check, silence: { until, reason }, dryRun }, now);
}

const written = async () => (await context()).config().policy.monitor.silences;

test("a silence stands in the policy between its marks, formatted, and ends there", async () => {
  const { lines } = await silenced("alert-channels", "2026-12-30");
  expect(lines?.join(" ")).toMatch(/as soon as the change of .* is merged/);
  expect(await written()).toEqual([{ check: "alert-channels", until: "2026-12-30", reason: "Disk is ordered." }]);
  const [before, after] = [original, readFileSync(path, "utf8")].map((text) => text.split("// silences:end")[1]);
  expect(after).toBe(before);
  execFileSync(join(root, "node_modules/.bin/biome"), ["format", "--config-path", root, path], { stdio: "pipe" });

  await silenced("promises", "2026-12-01");
  await silenced("alert-channels", "2026-12-02");
  expect((await written()).map(({ check, until }) => [check, until])).toEqual([
    ["promises", "2026-12-01"],
    ["alert-channels", "2026-12-02"],
  ]);
  await silence(
    await context(),
    { check: "alert-channels", silence: undefined, dryRun: false },
    new Date("2026-12-02T00:00:00Z"),
  );
  expect(await written()).toEqual([]);
  expect(readFileSync(path, "utf8")).toBe(original);
});

test("a reason stays text, and what turns its direction is seen in the pull request", async () => {
  await silenced("alert-channels", "2026-12-30", 'It says "no" \\ // silences:end\u202e');
  expect((await written())[0]?.reason).toBe('It says "no" \\ // silences:end\\u{202e}');
  await silence(await context(), { check: "alert-channels", silence: undefined, dryRun: false }, now);
  expect(readFileSync(path, "utf8")).toBe(original);
});

test("what is no check, is over, lasts too long or does not exist is refused, and nothing is written", async () => {
  await expect(silenced("no-such-check", "2026-12-01")).rejects.toMatchObject({
    code: "check-unknown",
    next: expect.stringContaining("alert-channels"),
  });
  await expect(silenced("alert-channels", "2026-11-29")).rejects.toMatchObject({ code: "silence-past" });
  await expect(silenced("alert-channels", "2026-12-31")).rejects.toMatchObject({ code: "silence-too-long" });
  const end = { check: "alert-channels", silence: undefined, dryRun: false };
  await expect(silence(await context(), end, now)).rejects.toMatchObject({ code: "silence-none" });
  await silenced("alert-channels", "2026-12-01", "Only a rehearsal.", true);
  expect(readFileSync(path, "utf8")).toBe(original);
});
