import { randomBytes } from "node:crypto";
import { LifeboatError, OperationError } from "../../../base/errors.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import { openProjectFiles } from "../../../storage/project-files.ts";
import { enlargeDisk } from "../../../supabase/new-project/disk.ts";
import { makeProject, nobodyKnows } from "../../../supabase/new-project/make.ts";
import { priceOfMade } from "../../../supabase/new-project/plan.ts";
import { patiently, waitUntilHealthy } from "../../../supabase/new-project/wait.ts";
import type { LossPlan } from "./facts.ts";
import type { LossWork, Place } from "./work.ts";

/** A database's password, made by us: nothing in it has to be encoded anywhere. */
export function newPassword(): string {
  return randomBytes(24).toString("base64url");
}

/** Makes the project that the plan says, or finds it. @throws as `makeProject`; OperationError `over-budget` */
export async function makePlanned(work: LossWork, signal: AbortSignal): Promise<void> {
  const { plan, password, asked } = work.facts();
  const { project } = plan;
  if (project === null || password === null) return;
  const { organization, region, size } = project;
  const { policy, projectRef } = work.context.config();
  const wish = { name: work.projectName, organization, region, size: size ?? undefined };
  const { clock, log } = work;
  const making = { clock, log, signal, regions: policy.regions, production: projectRef, asked };
  // Before anything is asked for: whoever takes it up looks longer before it asks once more.
  if (!asked) await work.state.note({ asked: true });
  const ref = await makeProject(work.api, wish, password, making).catch(async (error: unknown) => {
    // Refused in so many words: there is nothing to look for.
    if (!asked && error instanceof LifeboatError && !nobodyKnows.has(error.code))
      await work.state.note({ asked: false });
    throw error;
  });
  log.info(`Project ${ref} in ${region}.`);
  await work.state.note({ ref });
  if (project.dollars === null) await assertPrice(work, ref, project);
}

/** Where no other project of the organisation could tell the prices, the new one does, while nothing is in it yet. */
async function assertPrice(work: LossWork, ref: string, project: NonNullable<LossPlan["project"]>) {
  const { api, context, state } = work;
  const dollars = await priceOfMade(api, ref, project);
  const most = context.config().policy.recovery.mostUsdPerMonth;
  if (dollars === undefined) {
    // Nobody's money is spent on a guess: a person says once that it may be, by running it again.
    if (work.facts().unpriced)
      return context.log.warn(`What project ${ref} costs is not known: somebody has let it go on.`);
    await state.note({ unpriced: true });
    throw new OperationError(
      "price-unknown",
      `What project ${ref} costs is not listed, so whether it is more than recovery.mostUsdPerMonth ($${most.toFixed(2)}) cannot be told.`,
      "Look in the dashboard (Organization, Billing). Where it may cost that, run it again; or give this recovery up (--give-up) and delete the project.",
    );
  }
  if (dollars <= most) return;
  throw new OperationError(
    "over-budget",
    `Project ${ref} costs about $${dollars.toFixed(2)} a month; the policy allows $${most.toFixed(2)} (recovery.mostUsdPerMonth).`,
    "Nothing is in it: give this recovery up (--give-up) and delete the project in the dashboard; or have recovery.mostUsdPerMonth raised by review.",
  );
}

/** The API's word is not enough: the first status after a change may be the one from before it. */
export async function untilItAnswers(work: LossWork, signal: AbortSignal): Promise<void> {
  const { ref } = work.facts();
  if (ref === null) return;
  const waiting = { clock: work.clock, log: work.log, signal };
  await waitUntilHealthy(work.api, ref, waiting);
  const place = await work.place();
  await patiently("its database", waiting, () => databaseAnswers(work, place, signal));
  await patiently("its Storage", waiting, () => storageAnswers(place, signal));
}

/**
 * One connection, one attempt: the pooler counts wrong passwords and then refuses everybody (ECIRCUITBREAKER), and a new project's
 * password works a moment later than the project is called healthy.
 */
async function databaseAnswers({ log }: LossWork, { target }: Place, signal: AbortSignal): Promise<string | undefined> {
  try {
    const client = await connect(target.database, {
      ...{ applicationName: "lifeboat/recover", setting: target.name, log, signal },
      patience: { attempts: 1, attemptSeconds: 30, baseMillis: 0, capMillis: 0 },
    });
    try {
      await client.query("select 1 from pg_catalog.pg_namespace where nspname = 'storage'");
    } finally {
      await client.end().catch(() => undefined);
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof LifeboatError ? `it refuses (${error.code})` : "it does not answer";
  }
}

async function storageAnswers({ storage }: Place, signal: AbortSignal): Promise<string | undefined> {
  if (storage === undefined) return undefined;
  using files = openProjectFiles(storage, { side: "target", retry: { attempts: 1, totalSeconds: 20 } });
  try {
    await files.buckets(signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof LifeboatError ? `it refuses (${error.code})` : "it does not answer";
  }
}

/** @throws as `enlargeDisk` */
export async function enlarge(work: LossWork, signal: AbortSignal): Promise<void> {
  const { plan, ref } = work.facts();
  if (plan.project === null || ref === null) return;
  const { clock, log } = work;
  await enlargeDisk(work.api, ref, plan.project.diskGigabytes, { clock, log, signal });
}
