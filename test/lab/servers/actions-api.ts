import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { wantedRulesets } from "../../../actions/lib/policy/repository/wanted.ts";

/** A run as GitHub's API tells it; what a test is not about is filled in. */
export interface LabRun {
  readonly id: number;
  readonly workflow: string;
  readonly attempt?: number;
  readonly branch?: string;
  readonly status?: string;
  readonly conclusion?: string | null;
  readonly event?: string;
  readonly createdAt: string;
  readonly updatedAt?: string;
  /** Jobs of this attempt, with the step that failed. */
  readonly jobs?: readonly { readonly name: string; readonly conclusion: string; readonly step?: string }[];
}

/** A workflow as GitHub lists it. */
export interface LabWorkflow {
  /** `backup.yml` */
  readonly file: string;
  readonly state: string;
  readonly createdAt: string;
}

/** An environment and who reaches its secrets: runs of protected branches, of these branches, or everybody's. */
export interface LabEnvironment {
  readonly name: string;
  readonly branches: "protected" | readonly string[] | null;
  readonly reviewers?: boolean;
}

/** GitHub's REST API, as far as it knows of a repository, its runs and its rules, over HTTP on this machine. */
export interface LabActionsApi extends AsyncDisposable {
  readonly url: string;
  /** Each attempt is a run of its own here. */
  runs: readonly LabRun[];
  workflows: readonly LabWorkflow[];
  environments: readonly LabEnvironment[];
  isPrivate: boolean;
  /** What it says of the subjects of its tokens. */
  subject: { readonly use_default: boolean; readonly sub_claim_prefix?: string };
  mainIsProtected: boolean;
  /** Private, with GitHub Free: it has no rules for branches. */
  beyondPlan: boolean;
  /** Answers with this status, whatever is asked. */
  broken: number | undefined;
  /** Paths that were asked for, and with which token. */
  readonly asked: { readonly path: string; readonly token: string }[];
}

export async function startActionsApi(repository: string): Promise<LabActionsApi> {
  const state: Omit<LabActionsApi, "url" | typeof Symbol.asyncDispose> = {
    runs: [],
    workflows: [],
    environments: [],
    isPrivate: false,
    subject: { use_default: true, sub_claim_prefix: `repo:${repository}` },
    mainIsProtected: true,
    beyondPlan: false,
    broken: undefined,
    asked: [],
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://api");
    state.asked.push({ path: url.pathname, token: String(request.headers.authorization ?? "") });
    if (state.beyondPlan && url.pathname.endsWith("/rules/branches/main")) {
      response.writeHead(403, { "content-type": "application/json" });
      const message = "Upgrade to GitHub Pro or make this repository public to enable this feature.";
      return void response.end(JSON.stringify({ message, status: "403" }));
    }
    const answer = state.broken === undefined ? answerTo(state, url, `/repos/${repository}`) : undefined;
    const status = state.broken ?? (answer === undefined ? 404 : 200);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? { message: "Not Found" }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  });
}

type Answering = Omit<LabActionsApi, "url" | "broken" | "asked" | typeof Symbol.asyncDispose>;

