import { z } from "zod";
import { optional } from "../../config/environment.ts";
import { hasFilesVault, hasReplica } from "../../config/vault-location.ts";
import { field, flag } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "monitor",
  summary: "Looks at Supabase's backups, ours, GitHub and the limits: one table of checks, alerts and a dashboard.",
  details: [
    "At a terminal it only looks: it prints the table, writes nothing and tells nobody. Since when a check is as it is comes from the branch",
    "reports, if it was fetched (git fetch origin reports). Exit code 1: a check is critical. SUPABASE_ACCESS_TOKEN, S3_BACKUP_BUCKET,",
    "S3_STORAGE_BUCKET, the AWS_* settings and GITHUB_TOKEN: what is not set is a check that cannot look.",
  ].join("\n"),
  inputs: z.object({
    out: field(z.string().optional(), {
      ...{ value: "FOLDER", help: "write the dashboard into this folder" },
      only: { edge: "command", why: "the action writes it to the branch reports" },
    }),
    tell: flag("tell people what has changed, and commit the state and the dashboard to the branch reports", {
      ...{ actionDefault: "true" },
      only: {
        edge: "action",
        why: "a person at a terminal has the table before them; two that tell would tell it twice",
      },
    }),
    token: field(z.string().optional(), {
      ...{
        value: "TOKEN",
        help: "The job's token: pushes to the branch (contents: write)",
        expression: "github.token",
      },
      only: { edge: "action", why: "at a terminal nothing is pushed" },
    }),
  }),
  needs: (_, env) => [
    ...when(optional(env, "S3_BACKUP_BUCKET") !== undefined, "vault"),
    ...when(hasFilesVault(env), "storageVault"),
    ...when(hasReplica(env), "replica"),
  ],
  retry: { attempts: 2, totalSeconds: 20, stallSeconds: 10 },
  writes: ["branch", "folder"],
  unrehearsed: "at a terminal it changes nothing: that is the rehearsal",
  runbook: "runbooks/monitor-silent.md",
  reported: { label: "Monitor", watched: true, byHand: false, workflows: ["monitor"] },
  action: { folder: "monitor", name: "Monitor" },
  outputs: {
    state: "The worst state of all checks: ok, unknown, warning or critical",
    critical: "How many checks are critical",
  },
  async run(context, { out, tell, token }) {
    const { allChecks, vaultStanding } = await import("./catalogue/checks.ts");
    const looking = { context, now: new Date(), checks: allChecks, standing: vaultStanding };
    if (!tell) return (await import("./look-once.ts")).lookOnce(looking, out);
    const { jobsBranch } = await import("../publish/reports-branch.ts");
    return (await import("./run-monitor.ts")).watch(looking, await jobsBranch(context, token));
  },
});
