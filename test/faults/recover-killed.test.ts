import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HandOver } from "../../actions/lib/operations/recover/complete-loss/hand-over.ts";
import { keysIn } from "../integration/backup-lab.ts";
import { type LossLab, openLossLab } from "../integration/loss-lab.ts";

/** One recovery that dies in each of its phases, as a process of its own, and is taken up each time. */

const cli = new URL("../../scripts/lifeboat.mjs", import.meta.url).pathname;
let lab: LossLab;

beforeAll(async () => {
  lab = await openLossLab("killed_project");
  await lab.backUp();
  lab.supabase.world.projects.delete(lab.production.ref);
});
afterAll(() => lab?.[Symbol.asyncDispose]());

/** Runs the command until it prints this, waits a moment, and ends it without a word. @returns what it printed */
async function killedAt(text: string, afterMs: number): Promise<string> {
  const child = spawn(process.execPath, [cli, "recover", "complete-loss", "--migrations", lab.migrations], {
    env: { ...lab.env, CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const seen = Promise.withResolvers<boolean>();
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => {
      output += bytes.toString("utf8");
      if (output.includes(text)) seen.resolve(true);
    });
  child.on("close", () => seen.resolve(false));
  const reached = await seen.promise;
  expect(reached, output).toBe(true);
  await sleep(afterMs);
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.kill("SIGKILL");
  await ended;
  return output;
}

test("killed in each phase, it goes on in the next run, makes one project, and ends equal", async () => {
  // The project is made, and nobody hears of it.
  lab.supabase.world.faults.inject({ kind: "lost", on: /^POST \/v1\/projects$/, times: 1 });
  const phases = [
    ["make the project", 700],
    ["wait until it answers", 1500],
    ["enlarge the disk", 1000],
    ["restore the set", 2500],
    ["apply migrations", 100],
    ["carry the configuration", 3000],
    ["try the configuration", 100],
    ["check the application", 30],
  ] as const;
  for (const [index, [phase, afterMs]] of phases.entries()) {
    const output = await killedAt(`of ${phases.length}: ${phase}`, afterMs);
    expect(output).not.toContain("Recovered into");
    if (index > 0) expect(output).toContain("is taken up");
  }
  const { told } = await lab.recover({ scenario: "complete-loss", migrations: lab.migrations });
  const over = told.result as HandOver;
  expect(over.outcome, over.wrong.join("\n")).toBe("recovered");
  expect(lab.made().map(({ ref }) => ref)).toEqual([over.project.ref]);
  const asked = lab.supabase.requests.filter((request) => request === "POST /v1/projects");
  expect(asked).toHaveLength(1);
  expect(lab.supabase.requests.filter((request) => /^POST .*\/config\/disk$/.test(request))).toHaveLength(1);
  expect(over.phases.map(({ name }) => name)).toEqual(phases.map(([phase]) => phase));
  expect(over.human.filter(({ what }) => what === "took it up")).toHaveLength(phases.length);
  expect(new Set((await keysIn(lab.sets.vault, "recoveries/")).map((key) => key.split("/")[1])).size).toBe(1);
}, 600_000);
