import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { environmentsWithKey } from "../../actions/lib/policy/repository/values.ts";
import { publishes, reportingSchema, reportJobProblems } from "./report-job-rules.ts";

const step = z.looseObject({ uses: z.string().optional(), run: z.string().optional(), with: z.unknown().optional() });
const job = reportingSchema.extend({
  "runs-on": z.unknown().optional(),
  "timeout-minutes": z.number().optional(),
  /** Another workflow, in the place of steps. */
  uses: z.string().optional(),
  container: z.unknown().optional(),
  services: z.unknown().optional(),
  defaults: z.unknown().optional(),
  env: z.record(z.string(), z.unknown()).default({}),
  steps: z.array(step).default([]),
});
const workflowSchema = z.looseObject({
  on: z.record(z.string(), z.unknown()),
  env: z.record(z.string(), z.unknown()).default({}),
  permissions: z.unknown().optional(),
  concurrency: z.unknown().optional(),
  defaults: z.unknown().optional(),
  jobs: z.record(z.string(), job),
});
const actionSchema = z.looseObject({ runs: z.looseObject({ steps: z.array(step).default([]) }) });
type Job = z.infer<typeof job>;

/** Who may hold which key: the environment of a job decides, and GitHub gives the key to no other. */
const environmentsOf: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  ["BACKUP_SIGNING_KEY", "RESTORE_PRIVATE_KEY"].map((key) => [key, environmentsWithKey(key)]),
);
/** What starts a workflow: our own clock, our own people, our own workflows, a change that runs without keys. */
const triggers: ReadonlySet<string> = new Set([
  "schedule",
  "workflow_dispatch",
  "workflow_call",
  "push",
  "pull_request",
]);
const main = "github.ref == 'refs/heads/main'";
const runner = /^\$\{\{ vars\.LIFEBOAT_(CI_)?RUNNER \|\| 'ubuntu-latest' \}\}$/;

/** What breaks the rules that neither actionlint nor zizmor nor act knows, in every workflow and action of the checkout. */
export function workflowRuleProblems(root: string): string[] {
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  const workflows = globSync(".github/workflows/*.{yml,yaml}", { cwd: root }).map((path) => ({
    path,
    text: read(path),
  }));
  return [
    ...workflows.flatMap(({ path, text }) => workflowProblems(path, text)),
    ...unreportedProblems(workflows.map(({ text }) => text)),
    ...globSync("{actions,.github/actions}/**/action.{yml,yaml}", { cwd: root }).flatMap((path) =>
      actionProblems(path, read(path)),
    ),
  ];
}

/** Somebody must commit the reports, whatever ran. @param texts of all workflows */
export function unreportedProblems(texts: readonly string[]): string[] {
  const reported = texts.some((text) => {
    const { on, jobs } = workflowSchema.parse(parse(text));
    return "schedule" in on && Object.values(jobs).some(publishes);
  });
  return reported ? [] : [".github/workflows: no schedule publishes the reports of the runs"];
}

/** @param path for the messages @param text of a workflow */
export function workflowProblems(path: string, text: string): string[] {
  const { on, env, defaults, permissions, concurrency, jobs } = workflowSchema.parse(parse(text));
  const ofFile = when([
    ["pull_request_target" in on, "pull_request_target runs a stranger's change with our keys"],
    ...Object.keys(on).map((trigger) => [!triggers.has(trigger), `${trigger} is for strangers to cause`] as const),
    [defaults !== undefined, "a shell of its own for every job"],
    [/secrets/i.test(JSON.stringify(env)), "secrets for every job"],
    [JSON.stringify(permissions) !== "{}", "the workflow's own permissions are not {}: jobs name theirs"],
    ["schedule" in on && concurrency === undefined, "a schedule without a concurrency group"],
  ]);
  const ofJobs = Object.entries(jobs).flatMap(([name, each]) =>
    jobProblems(each, "pull_request" in on).map((problem) => `job ${name}: ${problem}`),
  );
  const ofReports = reportJobProblems(jobs);
  return [...ofFile, ...ofJobs, ...ofReports, ...lineProblems(text)].map((problem) => `${path}: ${problem}`);
}

