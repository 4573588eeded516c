import { z } from "zod";
import { ConfigurationError, LifeboatError } from "../../../base/errors.ts";
import { few } from "../../../base/measures.ts";
import { readRestoreTestEnvironment } from "../../../config/environment.ts";
import type { Config } from "../../../config/load.ts";
import { type ManagementApi, openManagementApi } from "../../../supabase/management-api.ts";
import {
  assertRoomIn,
  assertWithinBudget,
  defaultSize,
  diskFor,
  findPrices,
  monthlyPrice,
} from "../../../supabase/new-project/plan.ts";
import { objectStates } from "../../../vault/bucket/thaw.ts";
import { manifestVerifier, provenBy, trustedSigners } from "../../../vault/configured.ts";
import { type Manifest, setIdPattern } from "../../../vault/format/manifest.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { readSignedSet } from "../../../vault/sets/open-set.ts";
import { provenSets } from "../../../vault/sets/proof-store.ts";
import { firstFew, trustedSets } from "../../../vault/standing.ts";
import type { Context } from "../../context.ts";
import type { Sources } from "../sources.ts";
import { unusable } from "./bring-back.ts";
import type { Candidate, LossPlan, LossRequest } from "./facts.ts";
import { planMigrationsOf } from "./migrate.ts";

/**
 * Decides what a recovery will do, and refuses what it may not, before anything is written anywhere.
 *
 * @param known ids of the recoveries whose states were found
 * @throws ConfigurationError `region-missing`, `region-refused`, `region-full`, `organization-missing`, `organization-foreign`, `over-budget`,
 * `api-token-missing`, and what sets, keys and the API refuse
 */
export async function look(
  context: Context,
  sources: Sources,
  request: LossRequest,
  known: readonly string[],
): Promise<LossPlan> {
  const { candidates, manifest } = await findCandidates(context, sources, request);
  const { snapshotAt, counts } = manifest;
  const [first] = candidates;
  // With a set that was not named, the next one is tried where this one does not open.
  const pending = first && (await planMigrationsOf(sources, request, first).catch(unlessNext(context, request)));
  return {
    ...{ candidates, snapshotAt, databaseBytes: counts.databaseBytes },
    migrations: pending ?? null,
    withFiles: sources.files !== undefined,
    project: request.target === null ? await planProject(context, request, manifest, known) : null,
  };
}

/** What only the set is to blame for is told, and left to the restore, which passes it over. */
function unlessNext({ log }: Context, { set }: LossRequest) {
  return (error: unknown): undefined => {
    const ofSet = error instanceof LifeboatError && unusable.has(error.code) && error.code !== "wrong-private-key";
    if (set !== "latest" || !ofSet) throw error;
    log.warn(`The newest set may not be usable: ${error.message}`);
  };
}

/** So many older sets are tried when the newest cannot be used. */
const mostOlder = 4;
/** The newest proven set is looked for among so many. */
const mostRead = 60;

async function findCandidates(context: Context, { config, vault }: Sources, { set }: LossRequest) {
  const { log } = context;
  const signers = await trustedSigners(config);
  if (set !== "latest") {
    const { tier, manifest } = await readSignedSet(vault, set, signers);
    const archived = await isArchived(vault, manifest);
    return { candidates: [{ tier, set: manifest.set, why: "it was named", archived }], manifest };
  }
  const proven = (await provenSets(vault, await provenBy(config))).find(({ marked }) => !marked)?.set;
  const order = (await newestSets(config, vault, log.warn))
    .filter(({ set }, index) => index <= mostOlder || set === proven)
    .map((manifest, index) => ({ manifest, why: index === 0 ? "it is the newest" : "it is older" }));
  const provenAt = order.findIndex(({ manifest }) => manifest.set === proven);
  // Right behind the newest: that it restores is known.
  if (provenAt > 1) order.splice(1, 0, ...order.splice(provenAt, 1));
  const described: { candidate: Candidate; manifest: Manifest }[] = [];
  for (const { manifest, why } of order) {
    const isProven = manifest.set === proven;
    const candidate = {
      ...{ tier: manifest.tier, set: manifest.set },
      ...{ why: isProven ? `${why}, and proven` : why, archived: await isArchived(vault, manifest) },
    };
    described.push({ candidate, manifest });
  }
  // What has to be thawed takes hours: only when that is all there is.
  const ready = described.filter(({ candidate }) => !candidate.archived);
  const chosen = ready.length > 0 ? ready : described.slice(0, 1);
  const [first] = chosen;
  if (first === undefined)
    throw new ConfigurationError(
      "set-unknown",
      `There is no set in bucket ${vault.bucket} that can be trusted: nothing to recover from.`,
      "Look with `lifeboat list --all`; read the replica with `lifeboat recover regional-disaster`.",
    );
  return { candidates: chosen.map(({ candidate }) => candidate), manifest: first.manifest };
}

