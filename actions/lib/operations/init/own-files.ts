import { existsSync, readFileSync } from "node:fs";
import type { Policy } from "../../config/policy/policy.ts";
import { type MarkedBlock, replaceMarked } from "../../config/policy-file.ts";
import type { Answers, Fallbacks } from "./answers.ts";

/** The files that hold an owner's own answers, and what stands in them. */

const block: MarkedBlock = { name: "answers", entry: "const own = defineOwn({…});" };
const templateProject = "qimma";
const templateOwner = "@qimma/platform";

/** Where Supabase's own backups reach back to, by plan (supabase.com/docs/guides/platform/backups). */
const snapshotDays: Readonly<Record<Answers["plan"], number>> = { free: 0, pro: 7, team: 14, enterprise: 30 };

/** The policy with these answers. @throws ConfigurationError `answers-block-missing` */
export function policyWith(text: string, answers: Answers): string {
  const { project, plan, projectRegion, pitrDays, vaultRegion, replicaRegion, stagingRef } = answers;
  const { dailyDays, weeklyDays, monthlyDays } = answers;
  const quoted = (value: string | null): string => (value === null ? "null" : JSON.stringify(value));
  const regions = [...new Set([vaultRegion, replicaRegion, projectRegion].filter((one) => one !== null))];
  const supabase = `plan: "${plan}", region: "${projectRegion}", pitrDays: ${pitrDays}, snapshotDays: ${snapshotDays[plan]}`;
  return replaceMarked(text, block, [
    "const own = defineOwn({",
    `  project: "${project}",`,
    `  regions: [${regions.map(quoted).join(", ")}],`,
    `  supabase: { ${supabase} },`,
    `  vault: { region: "${vaultRegion}", replicaRegion: ${quoted(replicaRegion)} },`,
    `  retentionDays: { daily: ${dailyDays}, weekly: ${weeklyDays}, monthly: ${monthlyDays} },`,
    `  stagingRef: ${quoted(stagingRef)},`,
    "});",
  ]);
}

/** Lines of an environment file that the answers give; what only a person has stands there empty. */
export function envOf(answers: Answers, repository: string | undefined): Readonly<Record<string, string>> {
  const { projectRef, projectRegion, vaultRegion, replicaRegion, databaseBucket, filesBucket, replicaBucket } = answers;
  return {
    SUPABASE_PROJECT_REF: projectRef,
    DATABASE_URL: "",
    DATABASE_CA: "",
    SUPABASE_STORAGE_ENDPOINT: `https://${projectRef}.storage.supabase.co/storage/v1/s3`,
    SUPABASE_STORAGE_REGION: projectRegion,
    SUPABASE_STORAGE_ACCESS_KEY_ID: "",
    SUPABASE_STORAGE_SECRET_ACCESS_KEY: "",
    SUPABASE_ACCESS_TOKEN: "",
    S3_BACKUP_BUCKET: databaseBucket,
    S3_STORAGE_BUCKET: filesBucket,
    AWS_REGION: vaultRegion,
    ...(replicaBucket !== null && { S3_REPLICA_BUCKET: replicaBucket, S3_REPLICA_REGION: replicaRegion ?? "" }),
    ...(answers.stagingRef !== null && {
      ...{ STAGING_PROJECT_REF: answers.stagingRef, STAGING_DATABASE_URL: "", STAGING_DATABASE_CA: "" },
    }),
    ALERT_EMAIL_TO: answers.alertEmail,
    GITHUB_REPOSITORY: repository ?? "",
  };
}

/** Without which nothing can be provisioned: the rest of what is empty is optional. */
export const neededSecrets = [
  "DATABASE_URL",
  "SUPABASE_STORAGE_ACCESS_KEY_ID",
  "SUPABASE_STORAGE_SECRET_ACCESS_KEY",
  "STAGING_DATABASE_URL",
];

/** Values of an environment file as a shell reads them, as far as they are plain. */
export function readEnvFile(path: string): Readonly<Record<string, string>> {
  if (!existsSync(path)) return {};
  const lines = readFileSync(path, "utf8").matchAll(
    /^(?:export )?([A-Z][A-Z0-9_]*)=('([^']*)'|"([^"]*)"|\S*)[ \t]*$/gm,
  );
  return Object.fromEntries([...lines].map(([, name = "", plain = "", one, two]) => [name, one ?? two ?? plain]));
}

/** The file's text with other values for these names: the first line of each is replaced, what has none is added. */
export function envTextWith(text: string, values: Readonly<Record<string, string>>): string {
  let changed = text;
  for (const [name, value] of Object.entries(values)) {
    const line = `${name}='${value}'`;
    const there = new RegExp(`^(?:export )?${name}=.*$`, "m");
    if (there.test(changed)) changed = changed.replace(there, () => line);
    else changed += `${changed === "" || changed.endsWith("\n") ? "" : "\n"}${line}\n`;
  }
  return changed;
}

/** CODEOWNERS with other owners on each of its lines that had these. */
export function ownersWith(text: string, before: readonly string[], after: readonly string[]): string {
  const old = before.join(" ");
  return text
    .split("\n")
    .map((line) =>
      !line.startsWith("#") && line.endsWith(` ${old}`) ? line.slice(0, -old.length) + after.join(" ") : line,
    )
    .join("\n");
}

/** What an empty line means: what is set already, unless it is the template's. */
export function presentAnswers({
  policy,
  env,
  owners,
}: {
  policy: Policy;
  env: Readonly<Record<string, string>>;
  owners: readonly string[];
}): Fallbacks {
  const { tiers, promises, project } = policy;
  const set = (name: string) => () => env[name] || undefined;
  const kept: Fallbacks = {
    dailyDays: () => String(tiers.daily.retentionDays),
    weeklyDays: () => String(tiers.weekly.retentionDays),
    monthlyDays: () => String(tiers.monthly.retentionDays),
    ...{ projectRef: set("SUPABASE_PROJECT_REF"), alertEmail: set("ALERT_EMAIL_TO") },
    ...{ databaseBucket: set("S3_BACKUP_BUCKET"), filesBucket: set("S3_STORAGE_BUCKET") },
    replicaBucket: ({ replicaRegion }) => (replicaRegion === null ? "none" : env["S3_REPLICA_BUCKET"] || undefined),
    ...(owners.length > 0 && !isTemplateOwner(owners) && { reviewers: () => owners.join(" ") }),
  };
  if (isTemplateProject(policy)) return kept;
  return {
    ...kept,
    project: () => project.name,
    plan: () => promises.supabase.plan,
    projectRegion: () => promises.supabase.region ?? undefined,
    pitrDays: () => String(promises.supabase.pitrDays ?? "none"),
    vaultRegion: () => promises.vault.region ?? undefined,
    replicaRegion: () => promises.vault.replicaRegion ?? "none",
    stagingRef: () => policy.restoreTest.projectRef ?? "none",
  };
}

export const isTemplateProject = ({ project }: Policy): boolean => project.name === templateProject;
export const isTemplateOwner = (owners: readonly string[]): boolean => owners.join(" ") === templateOwner;
