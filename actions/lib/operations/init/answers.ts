import { z } from "zod";
import type { Asker } from "../../base/ask.ts";
import { ConfigurationError } from "../../base/errors.ts";

const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "a region, e.g. us-east-1");
const bucket = z.string().regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "3 to 63 small letters, digits and hyphens");
const ref = z.string().regex(/^[a-z0-9]{20}$/, "the twenty letters of a project's address");
const days = z.coerce.number().int().min(1).max(36_525);
/** Nothing at all, however somebody says it. */
const orNone = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === "" || value === "none" ? null : value), schema.nullable());

/** What is asked, in this order. */
export const answersSchema = z.strictObject({
  project: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "up to 31 small letters, digits and hyphens"),
  projectRef: ref,
  plan: z.enum(["free", "pro", "team", "enterprise"]),
  projectRegion: region,
  pitrDays: orNone(z.coerce.number().int().min(1).max(28)),
  vaultRegion: region,
  replicaRegion: orNone(region),
  databaseBucket: bucket,
  filesBucket: bucket,
  replicaBucket: orNone(bucket),
  stagingRef: orNone(ref),
  reviewers: z
    .string()
    .regex(/^@[\w-]+(\/[\w.-]+)?( @[\w-]+(\/[\w.-]+)?)*$/, "e.g. @ada, or @ada @grace, or @company/platform"),
  alertEmail: z.email(),
  dailyDays: days,
  weeklyDays: days,
  monthlyDays: days,
  keys: z.string().min(1),
});
export type Answers = z.infer<typeof answersSchema>;
type Name = keyof Answers;

const questions: Readonly<Record<Name, string>> = {
  project: "Short name of the project",
  projectRef: "Ref of the Supabase project (https://<ref>.supabase.co)",
  plan: "Its plan: free, pro, team or enterprise",
  projectRegion: "Its region",
  pitrDays: "Days of its point-in-time recovery, or none",
  vaultRegion: "AWS region of the vault",
  replicaRegion: "Region of a replica, in another one, or none",
  databaseBucket: "Bucket for the database's sets",
  filesBucket: "Bucket for the files",
  replicaBucket: "Bucket of the replica, or none",
  stagingRef: "Ref of a staging project that restore tests may empty, or none",
  reviewers: "Who has to agree to changes of keys, and to restores (@user or @organization/team)",
  alertEmail: "Address that is told when backups stop",
  dailyDays: "Days that daily sets are kept",
  weeklyDays: "Days that weekly sets are kept",
  monthlyDays: "Days that monthly archives are kept",
  keys: "Folder for the private keys, outside of this repository, best on a medium that can be taken away",
};

/** What an empty line means, by what has been answered so far. Undefined: it has to be answered. */
export type Fallbacks = Partial<Record<Name, (so: Partial<Answers>) => string | undefined>>;

/** Names whose default follows from other answers, where nothing is set yet. */
const derived: Fallbacks = {
  plan: () => "pro",
  pitrDays: () => "none",
  vaultRegion: ({ projectRegion }) => projectRegion,
  replicaRegion: () => "none",
  databaseBucket: ({ project, projectRef }) => `${project}-${projectRef}-database`,
  filesBucket: ({ project, projectRef }) => `${project}-${projectRef}-files`,
  replicaBucket: ({ project, projectRef, replicaRegion }) =>
    replicaRegion === null ? "none" : `${project}-${projectRef}-replica`,
  stagingRef: () => "none",
};

/**
 * Asks a person, question by question; what does not fit is asked again.
 * @param there what is set already
 */
export async function askAnswers(there: Fallbacks, asker: Asker): Promise<Answers> {
  const answers: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(answersSchema.shape)) {
    for (;;) {
      const fallback = fallbackOf(name as Name, there, answers);
      const read = schema.safeParse(await asker.ask(questions[name as Name], fallback));
      if (read.success) {
        answers[name] = read.data;
        break;
      }
      asker.say(`That does not fit: ${read.error.issues[0]?.message ?? "try again"}.`);
    }
  }
  return answersSchema.parse(answers);
}

/** @param given of a file @throws ConfigurationError `answers` that names each one that is missing or does not fit */
export function readAnswers(given: unknown, there: Fallbacks): Answers {
  const object = z.record(z.string(), z.unknown()).safeParse(given);
  const answers: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, schema] of Object.entries(answersSchema.shape)) {
    const value = object.data?.[name] ?? fallbackOf(name as Name, there, answers);
    const read = schema.safeParse(value);
    if (read.success) answers[name] = read.data;
    else problems.push(value === undefined ? `${name} is missing` : `${name}: ${read.error.issues[0]?.message}`);
  }
  problems.push(
    ...Object.keys(object.data ?? {})
      .filter((name) => !(name in answersSchema.shape))
      .map((name) => `${name} is no question`),
  );
  if (object.success && problems.length === 0) return answersSchema.parse(answers);
  throw new ConfigurationError(
    "answers",
    `The answers do not fit: ${object.success ? problems.join("; ") : "the file is no JSON object"}.`,
    "Correct the file; `lifeboat init --help` names the questions. Nothing was written.",
  );
}

function fallbackOf(name: Name, there: Fallbacks, so: Partial<Answers>): string | undefined {
  return there[name]?.(so) ?? derived[name]?.(so);
}

/** What the answers do not fit with each other. @throws ConfigurationError `answers` */
export function refuseAnswers({
  replicaRegion,
  replicaBucket,
  vaultRegion,
  databaseBucket,
  filesBucket,
}: Answers): void {
  const problems = [
    ...((replicaRegion === null) === (replicaBucket === null) ? [] : ["a replica needs a region and a bucket"]),
    ...(replicaRegion === vaultRegion ? ["the replica is to be in another region than the vault"] : []),
    ...(databaseBucket === filesBucket || [databaseBucket, filesBucket].includes(replicaBucket ?? "")
      ? ["each bucket needs a name of its own"]
      : []),
  ];
  if (problems.length === 0) return;
  throw new ConfigurationError(
    "answers",
    `The answers do not fit: ${problems.join("; ")}. Nothing was written.`,
    "Answer again.",
  );
}
