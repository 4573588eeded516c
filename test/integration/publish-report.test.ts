import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../actions/lib/base/log.ts";
import { jobsBranch } from "../../actions/lib/operations/publish/reports-branch.ts";
import { allRows, readRuns } from "../../actions/lib/report/branch/fold-runs.ts";
import { PLANTED_EMAIL } from "../lab/index.ts";
import { reportOf } from "../unit/simulated-runs.ts";
import { ago, openPublishLab, ownersSettings, type PublishLab, token } from "./publish-lab.ts";

/** What the job that publishes tells on the branch of the reports. */

let settings: Readonly<Record<string, string>>;
let lab: PublishLab;
let origin: PublishLab["origin"];
let api: PublishLab["api"];

beforeAll(async () => {
  settings = await ownersSettings();
});
beforeEach(async () => {
  lab = await openPublishLab(settings);
  ({ origin, api } = lab);
});
afterEach(() => lab[Symbol.asyncDispose]());

test("outside of a job nothing is pushed, wherever the folder that it is run in came from", async () => {
  const target = { env: { PATH: process.env["PATH"] }, log: silentLog, signal: undefined };
  await expect(jobsBranch(target, token)).rejects.toMatchObject({ code: "no-workspace", exitCode: 2 });
});

const publish: PublishLab["publish"] = (...run) => lab.publish(...run);
const tell: PublishLab["tell"] = (report) => lab.tell(report);

function rows() {
  const branch = origin.branch();
  return branch === undefined ? [] : allRows(readRuns(branch));
}

describe("the branch reports", () => {
  test("is begun by the first report, without history, and main stays as it was", async () => {
    const main = origin.git("rev-parse", "main");
    await tell(reportOf({ runId: "11", at: ago(9) }));
    const ended = await publish("11");
    expect(ended.code, ended.output).toBe(0);
    const branch = origin.branch();
    expect(branch?.commits).toBe(1);
    const files = branch?.paths.filter((path) => path.startsWith("runs/"));
    expect(files).toEqual([
      expect.stringMatching(/^runs\/\d{4}\/\d\d\/\d{8}T\d{6}Z-backup-11-1\.json$/),
      expect.stringMatching(/^runs\/\d{4}\/\d\d\/\d{8}T\d{6}Z-backup-11-1\.md$/),
    ]);
    expect(branch?.read("README.md")).toContain("## If you restored now");
    expect(branch?.paths.filter((path) => path.startsWith("charts/"))).toHaveLength(4);
    expect(origin.git("rev-parse", "main")).toBe(main);
    expect(origin.git("log", "--format=%P", "reports").trim()).toBe("");
    expect(ended.output).not.toContain(token);
  });

  test("may be there and empty, or hold what is not ours, which stays", async () => {
    const empty = origin.git("hash-object", "-t", "tree", "-w", "/dev/null").trim();
    const who = ["-c", "user.name=owner", "-c", "user.email=owner@example.org"];
    const commit = origin.git(...who, "commit-tree", empty, "-m", "Nothing yet").trim();
    origin.git("update-ref", "refs/heads/reports", commit);
    expect((await publish("21")).code).toBe(0);
    expect(rows()).toMatchObject([{ run: "21", conclusion: "success" }]);
    expect(origin.branch()?.commits).toBe(2);
  });

  test("takes both of two that publish at the same time, on an empty branch as on a full one", async () => {
    for (const round of ["3", "4"]) {
      const both = await Promise.all([publish(`${round}1`), publish(`${round}2`)]);
      for (const { code, output } of both) expect(code, output).toBe(0);
    }
    expect(
      rows()
        .map(({ run }) => run)
        .sort(),
    ).toEqual(["31", "32", "41", "42"]);
    expect(origin.git("rev-list", "--min-parents=2", "--count", "reports").trim()).toBe("0");
  });

  test("is pushed to again, on top, after a race was lost for certain", async () => {
    expect((await publish("51")).code).toBe(0);
    // What somebody else pushes lands between our fetch and our push: the hook puts it there, once.
    const other = `${origin.remote}/other`;
    const hook = join(origin.remote, "hooks/pre-receive");
    const foreign = `git -c user.name=o -c user.email=o@example.org commit-tree -p reports -m theirs "reports^{tree}"`;
    writeFileSync(
      hook,
      `#!/bin/sh\n[ -e '${other}' ] && exit 0\n: > '${other}'\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\ngit update-ref refs/heads/reports "$(${foreign})"\n`,
    );
    chmodSync(hook, 0o755);
    const ended = await publish("52");
    expect(ended.code, ended.output).toBe(0);
    expect(ended.output).toContain("Somebody else has pushed");
    expect(rows().map(({ run }) => run)).toEqual(expect.arrayContaining(["51", "52"]));
    expect(origin.git("log", "--format=%s", "reports")).toContain("theirs");
  });

  test("that a rule protects from us fails with what to do", async () => {
    const hook = join(origin.remote, "hooks/pre-receive");
    writeFileSync(hook, "#!/bin/sh\necho 'GH013: Repository rule violations found' >&2\nexit 1\n");
    chmodSync(hook, 0o755);
    const ended = await publish("61");
    expect(ended.code).toBe(1);
    expect(ended.output).toMatch(
      /::error::A rule of the repository keeps the branch reports[^\n]*runbooks\/report-missing\.md/,
    );
    expect(origin.branch()).toBeUndefined();
  });

  test("a run that was killed in the middle is told by the next, once", async () => {
    await tell(reportOf({ runId: "71", at: ago(20) }));
    const hook = join(origin.remote, "hooks/pre-receive");
    writeFileSync(hook, "#!/bin/sh\necho receiving >&2\nexec sleep 30\n");
    chmodSync(hook, 0o755);
    // Killed while the push is under way: by then everything is committed in its own folder.
    const killed = await publish("71", {}, (output, kill) => {
      if (output.includes("Committed")) kill();
    });
    expect(killed.signal).toBe("SIGKILL");
    expect(origin.branch()).toBeUndefined();
    writeFileSync(hook, "#!/bin/sh\nexit 0\n");
    expect((await publish("72")).code).toBe(0);
    expect((await publish("72")).code).toBe(0);
    expect(
      rows()
        .map(({ run }) => run)
        .sort(),
    ).toEqual(["71", "72"]);
  });
});

