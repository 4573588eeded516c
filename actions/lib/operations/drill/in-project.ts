import { z } from "zod";
import { ConfigurationError, LifeboatError, OperationError } from "../../base/errors.ts";
import type { Policy } from "../../config/policy/policy.ts";
import { type ManagementApi, projectPath } from "../../supabase/management-api.ts";
import { hoursOfMonth, priceOfMade } from "../../supabase/new-project/plan.ts";
import type { SignedSet } from "../../vault/sets/open-set.ts";
import type { LossPlan } from "../recover/complete-loss/facts.ts";
import type { LossWork } from "../recover/complete-loss/work.ts";
import type { Phase } from "../recover/phases.ts";

const projectsSchema = z.array(z.object({ ref: z.string().optional(), id: z.string().optional() }));

/** Of a newest set that is not there, hidden or not to be trusted. It says nothing of production, and the drill passes it over. */
const withoutWord: ReadonlySet<string> = new Set(["set-unknown", "set-hidden", "manifest-untrusted"]);

/**
 * Refs that are production's, as the environment and the newest set tell them.
 * @throws what else `newest` throws: a drill must not know less of production because a store did not answer
 */
export async function refsOfProduction(ref: string | null, newest: () => Promise<SignedSet>): Promise<string[]> {
  const signed = await newest().catch((error: unknown) => {
    if (error instanceof LifeboatError && withoutWord.has(error.code)) return undefined;
    throw error;
  });
  return [ref, signed?.manifest.source.projectRef ?? null].filter((one) => one !== null);
}

/**
 * A drill makes and deletes projects: its token must not reach production, where a mistake would delete the backups, too.
 * @param production its ref, as the environment and the set tell it
 * @throws ConfigurationError `production-unknown`, `drill-organization`, `token-reads-production`
 */
export async function refuseProductionsToken(
  api: ManagementApi,
  production: readonly string[],
  { drill, recovery }: Pick<Policy, "drill" | "recovery">,
): Promise<void> {
  const refs = new Set(production);
  if (refs.size === 0)
    throw new ConfigurationError(
      "production-unknown",
      "Which project is production is not known, so whether this token can reach it cannot be told. Nothing was made.",
      "Set SUPABASE_PROJECT_REF to production's ref.",
    );
  if (drill.organization === recovery.organization)
    throw new ConfigurationError(
      "drill-organization",
      `The policy's drill.organization is ${drill.organization}. Recoveries make their projects there (recovery.organization). Nothing was made.`,
      "Make an organisation of its own for drills, without any other project.",
    );
  const listed = (await api.get("/v1/projects", projectsSchema)).flatMap(({ ref, id }) => [ref, id]);
  for (const ref of refs) {
    if (!listed.includes(ref) && !(await reads(api, ref))) continue;
    throw new ConfigurationError(
      "token-reads-production",
      `SUPABASE_ACCESS_TOKEN can read production (${ref}). A drill makes and deletes projects with it. Nothing was made.`,
      "Use a token of an account that is a member of the drill's organisation alone.",
    );
  }
}

async function reads(api: ManagementApi, ref: string): Promise<boolean> {
  try {
    await api.get(projectPath(ref), z.unknown());
    return true;
  } catch (error) {
    if (error instanceof LifeboatError && ["api-missing", "api-denied"].includes(error.code)) return false;
    throw error;
  }
}

/** What a project costs that is there for so long, in US dollars: each hour begun counts. */
export function costOf(dollarsAMonth: number, seconds: number): number {
  return Math.ceil((dollarsAMonth / hoursOfMonth) * Math.ceil(seconds / 3600) * 100) / 100;
}

/** @param rtoMinutes that the drill may take, and twice as long at worst @throws ConfigurationError `drill-over-budget` */
export function assertWithinDrillBudget(dollarsAMonth: number, rtoMinutes: number, most: number): void {
  const dollars = costOf(dollarsAMonth, rtoMinutes * 120);
  if (dollars <= most) return;
  throw new ConfigurationError(
    "drill-over-budget",
    `The drill's project costs up to $${dollars.toFixed(2)}; the policy allows $${most.toFixed(2)} a drill (drill.mostUsd).`,
    "Take a smaller size (recovery.instanceSize), or have drill.mostUsd raised by review.",
  );
}

/** The API shows prices only for a project that exists, so an organisation without projects is asked again once the drill has made one. */
export function priceOf(plan: LossPlan, rtoMinutes: number, most: number): Phase<LossWork> {
  return {
    name: "ask what it costs",
    does: "Asks what the project costs, where no price could be read before.",
    ...{ waitsFor: "the Management API", usuallySeconds: 5, deadlineSeconds: 300, late: "ends" },
    whenLate: "look at status.supabase.com, then run again: the project is removed first.",
    async run(work) {
      const { ref } = work.facts();
      if (ref === null || plan.project === null || plan.project.dollars !== null) return;
      const dollars = await priceOfMade(work.api, ref, plan.project);
      if (dollars === undefined)
        throw new OperationError(
          "price-unknown",
          "No price is listed for the drill's project, so whether it costs more than drill.mostUsd cannot be told.",
          "Name a size that Supabase lists (recovery.instanceSize), or let drills be played in staging (drill.target).",
        );
      assertWithinDrillBudget(dollars, rtoMinutes, most);
      await work.state.note({ dollarsAMonth: dollars });
    },
  };
}
