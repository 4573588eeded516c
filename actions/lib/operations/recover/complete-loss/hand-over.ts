import { countOf, formatBytes } from "../../../base/measures.ts";
import type { Policy } from "../../../config/policy/policy.ts";
import { isUnasked } from "../../configuration/trial-rules.ts";
import { dashboardTask } from "../../restore/result.ts";
import { secondsOf } from "../phases.ts";
import type { Carried, LossFacts, Migrated } from "./facts.ts";
import { type LossWork, restoredOf, rtoMinutesOf } from "./work.ts";

/** What a recovery hands over. Names, counts and addresses; never a value of a key. */
export interface HandOver {
  /**
   * `recovered`: the copy is equal to the set, the schema is today's and the application's checks passed. `unproven`: equal, and nobody can
   * say so of the rest (`unproven` says why).
   * `differs`: something of it is not as it was; named. Both end with exit code 1. Nothing else may be called recovered.
   */
  readonly outcome: "recovered" | "unproven" | "differs";
  readonly recovery: string;
  readonly scenario: string;
  readonly project: { readonly ref: string | null; readonly url: string | null; readonly region: string | null };
  readonly set: string;
  readonly tier: string;
  /** Work after it is lost. */
  readonly snapshotAt: string;
  /** What stands in the way of `recovered`, one sentence each. */
  readonly wrong: readonly string[];
  readonly unproven: readonly string[];
  readonly restored: ReturnType<typeof restoredOf>;
  /** Null: they were not looked at. */
  readonly migrated: Migrated | null;
  /** Null: it was not carried. */
  readonly configuration: Carried | null;
  /** What of it was tried at the new project, what failed first. */
  readonly tried: NonNullable<LossFacts["tried"]>;
  readonly checks: readonly { readonly name: string; readonly outcome: string; readonly finding: string }[];
  readonly todo: readonly Todo[];
  /** Still off, with the number or the name by which a person switches each on. */
  readonly off: readonly { readonly number: number; readonly what: string }[];
  readonly phases: readonly { readonly name: string; readonly seconds: number; readonly late: boolean }[];
  /** From the first run's begin to now, waiting for people included; and what people did for it. */
  readonly seconds: number;
  /** Of the scenario, by the policy; not met: `seconds` are more. */
  readonly promise: { readonly rtoMinutes: number; readonly met: boolean };
  readonly human: readonly { readonly at: string; readonly by: string; readonly what: string }[];
  /** For users, to be read and sent by a person. */
  readonly message: string;
}

/** What a person still has to do, and where. */
export interface Todo {
  readonly what: string;
  readonly where: string;
}

export async function handOver(work: LossWork): Promise<HandOver> {
  const { state, clock } = work;
  const { plan, request, checks, fileRows, configuration, migrated, switchedOn, tried } = work.facts();
  const { policy } = work.context.config();
  const { ref, url } = await work.place();
  const restored = restoredOf(work);
  const seconds = Math.round((clock.now() - Date.parse(state.begunAt)) / 1000);
  const rtoMinutes = rtoMinutesOf(work);
  const failed = (checks ?? []).filter(({ outcome }) => outcome !== "passed");
  const wrong = [
    ...(restored.outcome === "equal" ? [] : [restored.sentence]),
    ...(restored.files === null || ["equal", "sampled"].includes(restored.files.outcome)
      ? []
      : [restored.files.sentence]),
    ...((configuration?.counts.refused ?? 0) === 0
      ? []
      : [`${countOf(configuration?.counts.refused ?? 0, "setting")} of the configuration could not be put back.`]),
    ...(restored.files === null && (plan.withFiles || (fileRows ?? 0) > 0)
      ? [filesMissing(plan.withFiles, fileRows)]
      : []),
    ...(tried ?? [])
      .filter(({ outcome }) => outcome === "failed")
      .map(({ what, why }) => `Tried at the new project, ${what}: ${why}.`),
    ...failed.map(({ name, outcome, finding }) => `Check "${name}": ${outcome}, ${finding}.`),
  ];
  const unproven = [
    ...((checks ?? []).length > 0 ? [] : ["the policy has no checks of the application"]),
    ...(configuration?.why == null ? [] : [`no configuration was put back: ${configuration.why}`]),
    ...(migrated?.findings ?? []).map((finding) => `migration ${finding}`),
    ...(tried ?? []).filter(isUnasked).map(({ what, why }) => `tried at the new project, ${what}: ${why}`),
  ];
  return {
    outcome: wrong.length > 0 ? "differs" : unproven.length === 0 ? "recovered" : "unproven",
    ...{
      recovery: state.id,
      scenario: request.scenario,
      wrong,
      unproven,
      restored,
      migrated,
      configuration,
      tried: tried ?? [],
      checks: checks ?? [],
    },
    project: { ref, url, region: plan.project?.region ?? null },
    ...{ set: restored.set, tier: restored.tier, snapshotAt: restored.snapshotAt },
    todo: todoOf(work, policy, ref, url),
    off: offOf(restored, configuration)
      .map(({ what }, index) => ({ number: index + 1, what }))
      .filter(({ what }) => !switchedOn.includes(what)),
    phases: secondsOf(state.times),
    seconds,
    promise: { rtoMinutes, met: seconds <= rtoMinutes * 60 },
    human: state.human,
    message: messageToUsers(policy.project.name, restored.snapshotAt),
  };
}

