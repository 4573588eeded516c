import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Minutes, minutesOf } from "../../actions/lib/policy/cost/actions-minutes.ts";
import type { WrittenPart } from "./written-part.ts";

/** What the default schedules may cost in a month. */
const most = 600;

function allMinutes(root: string): Minutes[] {
  return globSync(".github/workflows/*.yml", { cwd: root })
    .toSorted()
    .flatMap((path) => minutesOf(path, readFileSync(join(root, path), "utf8")) ?? []);
}

export function minutesPart(root: string): WrittenPart {
  const all = allMinutes(root);
  const row = (name: string, cells: readonly number[]): string => `| ${[name, ...cells.map(rounded)].join(" | ")} |`;
  const name = (path: string): string => path.replace(/^.*\/|\.yml$/g, "");
  return {
    path: ".github/workflows/README.md",
    mark: "minutes",
    text: [
      "| workflow | attempts a month | that find something to do | minutes |",
      "| --- | --- | --- | --- |",
      ...all.map(({ workflow, attempts, done, minutes }) => row(name(workflow), [attempts, done, minutes])),
      row("together", [sum(all, "attempts"), sum(all, "done"), sum(all, "minutes")]),
    ].join("\n"),
  };
}

const rounded = (amount: number): string => (amount > 0 && amount < 1 ? amount.toFixed(1) : String(Math.round(amount)));

/** @returns a problem when the default schedules cost more than they may */
export function minutesProblems(root: string): string[] {
  const minutes = Math.round(sum(allMinutes(root), "minutes"));
  return minutes <= most
    ? []
    : [`.github/workflows: the schedules take ${minutes} minutes a month, and may take ${most}.`];
}

function sum(all: readonly Minutes[], of: "attempts" | "done" | "minutes"): number {
  return all.reduce((total, each) => total + each[of], 0);
}
