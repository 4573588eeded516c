import { z } from "zod";
import { OperationError } from "../../actions/lib/base/errors.ts";
import { formatCount } from "../../actions/lib/base/measures.ts";
import type { Config } from "../../actions/lib/config/load.ts";
import { runBackup } from "../../actions/lib/operations/backup/run-backup.ts";
import { type LabProject, withClient } from "../../test/lab/index.ts";
import type { Acts } from "./acts.ts";
import type { Owner } from "./owner.ts";
import { runLifeboat } from "./run-lifeboat.ts";

const table = "public.student_submissions";
const plannedSchema = z.looseObject({ outcome: z.literal("planned"), repair: z.string(), rows: z.number() });
const appliedSchema = z.looseObject({ outcome: z.enum(["repaired", "undone"]), rows: z.number(), id: z.string() });

/** Scores and the rest of the submissions, by their id. */
type Submissions = ReadonlyMap<string, { readonly score: string | null; readonly others: string }>;

/** What the project is called where its rows are overwritten: that has to be typed. */
const ref = "qimma-production";

/**
 * An UPDATE without WHERE amid honest writes, as it happens: history finds it, a repair takes it back and nothing else, and is
 * itself taken back and done again.
 * @param picture where the history is drawn
 * @returns what the demo says of it @throws OperationError `demo-accident` when a damaged score is left, or an honest edit is lost
 */
export async function playAccident(
  acts: Acts,
  project: LabProject,
  owner: Owner,
  config: Config<"source" | "vault" | "signing">,
  picture: string,
  signal: AbortSignal,
): Promise<string> {
  const env = {
    ...(process.env as Record<string, string>),
    ...{ ...owner.settings, TARGET_DATABASE_URL: project.postgresUrl },
    ...{ SUPABASE_PROJECT_REF: ref, TARGET_PROJECT_REF: ref },
  };
  const lifeboat = (...args: string[]): Promise<string> => runLifeboat(args, { env, signal });
  const repair = async (...args: string[]): Promise<unknown> =>
    JSON.parse(await lifeboat("repair", ...args, "--production", ref, "--json"));
  const query = (sql: string) => withClient(project.postgresUrl, (client) => client.query(sql));
  const back = (): Promise<Submissions> => readSubmissions(project);

  const good = await acts.act("make a set, as every day", () =>
    runBackup({ config, tier: "daily", log: acts.log, signal }),
  );
  const before = await back();
  const transaction = await acts.act(
    "an UPDATE without WHERE hits every submission; people go on working",
    async () => {
      const answer = await query(`begin; update ${table} set score = -1; select txid_current()::text as id; commit`);
      await query(`update ${table} set answers = answers || '{"seen": true}' where id % 5 = 0`);
      const [, , found] = [answer].flat();
      return z.object({ id: z.string() }).parse(found?.rows[0]).id;
    },
  );
  const damaged = await acts.act("make a set of the damage, as the next day does", () =>
    runBackup({ config, tier: "daily", log: acts.log, signal }),
  );
  for (const { what } of damaged.sinceLast?.jumps ?? []) acts.tell(`${what}.`);
  await query(`update ${table} set score = 77 where id % 7 = 0`);
  const edited = await back();

  const story = await acts.act(`lifeboat history --table ${table}`, () =>
    lifeboat("history", "--table", table, "--svg", picture),
  );
  acts.tell(story.trim().split("\n").at(-1) ?? "");

  const choice = [good.set, "--table", table, "--columns", "score", "--damaged", damaged.set, "--all-rows"];
  const plan = await acts.act("lifeboat repair --dry-run", async () =>
    plannedSchema.parse(await repair(...choice, "--dry-run")),
  );
  const repaired = await acts.act(`lifeboat repair --expect-rows ${plan.rows}`, async () =>
    appliedSchema.parse(await repair(...choice, "--expect-rows", String(plan.rows))),
  );
  const after = await back();
  assertRepaired(before, edited, after);
  await acts.act("take the repair back, and do it again", async () => {
    const undone = appliedSchema.parse(await repair("--undo", repaired.id));
    assertSame(edited, await back(), "an undo");
    await repair("--undo", undone.id);
    assertSame(after, await back(), "a redo");
  });
  const kept = [...edited.values()].filter(({ score }) => score !== "-1").length;
  return `Accident: an UPDATE without WHERE (transaction ${transaction}) hit ${formatCount(edited.size)} submissions; ${formatCount(repaired.rows)} scores were put back, ${formatCount(kept)} that somebody had edited since were kept, undo and redo were equal.`;
}

async function readSubmissions({ postgresUrl }: LabProject): Promise<Submissions> {
  const sql = `select id::text, score::text, (to_jsonb(s) - 'score')::text as others from ${table} s`;
  const { rows } = await withClient(postgresUrl, (client) => client.query(sql));
  const found = z.array(z.object({ id: z.string(), score: z.string().nullable(), others: z.string() })).parse(rows);
  return new Map(found.map(({ id, ...submission }) => [id, submission]));
}

/** No damaged score is left, and what somebody has edited since is as it was edited. */
function assertRepaired(before: Submissions, edited: Submissions, after: Submissions): void {
  for (const [id, { score, others }] of edited) {
    const found = after.get(id);
    const wanted = score === "-1" ? before.get(id)?.score : score;
    if (found?.score === wanted && found?.others === others) continue;
    throw new OperationError("demo-accident", `Submission ${id} is not as it should be after the repair.`);
  }
}

function assertSame(one: Submissions, other: Submissions, what: string): void {
  if (JSON.stringify([...one].toSorted()) === JSON.stringify([...other].toSorted())) return;
  throw new OperationError("demo-accident", `The submissions are not the same after ${what}.`);
}
