import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { assertRegionAllowed } from "../../config/vault-location.ts";
import { type ManagementApi, projectPath } from "../management-api.ts";
import type { ProjectWish } from "./plan.ts";

const ref = z.string().regex(/^[a-z0-9]{6,40}$/);
const projectSchema = z.object({
  id: z.string().optional(),
  ref: z.string().optional(),
  name: z.string(),
  region: z.string(),
  status: z.string().optional(),
  organization_slug: z.string().optional(),
});
const listedSchema = projectSchema.partial();

interface Making {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The policy's regions. */
  readonly regions: readonly string[];
  /** No project may be this one. */
  readonly production: string | null;
  /** An earlier run may have asked for it, and died before it heard the answer: the list may show it later. */
  readonly asked: boolean;
}

/** Whether a request that ended so was taken. */
export const nobodyKnows: ReadonlySet<string> = new Set(["api-unsure", "api-answer"]);

/** After an answer that never came: so long the list is asked whether the project is there, before it is asked for once more. */
const unsure = { looks: 9, seconds: 10 } as const;

/**
 * Makes the project, or finds the one that an earlier run of the same recovery has made: its name is nobody else's. Reads back that it is
 * what was asked for.
 *
 * @param password of its database, made by us
 * @returns its ref
 * @throws OperationError `two-projects`, `project-other`; ConfigurationError `region-refused`; what the client throws
 */
export async function makeProject(
  api: ManagementApi,
  wish: ProjectWish,
  password: string,
  making: Making,
): Promise<string> {
  if (making.asked)
    making.log.info("An earlier run may have asked for the project: looking before it is asked for again.");
  const found = making.asked ? await appears(api, wish.name, making) : await findProject(api, wish.name);
  if (found !== undefined) {
    making.log.info(`Project ${found} of this recovery is there already.`);
    return admitted(api, found, wish, making);
  }
  return admitted(api, await made(api, wish, password, making), wish, making);
}

/** The project of that name. @throws OperationError `two-projects` */
export async function findProject(api: ManagementApi, name: string): Promise<string | undefined> {
  const all = await api.get("/v1/projects", z.array(listedSchema));
  const refs = all.filter((one) => one.name === name).map((one) => refOf(one));
  if (refs.length > 1)
    throw new OperationError(
      "two-projects",
      `There are ${refs.length} projects of the name "${name}": ${refs.join(", ")}. A recovery makes one.`,
      "Look at both in the dashboard, rename the one that is not meant, then run again.",
    );
  return refs[0];
}

async function made(api: ManagementApi, wish: ProjectWish, password: string, making: Making): Promise<string> {
  const { log } = making;
  const body = {
    ...{ name: wish.name, organization_slug: wish.organization, db_pass: password },
    region_selection: { type: "specific", code: wish.region },
    ...(wish.size !== undefined && { desired_instance_size: wish.size }),
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return refOf(await api.ask("POST", "/v1/projects", listedSchema, body));
    } catch (error) {
      if (!(error instanceof LifeboatError) || !nobodyKnows.has(error.code)) throw error;
      log.warn(`${error.message} Looking whether the project is there.`);
      const found = await appears(api, wish.name, making);
      if (found !== undefined) return found;
      if (attempt >= 2) throw error;
    }
  }
}

/** Looks for a while whether there is a project of that name. */
async function appears(api: ManagementApi, name: string, { clock, signal }: Making): Promise<string | undefined> {
  for (let look = 0; look < unsure.looks; look++) {
    const found = await findProject(api, name);
    if (found !== undefined) return found;
    await clock.sleep(unsure.seconds * 1000, signal);
  }
  return undefined;
}

function refOf(project: z.output<typeof listedSchema>): string {
  const read = ref.safeParse(project.ref ?? project.id);
  if (read.success) return read.data;
  throw new OperationError(
    "api-answer",
    "Supabase's Management API named a project whose ref is none.",
    "Look in the dashboard whether the project was made, then run again.",
  );
}

/** Read back: what is sent there must be where it was asked to be. */
async function admitted(api: ManagementApi, ref: string, wish: ProjectWish, making: Making): Promise<string> {
  const project = await api.get(projectPath(ref), projectSchema);
  assertRegionAllowed(project.region, making.regions, `Project ${ref}`);
  const other =
    (ref === making.production && "it is production") ||
    (project.name !== wish.name && "it has another name") ||
    (project.region !== wish.region && `it is in ${project.region} and not in ${wish.region}`) ||
    ((project.organization_slug ?? wish.organization) !== wish.organization && "it is of another organisation");
  if (other === false) return ref;
  throw new OperationError(
    "project-other",
    `Project ${ref} is not the one that was asked for: ${other}. Nothing was sent to it.`,
    "Look at it in the dashboard, and at what answers at SUPABASE_API_URL.",
  );
}
