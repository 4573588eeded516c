import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A run as GitHub's API tells it; what a test is not about is filled in. */
export interface LabRun {
  readonly id: number;
  readonly workflow: string;
  readonly attempt?: number;
  readonly branch?: string;
  readonly status?: string;
  readonly conclusion?: string | null;
  readonly createdAt: string;
  readonly updatedAt?: string;
  /** Jobs of this attempt, with the step that failed. */
  readonly jobs?: readonly { readonly name: string; readonly conclusion: string; readonly step?: string }[];
}

/** GitHub's REST API, as far as it knows of runs and rules, over HTTP on this machine. */
export interface LabActionsApi extends AsyncDisposable {
  readonly url: string;
  /** Each attempt is a run of its own here. */
  runs: readonly LabRun[];
  mainIsProtected: boolean;
  /** Answers with this status, whatever is asked. */
  broken: number | undefined;
  /** Paths that were asked for, and with which token. */
  readonly asked: { readonly path: string; readonly token: string }[];
}

export async function startActionsApi(repository: string): Promise<LabActionsApi> {
  const state: Omit<LabActionsApi, "url" | typeof Symbol.asyncDispose> = {
    runs: [],
    mainIsProtected: true,
    broken: undefined,
    asked: [],
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://api");
    state.asked.push({ path: url.pathname, token: String(request.headers.authorization ?? "") });
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

function answerTo(
  { runs, mainIsProtected }: Pick<LabActionsApi, "runs" | "mainIsProtected">,
  url: URL,
  at: string,
): unknown {
  const path = url.pathname.slice(at.length);
  if (!url.pathname.startsWith(at)) return undefined;
  if (path === "/rules/branches/main") return mainIsProtected ? [{ type: "pull_request", ruleset_id: 1 }] : [];
  if (path === "/branches/main") return { name: "main", protected: false };
  if (path === "/actions/runs") {
    const page = Number(url.searchParams.get("page") ?? "1");
    const size = Number(url.searchParams.get("per_page") ?? "30");
    const since = (url.searchParams.get("created") ?? ">=").slice(2);
    const branch = url.searchParams.get("branch");
    const newest = [...Map.groupBy(runs, ({ id }) => id).values()].map((attempts) => attempts.at(-1) as LabRun);
    const found = newest
      .filter((run) => run.createdAt >= since && (branch === null || (run.branch ?? "main") === branch))
      .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    return { total_count: found.length, workflow_runs: found.slice((page - 1) * size, page * size).map(told) };
  }
  const [, id, attempt, jobs] = /^\/actions\/runs\/(\d+)\/attempts\/(\d+)(\/jobs)?$/.exec(path) ?? [];
  const run = runs.find((each) => String(each.id) === id && String(each.attempt ?? 1) === attempt);
  if (run === undefined) return undefined;
  return jobs === undefined ? told(run) : { jobs: (run.jobs ?? []).map((job) => toldJob(run, job)) };
}

function told(run: LabRun): unknown {
  const { id, workflow, attempt = 1, branch = "main", status = "completed", conclusion = null, createdAt } = run;
  return {
    id,
    run_attempt: attempt,
    name: workflow,
    path: `.github/workflows/${workflow}.yml`,
    head_branch: branch,
    event: "schedule",
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
