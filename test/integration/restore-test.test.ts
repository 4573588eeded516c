import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../actions/lib/config/load.ts";
import type { PolicyInput } from "../../actions/lib/config/policy/policy.ts";
import { defectKinds, SeededChoice } from "../../actions/lib/operations/test-restore/defect/defect.ts";
import { signDetached } from "../../actions/lib/seal/keys/signature.ts";
import { retentionOf } from "../../actions/lib/vault/bucket/lock.ts";
import { provenBy } from "../../actions/lib/vault/configured.ts";
import { encodeProof, provenSets, readProofs, writeProof } from "../../actions/lib/vault/sets/proof-store.ts";
import { lifeboat as command } from "../lab/command-line.ts";
import { execute, PLANTED_EMAIL } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { stagingRef } from "./restore-test-lab.ts";
import { openStagingLab, type StagingLab } from "./staging-lab.ts";

const students = "select id from auth.users order by id limit 2";
const application: NonNullable<PolicyInput["restoreTest"]> & { checks: { name: string }[] } = {
  checks: [
    {
      kind: "sql",
      name: "every user has a profile",
      query: "select count(*) from auth.users u where not exists (select from public.users p where p.id = u.id)",
      expect: { value: 0 },
    },
    { kind: "sql", name: "there are exams", query: "select 1 from exams", expect: { rows: { min: 1 } } },
    {
      kind: "rls",
      name: "a student sees himself alone",
      query: "select id, full_name from public.users",
      people: students,
    },
    {
      kind: "command",
      name: "a program",
      argv: [process.execPath, "-e", "process.exit(process.env.STAGING_PROJECT_REF ? 0 : 1)"],
      env: ["STAGING_PROJECT_REF"],
    },
  ],
  performance: {
    runs: 5,
    minimumMs: 5000,
    queries: [{ name: "results", query: "select exam_id, avg(score) from student_submissions group by exam_id" }],
    lookups: [{ name: "one submission", table: "student_submissions", column: "id" }],
  },
};

let on: StagingLab;

beforeAll(async () => {
  on = await openStagingLab(["weekly", "daily"]);
});
afterAll(() => on?.[Symbol.asyncDispose]());