describe("what is told", () => {
  test("is every run: those that failed before they could speak, were killed, or had nothing to do", async () => {
    await tell(reportOf({ runId: "81", at: ago(300), conclusion: "skipped" }));
    api.runs = [
      { id: 81, workflow: "backup", conclusion: "success", createdAt: ago(301) },
      {
        id: 82,
        workflow: "backup",
        conclusion: "failure",
        createdAt: ago(200),
        updatedAt: ago(190),
        jobs: [{ name: "Back up", conclusion: "failure", step: "Set up Node" }],
      },
      { id: 83, workflow: "restore-test", conclusion: "cancelled", createdAt: ago(150), updatedAt: ago(100) },
      { id: 84, workflow: "backup", conclusion: "startup_failure", createdAt: ago(90) },
      { id: 85, workflow: "backup", attempt: 1, conclusion: "failure", createdAt: ago(80) },
      { id: 85, workflow: "backup", attempt: 2, conclusion: "success", createdAt: ago(80) },
      { id: 86, workflow: "backup", status: "in_progress", createdAt: ago(30) },
      { id: 87, workflow: "ci", conclusion: "failure", createdAt: ago(25) },
      { id: 88, workflow: "backup", conclusion: "failure", createdAt: ago(24), branch: "somebody-s" },
      { id: 89, workflow: "backup", status: "in_progress", createdAt: ago(3) },
      ...Array.from({ length: 120 }, (_, index) => ({
        id: 1000 + index,
        workflow: "backup",
        conclusion: "success",
        createdAt: ago(400 + index),
      })),
    ];
    const ended = await publish("89", { INPUT_JOBS: '{"backup":{"result":"failure"}}' });
    expect(ended.code, ended.output).toBe(0);
    const told = Object.fromEntries(rows().map(({ run, attempt, conclusion }) => [`${run}/${attempt}`, conclusion]));
    expect(Object.keys(told)).toHaveLength(120 + 7);
    expect(told).toMatchObject({
      "81/1": "skipped",
      "82/1": "failure",
      "83/1": "cancelled",
      "84/1": "failure",
      "85/1": "failure",
      "85/2": "success",
      "89/1": "failure",
    });
    const page = origin.branch()?.paths.find((path) => path.endsWith("-backup-82-1.md")) ?? "";
    expect(origin.branch()?.read(page)).toContain('at its step "Set up Node"');
    expect(api.asked.every((each) => each.token.endsWith(token))).toBe(true);
    const again = await publish("89", { INPUT_JOBS: '{"backup":{"result":"failure"}}' });
    expect(again.code).toBe(0);
    expect(rows()).toHaveLength(127);
  });

  test("is the failure of a job that reported success, once GitHub knows of it", async () => {
    await tell(reportOf({ runId: "91", at: ago(60) }));
    expect((await publish("92")).code).toBe(0);
    expect(rows()).toContainEqual(expect.objectContaining({ run: "91", conclusion: "success" }));
    const jobs = [{ name: "Report", conclusion: "failure", step: "Publish" }];
    api.runs = [{ id: 91, workflow: "backup", conclusion: "failure", createdAt: ago(61), jobs }];
    expect((await publish("93")).code).toBe(0);
    expect(rows()).toContainEqual(expect.objectContaining({ run: "91", conclusion: "failure" }));
  });

  test("is what GitHub says when the vault cannot be reached, and what it has when GitHub cannot", async () => {
    const unreachable = { AWS_ENDPOINT_URL: "http://127.0.0.1:1", INPUT_JOBS: '{"backup":{"result":"failure"}}' };
    const ended = await publish("101", unreachable);
    expect(ended.code, ended.output).toBe(0);
    expect(rows()).toMatchObject([{ run: "101", conclusion: "failure", operations: [{ code: "no-report" }] }]);
    expect(origin.branch()?.read("README.md")).toContain("could not be asked");

    // Its own words are found later, and replace what was assumed.
    const failure = {
      code: "s3-unavailable",
      message: "The vault did not answer.",
      next: "Later.",
      runbook: "runbooks/backup-failed.md",
    };
    await tell(reportOf({ runId: "101", at: ago(2), conclusion: "failure", operation: { failure } }));
    api.broken = 503;
    expect((await publish("102")).code).toBe(0);
    expect(rows()).toContainEqual(
      expect.objectContaining({ run: "101", operations: [expect.objectContaining({ code: "s3-unavailable" })] }),
    );
  });

  test("holds no secret and no address, whatever was put into it, and says when nothing protects main", async () => {
    api.mainIsProtected = false;
    const secret = settings["BACKUP_SIGNING_PASSPHRASE"] ?? "";
    const failure = {
      code: "x",
      message: `${PLANTED_EMAIL} ${secret}`,
      next: secret,
      runbook: "runbooks/backup-failed.md",
    };
    await tell(
      reportOf({
        runId: "111",
        at: ago(5),
        conclusion: "failure",
        operation: { failure, sentence: PLANTED_EMAIL, warnings: [secret] },
      }),
    );
    const ended = await publish("111");
    expect(ended.output).toContain("Nothing protects main");
    const branch = origin.branch();
    const all = branch?.paths.map((path) => branch.read(path)).join("\n") ?? "";
    expect(all).toContain("[address]");
    expect(all).toContain("Nothing protects main");
    const key = readFileSync(settings["BACKUP_PUBLIC_KEYS"] ?? "", "utf8").length;
    expect(key).toBeGreaterThan(0);
    for (const planted of [PLANTED_EMAIL, secret, token]) {
      expect(planted.length).toBeGreaterThan(10);
      expect(all).not.toContain(planted);
      expect(ended.output).not.toContain(token);
    }
  });
});
