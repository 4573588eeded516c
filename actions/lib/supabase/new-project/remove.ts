import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { type ManagementApi, projectPath } from "../management-api.ts";
import { findProject } from "./make.ts";

const projectSchema = z.object({
  name: z.string(),
  organization_slug: z.string().optional(),
  status: z.string().optional(),
});

interface Removal {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What somebody has made, by their signed state. */
export interface MadeProject {
  /** Who, in words: `the drill`. */
  readonly by: string;
  readonly name: string;
  /** Null: the state says of none; the name is looked for. */
  readonly ref: string | null;
  readonly organization: string;
  readonly production: readonly (string | null)[];
}

/**
 * Deletes a project, and nothing else: its name is the one that nobody else gives, it is of the organisation in which it was made, and not
 * production. Ends when Supabase does not know it any more.
 * @returns its ref; undefined: there is none
 * @throws OperationError `project-other`, `project-stays`; what the client throws
 */
export async function removeProject(
  api: ManagementApi,
  made: MadeProject,
  { clock, log, signal }: Removal,
): Promise<string | undefined> {
  const { by } = made;
  const ref = made.ref ?? (await findProject(api, made.name));
  if (ref === undefined || !(await isThere(api, ref, made))) return undefined;
  const unanswered = await api.send("DELETE", projectPath(ref)).catch(unlessMaybeDone);
  for (let looks = 0; looks < 20; looks++) {
    if ((await lookAt(api, ref)) === undefined) {
      log.info(`Project ${ref} of ${by} is deleted.`);
      return ref;
    }
    await clock.sleep(5000, signal);
  }
  throw new OperationError(
    "project-stays",
    `Project ${ref} of ${by} was to be deleted and is still there. It costs money.${unanswered ? ` ${unanswered.message}` : ""}`,
    "Delete it in the dashboard (Settings, General), then run again.",
  );
}

/** An answer that was lost, or that a second request got: what is there tells whether it was done. */
function unlessMaybeDone(error: unknown): LifeboatError {
  if (error instanceof LifeboatError && ["api-unavailable", "api-missing"].includes(error.code)) return error;
  throw error;
}

/** Whether the project is there. @throws OperationError `project-other` when it is another one */
export async function isThere(
  api: ManagementApi,
  ref: string,
  { by, name, organization, production }: MadeProject,
): Promise<boolean> {
  const found = await lookAt(api, ref);
  if (found === undefined) return false;
  if (found.name === name && (found.organization_slug ?? organization) === organization && !production.includes(ref))
    return true;
  throw new OperationError(
    "project-other",
    `Project ${ref} is not the one that ${by} made: it was not deleted.`,
    "Look at it in the dashboard, and at what answers at SUPABASE_API_URL.",
  );
}

async function lookAt(api: ManagementApi, ref: string) {
  try {
    const project = await api.get(projectPath(ref), projectSchema);
    return project.status === "REMOVED" ? undefined : project;
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "api-missing") return undefined;
    throw error;
  }
}