function answerTo(state: Answering, url: URL, at: string): unknown {
  const { runs, mainIsProtected } = state;
  const path = url.pathname.slice(at.length);
  if (!url.pathname.startsWith(at)) return undefined;
  const settings = settingsAt(state, path);
  if (settings !== undefined) return settings;
  const branch = /^\/rules\/branches\/(\w+)$/.exec(path)?.[1];
  if (branch !== undefined) {
    const rules = wantedRulesets(true).filter((ruleset) => ruleset.branch === branch && mainIsProtected);
    return rules.flatMap((ruleset) => ruleset.rules.map((rule) => ({ ...rule, ruleset_id: 1 })));
  }
  if (path === "/branches/main") return { name: "main", protected: false };
  const ofWorkflow = /^\/actions\/workflows\/([^/]+)\.yml\/runs$/.exec(path)?.[1];
  if (path === "/actions/runs" || ofWorkflow !== undefined) {
    const event = url.searchParams.get("event");
    const page = Number(url.searchParams.get("page") ?? "1");
    const size = Number(url.searchParams.get("per_page") ?? "30");
    const since = (url.searchParams.get("created") ?? ">=").slice(2);
    const branch = url.searchParams.get("branch");
    const newest = [...Map.groupBy(runs, ({ id }) => id).values()].map((attempts) => attempts.at(-1) as LabRun);
    const found = newest
      .filter((run) => run.createdAt >= since && (branch === null || (run.branch ?? "main") === branch))
      .filter(({ workflow }) => ofWorkflow === undefined || workflow === ofWorkflow)
      .filter((run) => event === null || (run.event ?? "schedule") === event)
      .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    return { total_count: found.length, workflow_runs: found.slice((page - 1) * size, page * size).map(told) };
  }
  const [, id, attempt, jobs] = /^\/actions\/runs\/(\d+)\/attempts\/(\d+)(\/jobs)?$/.exec(path) ?? [];
  const run = runs.find((each) => String(each.id) === id && String(each.attempt ?? 1) === attempt);
  if (run === undefined) return undefined;
  return jobs === undefined ? told(run) : { jobs: (run.jobs ?? []).map((job) => toldJob(run, job)) };
}

/** What does not depend on runs. */
function settingsAt({ workflows, environments, isPrivate, subject }: Answering, path: string): unknown {
  if (path === "") return { full_name: "qimma/lifeboat", private: isPrivate, default_branch: "main" };
  if (path === "/actions/oidc/customization/sub") return subject;
  if (path === "/actions/workflows") {
    const listed = workflows.map(({ file, state, createdAt }, id) => ({
      ...{ id, name: file, path: `.github/workflows/${file}`, state, created_at: createdAt, updated_at: createdAt },
    }));
    return { total_count: listed.length, workflows: listed };
  }
  if (path === "/environments")
    return { total_count: environments.length, environments: environments.map(toldEnvironment) };
  const name = /^\/environments\/([^/]+)\/deployment-branch-policies$/.exec(path)?.[1];
  const branches = environments.find((one) => one.name === name)?.branches;
  return Array.isArray(branches)
    ? { total_count: branches.length, branch_policies: branches.map((branch, id) => ({ id, name: branch })) }
    : undefined;
}

const ada = { type: "User", reviewer: { id: 1, login: "ada" } };

function toldEnvironment({ name, branches, reviewers = false }: LabEnvironment, id: number): unknown {
  return {
    ...{ id, name },
    protection_rules: [
      ...(reviewers ? [{ id: 1, type: "required_reviewers", prevent_self_review: false, reviewers: [ada] }] : []),
      ...(branches === null ? [] : [{ id: 2, type: "branch_policy" }]),
    ],
    deployment_branch_policy:
      branches === null
        ? null
        : { protected_branches: branches === "protected", custom_branch_policies: branches !== "protected" },
  };
}

function told(run: LabRun): unknown {
  const { id, workflow, attempt = 1, branch = "main", status = "completed", conclusion = null, createdAt } = run;
  return {
    id,
    run_attempt: attempt,
    name: workflow,
    path: `.github/workflows/${workflow}.yml`,
    head_branch: branch,
    event: run.event ?? "schedule",
    html_url: `https://github.com/qimma/lifeboat/actions/runs/${id}`,
    status,
    conclusion,
    created_at: createdAt,
    run_started_at: createdAt,
    updated_at: run.updatedAt ?? createdAt,
  };
}

function toldJob(run: LabRun, { name, conclusion, step }: NonNullable<LabRun["jobs"]>[number]): unknown {
  const steps =
    step === undefined
      ? []
      : [
          { name: "Set up", conclusion: "success" },
          { name: step, conclusion },
        ];
  return { name, conclusion, started_at: run.createdAt, completed_at: run.updatedAt ?? run.createdAt, steps };
}