describe("a marked project", () => {
  test("takes a set, proves it, and is empty afterwards", async () => {
    await on.tests.mark();
    on.tests.policy(application);
    const report = await on.tests.report();
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ outcome: "proven", set: on.sets[1], turn: "newest", copy: { state: "wiped" } });
    expect(report.checks.map(({ name, outcome }) => `${name}: ${outcome}`)).toEqual(
      application.checks.map(({ name }) => `${name}: passed`),
    );
    expect(report.defect).toMatchObject({ outcome: "found", others: [] });
    expect(report.performance).toMatchObject([
      { verdict: "first" },
      { verdict: "first", indexes: ["student_submissions_pkey"] },
    ]);
    expect(report.stages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["empty staging", "data", "prove", "application checks", "planted defect", "wipe"]),
    );
    expect(await on.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("leaves a proof that the prover signed, locked, about the manifest's very bytes", async () => {
    const config = await loadConfig({ needs: [], env: on.tests.env });
    const verify = await provenBy(config);
    const [newest] = await provenSets(on.lab.vault, verify);
    expect(newest).toMatchObject({ set: on.sets[1], tier: "daily", proof: { outcome: "proven", turn: "newest" } });
    const { proofs, refused } = await readProofs(on.lab.vault, verify);
    expect(refused).toEqual([]);
    expect(proofs[0]?.signedBy.fingerprint).toBe(on.lab.prover.fingerprint);
    expect(await retentionOf(on.lab.vault, proofs[0]?.key ?? "")).toMatchObject({ mode: "GOVERNANCE" });
    expect(JSON.stringify(proofs)).not.toContain(PLANTED_EMAIL);
  });

  test("takes a lost row out of staging with everything else, whatever the seed damages", async () => {
    const seed = Array.from({ length: 1000 }, (_, at) => at.toString(16).padStart(8, "0")).find(
      (one) => new SeededChoice(one).shuffled(defectKinds)[0] === "lost row",
    );
    const report = await on.tests.report({ set: "latest", seed });
    expect(report.defect).toMatchObject({ kind: "lost row", outcome: "found" });
    expect(await on.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("does nothing when the month has its proof", async () => {
    expect(await on.tests.run({ oncePerMonth: true })).toMatchObject({ outcome: "nothing-to-do", set: on.sets[1] });
  });

  test("takes an older set next, compares its speed with the last, and repeats a defect by its seed", async () => {
    const [first, second] = [
      await on.tests.report({ seed: "00c0ffee" }),
      await on.tests.report({ set: on.sets[0], seed: "00c0ffee" }),
    ];
    expect(first).toMatchObject({ outcome: "proven", turn: "older", set: on.sets[0] });
    expect(first.performance).toMatchObject([{ verdict: "as-before" }, { verdict: "as-before", unusedIndexes: [] }]);
    expect(second.turn).toBe("named");
    expect(second.defect).toEqual(first.defect);
    const config = await loadConfig({ needs: [], env: on.tests.env });
    expect((await provenSets(on.lab.vault, await provenBy(config))).map(({ set }) => set)).toEqual([
      on.sets[1],
      on.sets[0],
    ]);
  });

  test("a set whose application checks fail is not proven, and what each found is told without its values", async () => {
    on.tests.policy({
      checks: [
        { kind: "sql", name: "wrong", query: "select email from auth.users limit 1", expect: { value: "nobody" } },
        { kind: "sql", name: "slow", query: "select pg_sleep(60)", expect: { rows: 1 }, timeoutSeconds: 0.2 },
        { kind: "sql", name: "writes", query: "delete from public.exams returning 1", expect: { rows: 1 } },
        {
          kind: "rls",
          name: "everybody sees all",
          query: "select id from auth.users",
          people: students,
          expect: { between: "same" },
        },
        { kind: "rls", name: "nobody to ask", query: "select 1", people: "select 1 where false" },
        { kind: "http", name: "no address", path: "/rest/v1/" },
        { kind: "command", name: "hangs", argv: ["sleep", "60"], timeoutSeconds: 0.2 },
        { kind: "command", name: "is not there", argv: ["/no/such/program"] },
      ],
    });
    const report = await on.tests.report();
    expect(report.outcome).toBe("failed");
    expect(report.checks.map(({ name, outcome }) => [name, outcome])).toEqual([
      ["wrong", "failed"],
      ["slow", "timed-out"],
      ["writes", "failed"],
      ["everybody sees all", "failed"],
      ["nobody to ask", "failed"],
      ["no address", "not-run"],
      ["hangs", "timed-out"],
      ["is not there", "failed"],
    ]);
    expect(JSON.stringify(report)).not.toMatch(/@qimma\.example/);
    const config = await loadConfig({ needs: [], env: on.tests.env });
    const { proofs } = await readProofs(on.lab.vault, await provenBy(config));
    expect(proofs.at(-1)?.proof.outcome).toBe("failed");
    expect(await on.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("broken off in the middle, it starts afresh", async () => {
    on.tests.policy(application);
    const stop = new AbortController();
    const stopping = {
      ...on.log,
      group: <T>(title: string, work: () => Promise<T>) => {
        if (title === "keys and indexes") stop.abort(new Error("stopped"));
        return work();
      },
    };
    await expect(on.tests.run({ log: stopping, signal: stop.signal })).rejects.toThrow();
    expect(await on.whatIsThere()).toMatchObject({ state: "testing" });
    expect(await on.tests.report({ set: "latest" })).toMatchObject({ outcome: "proven" });
    expect(await on.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
  });

  test("a copy that is kept is whole, is left alone, and goes when it is told to", async () => {
    const report = await on.tests.report({ set: "latest", keepHours: 1 });
    expect(report.copy.state).toBe("kept");
    expect(await on.whatIsThere()).toMatchObject({ state: "kept", exams: true });
    await expect(on.tests.run()).rejects.toMatchObject({ code: "staging-kept" });
    await expect(on.tests.mark()).rejects.toMatchObject({ code: "staging-not-empty" });
    expect(await on.tests.wipe()).toMatchObject({ outcome: "wiped" });
    expect(await on.whatIsThere()).toEqual({ state: "empty", people: 0, exams: false });
    expect(await on.tests.wipe()).toMatchObject({ outcome: "empty-already" });
  });

  test("a marker that came with a copy of the database does not count", async () => {
    await execute(on.staging.superuserUrl, "update lifeboat_staging.marker set system_identifier = '1'");
    await expect(on.tests.run()).rejects.toMatchObject({ code: "staging-marker-differs" });
    await on.tests.mark();
  });
});

describe("the command", () => {
  const lifeboat = (...args: string[]) =>
    command(args, { ...on.tests.env, LIFEBOAT_PG_BIN: sharedPostgres(17).binDir });

  test("says what it would do, empties, and refuses a ref that is not staging's", async () => {
    const dry = await lifeboat("test-restore", "--dry-run", "--json");
    expect(dry.code).toBe(0);
    expect(JSON.parse(dry.stdout)).toMatchObject({ outcome: "dry-run", projectRef: stagingRef, checks: 4, queries: 2 });
    expect((await lifeboat("test-restore", "--wipe")).stdout).toContain("is empty already");
    expect((await lifeboat("test-restore", "--mark-staging", "another")).code).toBe(2);
    expect((await lifeboat("test-restore", "--seed", "zzz")).stderr).toContain("8 hexadecimal digits");
  });

  test("list shows which sets are proven, and since when", async () => {
    const listed = JSON.parse((await lifeboat("list", "--json")).stdout);
    expect(listed.sets.map(({ provenAt }: { provenAt: string | null }) => typeof provenAt)).toEqual([
      "string",
      "string",
    ]);
    expect((await lifeboat("list")).stdout).toContain("the newest proven one of");
  });
});

describe("a proof does not count", () => {
  test("when another key than the prover's signed it, or it lies with another set", async () => {
    const config = await loadConfig({ needs: [], env: on.tests.env });
    const verify = await provenBy(config);
    const { proofs } = await readProofs(on.lab.vault, verify);
    const [genuine] = proofs;
    if (genuine === undefined) throw new Error("there is no proof");
    const forged = { ...genuine.proof, proof: "20990101T000000Z-00000000" };
    const bytes = encodeProof(forged);
    await writeProof(on.lab.vault, forged, bytes, await signDetached(bytes, on.lab.operations), null);
    const { body } = await on.lab.vault.get(genuine.key);
    const { body: signature } = await on.lab.vault.get(`${genuine.key}.sig`);
    const elsewhere = "proofs/20990101T000000Z-11111111/20990101T000000Z-00000000.json";
    await on.lab.vault.put(elsewhere, body);
    await on.lab.vault.put(`${elsewhere}.sig`, signature);
    const { proofs: after, refused } = await readProofs(on.lab.vault, verify);
    expect(after).toEqual(proofs);
    expect(refused.map(({ problem }) => problem)).toEqual([
      expect.stringContaining("not among the pinned"),
      "it was signed for another place",
    ]);
  });

  test("when its set has another manifest by now", async () => {
    const config = await loadConfig({ needs: [], env: on.tests.env });
    const before = await provenSets(on.lab.vault, await provenBy(config));
    const gone = before.find(({ set }) => set === on.sets[0]);
    const key = `database/${gone?.tier}/${gone?.set}/manifest.json`;
    const { body } = await on.lab.vault.get(key);
    await on.lab.vault.put(key, Buffer.concat([body, Buffer.from("\n")]));
    expect((await provenSets(on.lab.vault, await provenBy(config))).map(({ set }) => set)).toEqual([on.sets[1]]);
  });
});

test("no line of any of it holds a person's datum", () => {
  expect(on.log.lines.join("\n")).not.toMatch(new RegExp(`${PLANTED_EMAIL}|@qimma\\.example`));
});