/** @param path for the messages @param text of an action.yml */
export function actionProblems(path: string, text: string): string[] {
  const { steps } = actionSchema.parse(parse(text)).runs;
  return [...steps.flatMap(stepProblems), ...lineProblems(text)].map((problem) => `${path}: ${problem}`);
}

function jobProblems(each: Job, onPullRequest: boolean): string[] {
  const said = JSON.stringify(each);
  // GitHub takes names in any case.
  const secrets = [...said.matchAll(/secrets(?:\.(\w+)|\b)/gi)].map(([, name]) => name?.toUpperCase() ?? "all of them");
  const elsewhere = [each.container, each.services, each.defaults].some((one) => one !== undefined);
  const touchesKeys = secrets.length > 0 || each.permissions?.["id-token"] === "write";
  // What it calls names environment, time-out and runner itself: GitHub takes none of them here.
  const calls = each.uses !== undefined;
  const guarded = each.if === main || (each.if?.startsWith(`${main} && `) === true && !each.if.includes("||"));
  return [
    ...when([
      [calls && !each.uses?.startsWith("./.github/workflows/"), "it calls somebody else's workflow"],
      [touchesKeys && !calls && each.environment === undefined, "it touches keys without naming an environment"],
      [touchesKeys && !guarded, `it touches keys on other branches than main: its condition begins with ${main}`],
      [touchesKeys && elsewhere, "it touches keys beside a container, a service or a shell of its own"],
      // GitHub tells a job its environment nowhere, and the audit trail says who acted in which.
      [
        !calls && each.env["LIFEBOAT_ENVIRONMENT"] !== each.environment,
        `it names the environment ${each.environment}: LIFEBOAT_ENVIRONMENT in its env has to say the same`,
      ],
      [touchesKeys && onPullRequest, "it gives keys to pull requests"],
      [secrets.includes("all of them"), "it hands on all secrets at once"],
      [each.permissions === undefined, "it names no permissions"],
      [!calls && each["timeout-minutes"] === undefined, "it has no timeout-minutes"],
      [!calls && !runner.test(String(each["runs-on"])), "its runs-on is not the repository variable"],
    ]),
    ...Object.entries(environmentsOf)
      .filter(([key, allowed]) => secrets.includes(key) && !allowed.includes(each.environment ?? ""))
      .map(([key, allowed]) => `${key} belongs to the environment ${allowed.join(" or ")}`),
    ...each.steps.flatMap(stepProblems),
  ];
}

function stepProblems({ uses = "", run = "", with: given }: z.infer<typeof step>): string[] {
  const kept = uses.startsWith("actions/checkout@") && !/"persist-credentials":false/.test(JSON.stringify(given ?? {}));
  return when([
    // Whatever the expression: what is text today is somebody's input tomorrow. Values go in by `env`.
    [run.includes("${{"), `an expression inside a shell line: ${run.split("\n")[0]}`],
    [uses !== "" && !/^\.\/|@[0-9a-f]{40}$/.test(uses), `${uses} is not pinned by its commit`],
    [kept, "the check-out leaves its token in the workspace"],
  ]);
}

function lineProblems(text: string): string[] {
  return text.split("\n").flatMap((line) =>
    when([
      [/^\s+[\w-]+: (read|write)\s*$/.test(line), `a permission without its reason: ${line.trim()}`],
      [/@[0-9a-f]{40}\s*$/.test(line), `a pinned action without its version beside it: ${line.trim()}`],
    ]),
  );
}

function when(rules: readonly (readonly [boolean, string])[]): string[] {
  return rules.filter(([broken]) => broken).map(([, problem]) => problem);
}
