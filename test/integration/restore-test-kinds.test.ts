import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProject, dropProject, type LabProject, seedQimma } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { type BackupLab, backUp, openBackupLab } from "./backup-lab.ts";
import { openRestoreTestLab, type RestoreTestLab } from "./restore-test-lab.ts";

/** Restore tests of other kinds than the usual: an older server, an archive, an API that is asked. */

describe.each([
  [15, 15],
  [15, 17],
] as const)("a set of PostgreSQL %i in a staging project of %i", (from, to) => {
  let lab: BackupLab;
  let source: LabProject;
  let cluster: RunningPostgres;
  let api: Server;
  let tests: RestoreTestLab;
  const asked: string[] = [];

  beforeAll(async () => {
    lab = await openBackupLab(sharedS3());
    source = await createProject(sharedPostgres(from).superuserUrl(), `kinds_${from}_${to}_${process.pid}`);
    await seedQimma(source.postgresUrl, { bytes: 300_000, seed: 21 });
    await backUp(lab, source.backupUrl, { tier: "monthly" });
    cluster = await startPostgres(to);
    const staging = await createProject(cluster.superuserUrl(), "staging");
    tests = openRestoreTestLab(lab, staging.postgresUrl);
    api = createServer((request, response) => {
      asked.push(`${request.headers["apikey"]} ${request.headers.authorization}`);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify([{ id: 1, subject: "math" }]));
    });
    await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
    Object.assign(tests.env, {
      STAGING_API_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}/`,
      STAGING_ANON_KEY: "a-key-of-staging",
    });
    await tests.mark();
  });
  afterAll(async () => {
    api?.closeAllConnections();
    await new Promise((resolve) => api?.close(resolve));
    await cluster?.stop();
    await dropProject(sharedPostgres(from).superuserUrl(), source.name);
    await lab?.[Symbol.asyncDispose]();
  });

  test("an archive is proven, twice, and the API is asked with keys out of the environment", async () => {
    const headers = {
      apikey: { env: "STAGING_ANON_KEY" },
      authorization: { env: "STAGING_ANON_KEY", prefix: "Bearer " },
    };
    tests.policy({
      turns: ["archive"],
      checks: [
        {
          ...{ kind: "http", name: "exams", path: "/rest/v1/exams?limit=1", headers },
          expect: {
            json: [
              { path: ["0", "subject"], equals: "math" },
              { path: [], length: 1 },
            ],
          },
        },
        { kind: "http", name: "a key that is not set", path: "/", headers: { apikey: { env: "NO_SUCH_KEY" } } },
        { kind: "http", name: "another answer", path: "/", expect: { status: 401 } },
      ],
    });
    const first = await tests.report();
    expect(first.differences.filter(({ verdict }) => verdict !== "expected")).toEqual([]);
    // With its seed, which repeats it: `lifeboat test-restore --seed`.
    expect(first.defect).toEqual({ ...first.defect, outcome: "found", others: [] });
    expect(first).toMatchObject({ tier: "monthly", turn: "archive", outcome: "failed" });
    expect(first.checks.map(({ outcome }) => outcome)).toEqual(["passed", "not-run", "failed"]);
    expect(asked[0]).toBe("a-key-of-staging Bearer a-key-of-staging");
    expect(JSON.stringify(first)).not.toContain("a-key-of-staging");
    tests.policy({ turns: ["archive"] });
    const { outcome, failures } = await tests.report();
    expect({ outcome, failures }).toEqual({ outcome: "proven", failures: [] });
  });
});