/** Newest first. That the newest is hidden, or made during an incident, is said and not passed over in silence. */
async function newestSets(config: Config, vault: Vault, warn: (line: string) => void): Promise<Manifest[]> {
  await readSignedSet(vault, "latest", await trustedSigners(config), warn).catch((error: unknown) => {
    if (!(error instanceof LifeboatError)) throw error;
    warn(`The newest set cannot be used: ${error.message} An older one is taken.`);
  });
  const verify = await manifestVerifier(config);
  return firstFew(trustedSets(vault, verify, { passedOver: (name, why) => warn(`${name}: ${why}`) }), mostRead);
}

async function isArchived(vault: Vault, { tier, set, artifacts }: Manifest): Promise<boolean> {
  const needed = artifacts.filter(({ kind }) => kind !== "json");
  const states = await objectStates(vault, `database/${tier}/${set}/`, needed);
  return states.some(({ state }) => state === "frozen" || state === "thawing");
}

const organizationsSchema = z.array(z.object({ id: z.string(), slug: z.string().optional() }));

async function planProject(
  context: Context,
  request: LossRequest,
  manifest: Manifest,
  known: readonly string[],
): Promise<LossPlan["project"]> {
  const { policy, projectRef } = context.config();
  const { recovery, promises, regions } = policy;
  const region = request.region ?? recovery.region ?? promises.supabase.region;
  const { organization } = recovery;
  if (organization === null)
    throw new ConfigurationError(
      "organization-missing",
      "In which organisation the new project is made is not known: recovery.organization of the policy is null.",
      "Set it to the organisation's slug by review; or make a project by hand and recover into it: --target NAME.",
    );
  if (region === null)
    throw new ConfigurationError(
      "region-missing",
      "In which region the new project is made is not known.",
      `Give one: --region ${regions[0]}, or set recovery.region in the policy.`,
    );
  if (request.scenario === "regional-disaster" && region === promises.supabase.region)
    throw new ConfigurationError(
      "region-lost",
      `${region} is the region that production is in, and a regional disaster is the loss of it.`,
      "Give another region that the policy allows; or use `lifeboat recover complete-loss`, when the region is well.",
    );
  const api = openApi(context);
  await assertOrganization(api, organization);
  const name = request.projectName ?? `${policy.project.name}-recovered`;
  await assertNoStray(api, name, known);
  await assertRoomIn(api, { organization, region }, regions);
  const prices = await findPrices(api, { organization, production: projectRef ?? manifest.source.projectRef });
  const size = recovery.instanceSize ?? prices?.size ?? null;
  const diskGigabytes = diskFor(BigInt(manifest.counts.databaseBytes));
  const dollars = (prices && monthlyPrice(prices, size ?? defaultSize, diskGigabytes)) ?? null;
  if (dollars === null) context.log.warn("What the new project will cost is not known: no price list could be read.");
  else
    assertWithinBudget(
      dollars,
      recovery.mostUsdPerMonth,
      `A project of size ${size ?? defaultSize} with ${diskGigabytes} GB`,
    );
  return { name, organization, region, size, diskGigabytes, dollars };
}

/** @throws ConfigurationError `api-token-missing` */
export function openApi({ env, signal }: Pick<Context, "env" | "signal">): ManagementApi {
  const { api } = readRestoreTestEnvironment(env);
  if (api !== undefined) return openManagementApi({ ...api, signal });
  throw new ConfigurationError(
    "api-token-missing",
    "A project cannot be made without SUPABASE_ACCESS_TOKEN. Nothing has been done.",
    "Set a token that may make projects in the organisation; or make one by hand and recover into it: --target NAME.",
  );
}

/** A project of a recovery whose state was lost: a new one would be the second. */
async function assertNoStray(api: ManagementApi, name: string, known: readonly string[]): Promise<void> {
  const projects = await api.get("/v1/projects", z.array(z.object({ name: z.string() })));
  const ids = projects.flatMap((one) => (one.name.startsWith(`${name} `) ? one.name.slice(name.length + 1) : []));
  const strays = ids.filter((id) => setIdPattern.test(id) && !known.includes(id));
  if (strays.length === 0) return;
  throw new ConfigurationError(
    "recovery-state-lost",
    `There is a project of recovery ${few(strays)} already, and its state is nowhere to be found. Nothing has been made.`,
    "Run where its state is (a folder of the machine that began it: --state). If nobody works on it, rename or delete that project in the dashboard, then run again.",
  );
}

async function assertOrganization(api: ManagementApi, organization: string): Promise<void> {
  const known = (await api.get("/v1/organizations", organizationsSchema)).map(({ id, slug }) => slug ?? id);
  if (known.includes(organization)) return;
  throw new ConfigurationError(
    "organization-foreign",
    `The token knows no organisation ${organization}; it knows ${known.length === 0 ? "none" : few(known)}.`,
    "Use a token of a member of that organisation, or correct recovery.organization in the policy.",
  );
}
