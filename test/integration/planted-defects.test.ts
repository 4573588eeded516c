import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import type { ProvenTarget } from "../../actions/lib/operations/target/target.ts";
import { type DefectKind, defectKinds } from "../../actions/lib/operations/test-restore/defect/defect.ts";
import { type SelfTestResult, testTheTest } from "../../actions/lib/operations/test-restore/defect/self-test.ts";
import { createProject, execute, type LabProject, seedQimma } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { oddGround, plantTogether } from "./planted-together.ts";
import { restoreInto } from "./restore-lab.ts";

/** Each kind of defect in a restored copy, with several seeds: found, nothing else is blamed, and it can be taken out again. */

let lab: BackupLab;
let cluster: RunningPostgres;
const results = new Map<string, SelfTestResult>();
let blind: SelfTestResult | undefined;
const seeds = ["00000001", "0badcafe"];
const together = new Map<string, { planted: number; wrong: string[] }>();
/** `npm run faults -- --nightly` asks for hundreds: what a seed decides is which row and which column. */
const rounds = Number(process.env["LIFEBOAT_FAULT_SEEDS"] ?? 2);

beforeAll(
  async () => {
    lab = await openBackupLab(sharedS3());
    const source: LabProject = await createProject(sharedPostgres(17).superuserUrl(), `defects_${process.pid}`);
    await seedQimma(source.postgresUrl, { bytes: 1_000_000, seed: 6 });
    await execute(source.postgresUrl, oddGround);
    await backUp(lab, source.backupUrl);
    cluster = await startPostgres(17);
    const staging = await createProject(cluster.superuserUrl(), "staging");
    const plant = (target: ProvenTarget, kind: DefectKind, seed: string) =>
      testTheTest(target, { seed, kind, repair: true, log: silentLog });
    await restoreInto(lab, staging.postgresUrl, {
      whileProven: async (target) => {
        // A restore by itself takes the mark of staging away; what is planted needs a place.
        await execute(staging.postgresUrl, "create schema if not exists lifeboat_staging");
        for (const kind of defectKinds) {
          for (const seed of seeds) results.set(`${kind} ${seed}`, await plant(target, kind, seed));
        }
        const client = await target.connect();
        for (const kind of defectKinds) {
          const bySeed = kind === "changed value" || kind === "lost row";
          for (let round = 1; round <= (bySeed ? rounds : 1); round++) {
            const seed = round.toString(16).padStart(8, "0");
            together.set(`${kind} ${seed}`, await plantTogether(client, target, kind, seed));
          }
        }
        await client.end();
        results.set("extra view 1", await plant(target, "extra view", "00000001"));
        const blinded = { ...target, prove: async () => target.differences };
        blind = await testTheTest(blinded, { seed: "00000001", repair: false, log: silentLog });
      },
    });
  },
  180_000 + rounds * 60_000,
);
afterAll(async () => {
  await cluster?.stop();
  await lab?.[Symbol.asyncDispose]();
});

test.each(defectKinds)("every %s that can be planted is found, whatever the seed chooses", (kind) => {
  const all = [...together].filter(([key]) => key.startsWith(kind)).map(([, one]) => one);
  expect(all.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(Math.min(...all.map(({ planted }) => planted))).toBeGreaterThan(5);
});

test.each(defectKinds.flatMap((kind) => seeds.map((seed) => [kind, seed] as const)))(
  "a %s (seed %s) is found, and nothing else is named",
  (kind, seed) => {
    expect(results.get(`${kind} ${seed}`)).toMatchObject({ kind, outcome: "found", others: [] });
  },
);

test("where nothing else can be damaged, something is added and found", () => {
  expect(results.get("extra view 1")).toMatchObject({ kind: "extra view", outcome: "found", others: [] });
});

test("seeds choose different things", () => {
  const chosen = new Set([...results.values()].map(({ kind, identity }) => `${kind} ${identity}`));
  expect(chosen.size).toBeGreaterThan(defectKinds.length + 4);
});

test("a proof that sees nothing is caught", () => {
  expect(blind?.outcome).toBe("missed");
});
