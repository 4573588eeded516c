import { ConfigurationError } from "../../../base/errors.ts";
import { type Clock, realClock } from "../../../base/flow/clock.ts";
import { readRestoreTestEnvironment } from "../../../config/environment.ts";
import { type ManagementApi, openManagementApi } from "../../../supabase/management-api.ts";
import { isThere, type MadeProject, removeProject } from "../../../supabase/new-project/remove.ts";
import type { Context } from "../../context.ts";
import type { Told } from "../../operation.ts";
import { openRecoveries, type Recoveries } from "../access.ts";
import { factsSchema as lossFacts } from "../complete-loss/facts.ts";
import type { RecoveryState } from "../state.ts";
import { factsSchema } from "./earlier.ts";
import { openWays } from "./fence.ts";
import { apiPatience, scenario } from "./work.ts";

interface Removing {
  /** Ref of the project, typed. */
  readonly typed: string;
  readonly folder: string | undefined;
  readonly dryRun: boolean;
  readonly clock?: Clock;
}

/**
 * Removes the project that plan B made and that lost, because a person says so: one that a signed state names, that is shut off and has the
 * name that this recovery gave it. Production is never removed, nor what serves in its place.
 *
 * @throws ConfigurationError `target-is-production`, `project-other`, `fence-open`, `api-token-missing`: nothing was removed
 * @throws OperationError `project-other`, `project-stays`, `incident-on`
 */
export async function removeLoser(context: Context, removing: Removing): Promise<Told> {
  const { clock = realClock, folder, dryRun } = removing;
  const { projectRef } = context.config();
  const ref = removing.typed.trim().toLowerCase();
  if (projectRef === null || ref === projectRef) throw productionStays(ref, projectRef);
  using recoveries = await openRecoveries(context, folder, clock);
  const { state, made, removedAt } = loserOf(recoveries, ref, projectRef);
  const outputs = { recovery: state.id, outcome: "removed", set: "", "project-ref": ref, "project-url": "" };
  const told = (sentence: string, outcome = "removed"): Told => ({
    result: { recovery: state.id, outcome, project: ref },
    page: { title: `Recovery ${state.id}: ${scenario}`, sentence, tables: [] },
    outputs: { ...outputs, outcome },
  });
  if (removedAt !== null) return told(`Project ${ref} was removed at ${removedAt}.`);
  const api = openApi(context, clock);
  const there = await isThere(api, ref, made);
  if (there) await refuseOpen(api, ref);
  if (dryRun)
    return told(
      there ? `Project ${ref} would be removed. Nothing was.` : `There is no project ${ref} to be removed.`,
      "rehearsed",
    );
  await using lease = await recoveries.lease(state);
  await state.noteHuman({ by: context.who, what: `said: remove project ${ref}` });
  const gate = await context.incidentGate();
  await gate(`project ${ref}`);
  await lease?.assertHeld();
  const { log, signal } = context;
  const removed = await removeProject(api, made, { clock, log, signal });
  const { loser } = state.facts(factsSchema);
  await state.note({ loser: loser && { ...loser, removedAt: new Date(clock.now()).toISOString() } });
  return told(
    removed === undefined
      ? `Supabase knows no project ${ref} (any more): there was nothing to remove.`
      : `Project ${ref}, which plan B of recovery ${state.id} had made, is removed.`,
  );
}

const byHand =
  "Deleting a project deletes its backups at Supabase, too. When the new project has sets of its own that are verified, and nobody needs the old one: dashboard, Project Settings, General, Delete project.";

function productionStays(ref: string, production: string | null): ConfigurationError {
  return production === null
    ? new ConfigurationError(
        "project-ref-missing",
        "Which project is production is not known: SUPABASE_PROJECT_REF is not set. Nothing was removed.",
        "Set it to the ref of the project that serves.",
      )
    : new ConfigurationError(
        "target-is-production",
        `Project ${ref} is production (SUPABASE_PROJECT_REF). No command removes it.`,
        byHand,
      );
}

/** @throws ConfigurationError `project-other`, `recovery-unfinished` */
function loserOf(
  { known }: Recoveries,
  ref: string,
  production: string,
): { readonly state: RecoveryState; readonly made: MadeProject; readonly removedAt: string | null } {
  for (const state of known) {
    const loser = state.scenario === scenario ? state.facts(factsSchema).loser : null;
    if (loser?.ref !== ref) continue;
    if (state.ended?.how !== "handed over")
      throw new ConfigurationError(
        "recovery-unfinished",
        `Recovery ${state.id} is not handed over: which of its projects serves is not said. Nothing was removed.`,
        "Take it up first.",
      );
    const planB = known.find(({ id, scenario: kind }) => id === loser.recovery && kind === "complete-loss");
    const facts = planB?.facts(lossFacts);
    if (planB === undefined || facts === undefined || facts.ref !== ref || facts.plan.project === null) break;
    const { name, organization } = facts.plan.project;
    const made = { by: "plan B", name: `${name} ${planB.id}`, ref, organization, production: [production] };
    return { state, made, removedAt: loser.removedAt };
  }
  throw new ConfigurationError(
    "project-other",
    `No recovery has noted that it made project ${ref} and that it lost. Nothing was removed.`,
    `Only such a project is removed by this command, none that serves or that people have made. ${byHand}`,
  );
}

function openApi({ env, signal }: Context, clock: Clock): ManagementApi {
  const { api } = readRestoreTestEnvironment(env);
  if (api !== undefined) return openManagementApi({ ...api, clock, signal, patience: apiPatience, requestSeconds: 15 });
  throw new ConfigurationError(
    "api-token-missing",
    "SUPABASE_ACCESS_TOKEN is not set. Nothing was removed.",
    "Set a token that may delete projects of the policy's recovery.organization (project_admin_write).",
  );
}

/** Somebody may work in what is open. @throws ConfigurationError `fence-open` */
async function refuseOpen(api: ManagementApi, ref: string): Promise<void> {
  const open = await openWays(api, ref);
  if (open.length === 0) return;
  throw new ConfigurationError(
    "fence-open",
    `Project ${ref} is not shut off (${open.join(", ")}): somebody may work in it. Nothing was removed.`,
    "Find out who opened it. Shut it in the dashboard (Data API without schemas, network restrictions to 192.0.2.1/32 alone), then run this again.",
  );
}