function todoOf(work: LossWork, policy: Policy, ref: string | null, url: string | null): Todo[] {
  const { plan, restored, configuration } = work.facts();
  const carried = configuration !== null && configuration.why === null;
  const dashboard = (page: string): string => `https://supabase.com/dashboard/project/${ref ?? "_"}/${page}`;
  const moved: Todo[] =
    // A project that a person has made is another one, too, also where no setting names it.
    url === null && restored?.target.kind !== "supabase"
      ? []
      : [
          {
            what: `Give the application the new address (SUPABASE_URL)${url === null ? "" : `: ${url}`}`,
            where: "the application's settings",
          },
          {
            what: "Give it the new keys (anon or publishable, service_role or secret): those of the lost project mean nothing here",
            where: dashboard("settings/api-keys"),
          },
          {
            what: "Change its connection strings (DATABASE_URL): take them from the dashboard, with a password that you set there",
            where: dashboard("settings/database"),
          },
          {
            what: "Point the custom domain at the new project, where there is one",
            where: dashboard("settings/general"),
          },
          {
            what: "Point Lifeboat at the new project, or nothing of it is backed up: SUPABASE_PROJECT_REF, DATABASE_URL, SUPABASE_STORAGE_*",
            where: "the settings of this repository's environments",
          },
        ];
  const password =
    plan.project === null
      ? []
      : [
          {
            what: `The database's password is sealed in recoveries/${work.state.id}/state.json.pgp (gpg --decrypt); set another in the dashboard when the recovery is over`,
            where: dashboard("settings/database"),
          },
        ];
  return [
    ...moved,
    ...password,
    ...policy.recovery.handOver.map((what) => ({ what, where: "the policy, recovery.handOver" })),
    ...(restored?.byHand ?? [])
      .filter((what) => what !== dashboardTask || !carried)
      .map((what) => ({ what, where: "the restored project" })),
    { what: "Tell the users: a text to begin with is below", where: "wherever you reach them" },
  ];
}

/** The name of the configuration's part that waits for a person. */
const liveSettings = "settings that reach people: mail, text messages, hooks, network restrictions";

/** All that stays off until somebody says so, in the order in which it is numbered; without a statement: done by the API. */
export function offOf(
  { switchedOff }: HandOver["restored"],
  configuration: Carried | null,
): readonly { readonly what: string; readonly on: string | undefined }[] {
  const settings = configuration === null || configuration.why !== null ? [] : [{ what: liveSettings, on: undefined }];
  return [...switchedOff, ...settings];
}

/** @param wanted their vault is set @param rows of files in the restored database; null: not counted */
function filesMissing(wanted: boolean, rows: number | null): string {
  const which = rows === null ? "The files" : countOf(rows, "file");
  return wanted
    ? `${which} did not come back: no way to write them was known. Make an S3 key in the dashboard (Storage, S3), set TARGET_STORAGE_*, and run \`lifeboat restore-files\`.`
    : `${which} did not come back: S3_STORAGE_BUCKET is not set. Set it to the files' vault, and run \`lifeboat restore-files\`.`;
}

/** A text to begin with: what happened, what is lost, what users have to do. */
function messageToUsers(name: string, snapshotAt: string): string {
  return [
    `${name} was unavailable and is back.`,
    `Everything is as it was on ${snapshotAt.slice(0, 16).replace("T", " ")} UTC; what you did after that is not there any more: please do it again.`,
    "You may have to log in again. We are sorry.",
  ].join(" ");
}

/** E.g. `1,204 files, 380 MB`. */
export function filesTold(files: { readonly count: number; readonly bytes: number } | null): string {
  return files === null ? "none came back" : `${countOf(files.count, "file")}, ${formatBytes(files.bytes)}`;
}
