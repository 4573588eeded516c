import { z } from "zod";
import type { ListedWorkflow } from "../../../policy/monitor/workflows.ts";
import { type WorkflowFacts, workflowFacts } from "../../../policy/read-schedules.ts";
import type { SeenEnvironment, SeenRules } from "../../../policy/repository/drift.ts";
import { readWorkflows } from "../../policy-check/promise-check.ts";
import {
  githubAsker,
  githubSettings,
  readBranchRules,
  readEnvironments,
  readRepository,
  readSubject,
} from "../../provision/github/read-settings.ts";
import { runsSince } from "../../publish/github-history.ts";
import { type Look, once } from "../check.ts";

const time = z.iso.datetime({ offset: true });
const workflowsSchema = z.object({
  workflows: z.array(z.object({ path: z.string(), state: z.string(), created_at: time, updated_at: time })),
});
const runSchema = z.object({
  event: z.string(),
  status: z.string().nullable(),
  conclusion: z.string().nullable(),
  created_at: time,
  run_started_at: time.optional(),
  updated_at: time,
});
const runsSchema = z.object({ total_count: z.number(), workflow_runs: z.array(runSchema) });
export type ToldRun = z.infer<typeof runSchema>;
export interface SeenWorkflow extends ListedWorkflow {
  /** When GitHub first knew of it, or last changed what it knows: ISO 8601. */
  readonly since: string;
}

/** What the checks ask GitHub, each asked once a run. All of it together is less than forty requests. */
export interface GithubReader {
  /** The workflows of the checkout. */
  files(): readonly WorkflowFacts[];
  workflows(): Promise<readonly SeenWorkflow[]>;
  /** The newest runs of a workflow on main; with `event` those that it started. */
  runsOf(file: string, event?: "schedule"): Promise<readonly ToldRun[]>;
  /** Runs of all branches that were made since then, and whether these are all. */
  runsSince(since: Date): Promise<{ readonly runs: readonly ToldRun[]; readonly complete: boolean }>;
  environments(needed: readonly string[]): Promise<readonly SeenEnvironment[]>;
  isPrivate(): Promise<boolean>;
  /** Rules of main and of the branch `reports`, and whether the older protection guards main. */
  rules(): Promise<SeenRules>;
  subject(): Promise<{ readonly useDefault: boolean; readonly prefix: string | undefined }>;
}

/** So many runs of a workflow tell how it goes. */
const fewRuns = 20;

/**
 * @throws (each) ConfigurationError `configuration` where repository or token are not set; OperationError `github-refused`, whose `next` names
 * the permission, and `github-unavailable`
 */
export function githubReader({ context: { env } }: Look): GithubReader {
  const ask = async <Answer>(path: string, schema: z.ZodType<Answer>): Promise<Answer> => asker()({ path }, schema);
  // Only a check that asks says what is not set.
  const asker = (rights = "actions: read") =>
    githubAsker(
      githubSettings(env),
      `Give the job \`${rights}\`, and its token as GITHUB_TOKEN; at a terminal, a token that may read Actions.`,
    );
  const runs = new Map<string, Promise<readonly ToldRun[]>>();
  let files: readonly WorkflowFacts[] | undefined;
  return {
    files() {
      files ??= readWorkflows().map(({ path, text }) => workflowFacts(path, text));
      return files;
    },
    workflows: once(async () => {
      const { workflows } = await ask("/actions/workflows?per_page=100", workflowsSchema);
      return workflows.map(({ path, state, created_at, updated_at }) => ({
        file: path.slice(path.lastIndexOf("/") + 1),
        state,
        since: created_at > updated_at ? created_at : updated_at,
      }));
    }),
    runsOf(file, event) {
      const one = event === undefined ? `per_page=${fewRuns}` : `per_page=1&event=${event}`;
      const path = `/actions/workflows/${encodeURIComponent(file)}/runs?branch=main&exclude_pull_requests=true&${one}`;
      const asked = runs.get(path) ?? ask(path, runsSchema).then(({ workflow_runs }) => workflow_runs);
      runs.set(path, asked);
      return asked;
    },
    runsSince: (since) => runsSince(since, (path) => ask(path, runsSchema)),
    environments: async (needed) => readEnvironments(asker(), needed),
    isPrivate: once(async () => (await readRepository(asker("metadata: read"))).private),
    rules: once(async () => readBranchRules(asker())),
    subject: once(async () => {
      const { use_default, sub_claim_prefix } = await readSubject(asker());
      return { useDefault: use_default, prefix: sub_claim_prefix };
    }),
  };
}
