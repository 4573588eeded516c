import { z } from "zod";

/** What the rules about reports look at in a job. */
export const reportingSchema = z.looseObject({
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  if: z.string().optional(),
  environment: z.string().optional(),
  permissions: z.record(z.string(), z.string()).optional(),
  steps: z.array(z.looseObject({ uses: z.string().optional() })).default([]),
});
type Reporting = z.infer<typeof reportingSchema>;

const environment = "reports";
const publishes = "./actions/publish-report";
/** What the job that may write to the repository may hold beside: the vault's address and a way to read it. */
const allowed = /^(S3_BACKUP_BUCKET|S3_STORAGE_BUCKET|AWS_\w+|BACKUP_PUBLIC_KEYS)$/;

/** However the others ended; only an attempt that found nothing to do is left to the next one's report. */
const runs = /^github\.ref == 'refs\/heads\/main' (?:&& needs\.\w+\.outputs\.nothing-to-do != 'true' )?&& always\(\)$/;

/**
 * Who may write to the repository, and who must: one job of each schedule commits its report, after all others and whatever
 * became of them; it holds no key, and nobody else may write.
 */
export function reportJobProblems(scheduled: boolean, jobs: Readonly<Record<string, Reporting>>): string[] {
  const publishing = Object.entries(jobs).filter(([, job]) => job.steps.some(({ uses }) => uses === publishes));
  const missing = scheduled && publishing.length === 0 ? ["no job publishes the report of the run"] : [];
  const writers = Object.entries(jobs).flatMap(([name, job]) => writerProblems(job, name));
  const others = publishing.flatMap(([name, job]) =>
    publishingProblems(
      job,
      Object.keys(jobs).filter((other) => other !== name),
    ).map((problem) => `job ${name}: ${problem}`),
  );
  return [...missing, ...writers, ...others];
}

function writerProblems(job: Reporting, name: string): string[] {
  const writes = job.permissions?.["contents"] === "write";
  const right = job.environment === environment && job.steps.some(({ uses }) => uses === publishes);
  return writes && !right
    ? [`job ${name}: it may write to the repository and is not the job that publishes reports`]
    : [];
}

function publishingProblems(job: Reporting, others: readonly string[]): string[] {
  const needs = [job.needs ?? []].flat();
  const forgotten = others.filter((other) => !needs.includes(other));
  const secrets = [...JSON.stringify(job).matchAll(/secrets\.(\w+)/gi)].map(([, name = ""]) => name.toUpperCase());
  return [
    ...(forgotten.length > 0 ? [`it does not wait for ${forgotten.join(", ")}`] : []),
    ...(runs.test(job.if ?? "") ? [] : ["it does not run whatever became of the others: && always()"]),
    ...secrets.filter((name) => !allowed.test(name)).map((name) => `${name} has no place in a job that may write`),
  ];
}
