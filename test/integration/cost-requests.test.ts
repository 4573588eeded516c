import { afterAll, beforeAll, expect, test } from "vitest";
import { policySchema } from "../../actions/lib/config/policy/policy.ts";
import { readWorkflows, schedulesOf } from "../../actions/lib/operations/policy-check/promise-check.ts";
import { shapeOf } from "../../actions/lib/policy/cost/facts.ts";
import {
  billed,
  type RequestCounts,
  requestsOfWork,
  requestsWhenDone,
  requestsWhenSkipped,
  type VaultState,
} from "../../actions/lib/policy/cost/request-model.ts";
import { type RunKind, scheduledRuns } from "../../actions/lib/policy/cost/scheduled-runs.ts";
import { manifestSchema, setPrefix, type Tier, tierSchema } from "../../actions/lib/vault/format/manifest.ts";
import own from "../../lifeboat.config.ts";
import { seedQimma } from "../lab/index.ts";
import { fillRows, seedFiles } from "../lab/storage/index.ts";
import { keysIn } from "./backup-lab.ts";
import { type MeteredLab, openMeteredLab } from "./metered-lab.ts";

/**
 * What the bill's model of requests says beside what a meter between Lifeboat and a real store counts: each kind of run of the schedules once,
 * in a vault of forty sets, times how often the workflows of this repository do it in a year.
 */

let metered: MeteredLab;
const hours = 3_600_000;
const ago = (count: number, apart: number, first: number): Date[] =>
  Array.from({ length: count }, (_, index) => new Date(Date.now() - (first + index * apart) * hours));
const inMonth = (times: readonly Date[]): number =>
  times.filter((time) => time.toISOString().slice(0, 7) === new Date().toISOString().slice(0, 7)).length;

// Nothing of the last ten hours, of this week or of this month's archive: each scheduled run finds something to do.
const laid = { daily: ago(20, 12, 11), weekly: ago(4, 168, 200), monthly: ago(17, 730, 1200) };
const snapshots = ago(20, 12, 11);
const reports = ago(60, 5, 6);
const shapes: Partial<Record<Tier, VaultState["shapes"][Tier]>> = {};

beforeAll(async () => {
  metered = await openMeteredLab(700);
  const { project, storage } = metered.lab;
  await seedQimma(project.postgresUrl, { bytes: 4_000_000, seed: 11, superuserUrl: project.superuserUrl });
  await seedFiles(project, storage, { count: 30, bytes: 4_000_000, seed: 5 });
  const synced = await metered.run("sync", { work: "plan" });
  expect(synced.conclusion, synced.sentence).toBe("success");
  for (const tier of tierSchema.options) {
    const made = await metered.run("backup", { tier }, "template");
    expect(made.conclusion, made.sentence).toBe("success");
    const [set = ""] = (await keysIn(metered.template, `database/${tier}/`)).map((key) => key.split("/")[2]);
    const { body } = await metered.template.get(`${setPrefix(tier, set)}manifest.json`);
    shapes[tier] = shapeOf(manifestSchema.parse(JSON.parse(Buffer.from(body).toString("utf8"))));
    await metered.copySet({ tier, set }, laid[tier]);
  }
  const [copied] = await keysIn(metered.vault.files, "snapshots/");
  await metered.copySnapshot(copied?.split("/")[1] ?? "", snapshots);
  await metered.tellRuns(reports);
  // The next copy finds files that were missing.
  await fillRows(project, storage);
}, 1_200_000);
afterAll(() => metered?.[Symbol.asyncDispose]());

interface Compared {
  readonly kind: RunKind;
  readonly how: "done" | "skipped";
  readonly counted: RequestCounts;
  readonly expected: RequestCounts;
}

test("a year of the schedules' requests is what the bill says, within one percent", async () => {
  const state = {
    sets: { daily: laid.daily.length, weekly: laid.weekly.length, monthly: laid.monthly.length },
    snapshots: snapshots.length + 1,
    inMonth: { sets: inMonth(Object.values(laid).flat()), snapshots: inMonth(snapshots) + 1 },
    reports: reports.length + 1,
    shapes: shapes as VaultState["shapes"],
    ...{ objects: 0, newObjects: 1, partsOfObject: 1 },
    // Each copied snapshot has objects that none names: retention tries to remove them, and they are locked.
    removals: { sets: 0, copies: snapshots.length },
  };
  const compared: Compared[] = [];
  const compare = async (kind: RunKind, how: Compared["how"], verb: string, inputs: Record<string, string>) => {
    state.objects = (await keysIn(metered.vault.sets)).length + (await keysIn(metered.vault.files)).length;
    const { conclusion, sentence, hurried, counts } = await metered.run(verb, inputs);
    if (hurried) return false;
    // The monitor of a lab finds much that is critical.
    if (kind !== "monitor") expect(conclusion, sentence).toBe(how === "skipped" ? "skipped" : "success");
    const asks = inputs["once-per"] !== undefined;
    const model = how === "skipped" ? requestsWhenSkipped : asks ? requestsWhenDone : requestsOfWork;
    compared.push({ kind, how, counted: counts, expected: model(kind, state) });
    state.reports++;
    if (how === "skipped") return true;
    if (kind === "daily" || kind === "weekly" || kind === "monthly") {
      state.sets[kind]++;
      state.inMonth.sets++;
    }
    if (kind === "files") {
      state.snapshots++;
      state.inMonth.snapshots++;
    }
    return true;
  };
  for (const [tier, oncePer] of [
    ["daily", "10h"],
    ["weekly", "week"],
    ["monthly", "month-from-sunday"],
  ] as const)
    for (const how of ["done", "skipped"] as const) await compare(tier, how, "backup", { tier, "once-per": oncePer });
  await compare("files", "done", "sync", { work: "plan" });
  await compare("files", "skipped", "sync", { work: "plan", "once-per": "10h" });
  await compare("kit", "done", "kit", { action: "build" });
  await compare("kit", "skipped", "kit", { action: "build", "once-per": "month" });
  await compare("retention", "done", "retention", {});
  await compare("publish", "done", "publish", { jobs: "{}", token: "none" });
  // On a machine that is busy some of its checks give up, and ask less: then it looks again.
  for (let tries = 1; !(await compare("monitor", "done", "monitor", { token: "none" })) && tries < 6; tries++)
    state.reports++;

  const policy = policySchema.parse(own);
  const { runs } = scheduledRuns(readWorkflows(), schedulesOf({ policy }));
  const year = (of: "counted" | "expected") =>
    compared.reduce(
      (sum, one) => {
        const { attempts, done } = runs[one.kind];
        const times = one.how === "done" ? done : attempts - done;
        const { put, get } = billed(one[of]);
        return { put: sum.put + put * times, get: sum.get + get * times };
      },
      { put: 0, get: 0 },
    );
  const [counted, expected] = [year("counted"), year("expected")];
  const table = compared
    .map(({ kind, how, counted, expected }) => `${kind} ${how}: ${JSON.stringify({ counted, expected })}`)
    .join("\n");
  expect(Math.abs(expected.put / counted.put - 1), table).toBeLessThan(0.01);
  expect(Math.abs(expected.get / counted.get - 1), table).toBeLessThan(0.01);
  // No kind of run hides behind the others.
  for (const one of compared) {
    const [a, b] = [billed(one.counted), billed(one.expected)];
    for (const of of ["put", "get"] as const)
      expect(Math.abs(a[of] - b[of]), `${one.kind} ${one.how}: ${of}\n${table}`).toBeLessThanOrEqual(
        Math.max(3, a[of] * 0.1),
      );
  }
}, 1_200_000);
