import { z } from "zod";

/** What the rules about reports look at in a job. */
export const reportingSchema = z.looseObject({
  if: z.string().optional(),
  environment: z.string().optional(),
  permissions: z.record(z.string(), z.string()).optional(),
  steps: z.array(z.looseObject({ uses: z.string().optional() })).default([]),
});
type Reporting = z.infer<typeof reportingSchema>;

const environment = "monitor";
/** What the job that may write to the repository may hold beside: the vault and a way to read it, a token that reads, ways to people. */
const allowed =
  /^(S3_BACKUP_BUCKET|S3_STORAGE_BUCKET|S3_REPLICA_\w+|AWS_\w+|BACKUP_PUBLIC_KEYS|SUPABASE_(PROJECT_REF|ACCESS_TOKEN|API_URL)|SLACK_\w+|SMTP_URL|ALERT_EMAIL_\w+|HEARTBEAT_URL(_MONITOR)?)$/;

/** Who may write to the repository: the job that commits the reports alone. It holds nothing that opens, signs or reads a database. */
export function reportJobProblems(jobs: Readonly<Record<string, Reporting>>): string[] {
  return Object.entries(jobs).flatMap(([name, job]) => [
    ...writerProblems(job, name),
    ...(publishes(job) ? secretProblems(job, name) : []),
  ]);
}

/** Whether a job commits the reports. */
export function publishes({ steps }: Pick<Reporting, "steps">): boolean {
  return steps.some(({ uses }) => uses === "./actions/publish-report");
}

function writerProblems(job: Reporting, name: string): string[] {
  const writes = job.permissions?.["contents"] === "write";
  const right = job.environment === environment && publishes(job);
  return writes && !right
    ? [`job ${name}: it may write to the repository and is not the job that publishes reports`]
    : [];
}

function secretProblems(job: Reporting, name: string): string[] {
  return [...JSON.stringify(job).matchAll(/secrets\.(\w+)/gi)]
    .map(([, secret = ""]) => secret.toUpperCase())
    .filter((secret) => !allowed.test(secret))
    .map((secret) => `job ${name}: ${secret} has no place in a job that may write`);
}
