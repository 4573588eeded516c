import { z } from "zod";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import { few } from "../../base/measures.ts";
import { assertRegionAllowed } from "../../config/vault-location.ts";
import { type ManagementApi, projectPath } from "../management-api.ts";

/** A project that is to be made. */
export interface ProjectWish {
  /** Nobody else's: by it an unfinished run finds what it has made. */
  readonly name: string;
  /** Slug. */
  readonly organization: string;
  /** A specific one: a group of regions would let Supabase choose one that the policy forbids. */
  readonly region: string;
  /** Compute, e.g. `small`; undefined: Supabase's own choice. */
  readonly size: string | undefined;
}

const regionsSchema = z.object({
  all: z.object({ specific: z.array(z.object({ code: z.string(), status: z.string().optional() })) }),
});

/**
 * Asks whether a project can be made in a region, before anything is made.
 * @param allowed by the policy
 * @throws ConfigurationError `region-refused`, `region-unknown`, `region-full` (names those of the policy that have room); what the client throws
 */
export async function assertRoomIn(
  api: ManagementApi,
  { organization, region }: Pick<ProjectWish, "organization" | "region">,
  allowed: readonly string[],
): Promise<void> {
  assertRegionAllowed(region, allowed, "The new project");
  const path = `/v1/projects/available-regions?organization_slug=${encodeURIComponent(organization)}`;
  const { specific } = (await api.get(path, regionsSchema)).all;
  const open = specific.filter(({ status }) => status === undefined).map(({ code }) => code);
  const others = open.filter((code) => code !== region && allowed.includes(code));
  const next =
    others.length > 0
      ? `The policy also allows ${few(others)}, where there is room: --region ${others[0]}.`
      : `None of the policy's regions (${allowed.join(", ")}) has room now: have one more allowed by review, or ask Supabase's support.`;
  const found = specific.find(({ code }) => code === region);
  if (found === undefined)
    throw new ConfigurationError("region-unknown", `Supabase has no region ${region} for ${organization}.`, next);
  if (found.status === undefined) return;
  const why = found.status === "capacity" ? "has no room for a new project now" : "takes no new project now";
  throw new ConfigurationError("region-full", `Region ${region} ${why}. Nothing has been made.`, next);
}

const priceSchema = z.object({ interval: z.string(), amount: z.number().nonnegative() });
const variantSchema = z.object({ id: z.string(), price: priceSchema });
const addonsSchema = z.object({
  selected_addons: z.array(z.object({ type: z.string(), variant: variantSchema })).default([]),
  available_addons: z.array(z.object({ type: z.string(), variants: z.array(variantSchema) })).default([]),
});

/** What compute costs, in US dollars a month, by size. */
export interface Prices {
  readonly compute: ReadonlyMap<string, number>;
  /** Of the project that was asked; undefined where it has none of its own. */
  readonly size: string | undefined;
}

/** What Supabase takes where nothing is said. */
export const defaultSize = "micro";
export const hoursOfMonth = 730;
const computePrefix = "ci_";

/**
 * The one price list that the API has: that of a project's add-ons. It is the same for all projects of an organisation.
 * @throws what the client throws
 */
async function readPrices(api: ManagementApi, ref: string): Promise<Prices> {
  const addons = await api.get(projectPath(ref, "/billing/addons"), addonsSchema);
  const isCompute = ({ type }: { readonly type: string }): boolean => type === "compute_instance";
  const variants = addons.available_addons.filter(isCompute).flatMap(({ variants }) => variants);
  const selected = addons.selected_addons.find(isCompute)?.variant;
  const all = [...variants, ...(selected === undefined ? [] : [selected])];
  const monthly = ({ interval, amount }: z.output<typeof priceSchema>): number =>
    interval === "hourly" ? amount * hoursOfMonth : amount;
  return {
    compute: new Map(all.map(({ id, price }) => [sizeOf(id), monthly(price)])),
    size: selected && sizeOf(selected.id),
  };
}

function sizeOf(variant: string): string {
  return variant.startsWith(computePrefix) ? variant.slice(computePrefix.length) : variant;
}

/** Of any project that the token can read: production's where it is still there. Undefined where none tells. */
export async function findPrices(
  api: ManagementApi,
  { organization, production }: { readonly organization: string; readonly production: string | null },
): Promise<Prices | undefined> {
  const asked = [...(production === null ? [] : [production]), ...(await refsOf(api, organization))];
  for (const ref of new Set(asked.slice(0, 4))) {
    try {
      const prices = await readPrices(api, ref);
      if (prices.compute.size === 0) continue;
      // What another project has says nothing of the one that was lost.
      return ref === production ? prices : { ...prices, size: undefined };
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
    }
  }
  return undefined;
}

const projectsSchema = z.array(
  z.object({ ref: z.string().optional(), id: z.string().optional(), organization_slug: z.string().optional() }),
);

async function refsOf(api: ManagementApi, organization: string): Promise<string[]> {
  const all = await api.get("/v1/projects", projectsSchema);
  return all.filter((one) => one.organization_slug === organization).flatMap(({ ref, id }) => ref ?? id ?? []);
}

const GB = 1024 ** 3;
/** Every project has so much, and pays for what is above (supabase.com/docs, Manage disk usage). */
const included = { gigabytes: 8, dollarsPerGigabyte: 0.125 } as const;
/** Rows arrive with their write-ahead log, and indexes are built beside their tables: three times their size, and 1 GB for the server. */
const headroom = { times: 3, gigabytes: 1 } as const;

/** Gigabytes of the new project's disk, whole. @param databaseBytes at the source */
export function diskFor(databaseBytes: bigint): number {
  return Math.max(included.gigabytes, Math.ceil((Number(databaseBytes) * headroom.times) / GB + headroom.gigabytes));
}

/** US dollars a month; undefined where the size's price is not known. Pure. */
export function monthlyPrice(prices: Prices, size: string, diskGigabytes: number): number | undefined {
  const compute = prices.compute.get(size);
  return compute === undefined ? undefined : Math.round((compute + diskPrice(diskGigabytes)) * 100) / 100;
}

/** What of a disk is paid for, in US dollars a month. */
export function diskPrice(gigabytes: number): number {
  return Math.max(0, gigabytes - included.gigabytes) * included.dollarsPerGigabyte;
}

/** What a project that was just made costs, in US dollars a month; undefined where no price is listed. @throws as `readPrices` */
export async function priceOfMade(
  api: ManagementApi,
  ref: string,
  { size, diskGigabytes }: { readonly size: string | null; readonly diskGigabytes: number },
): Promise<number | undefined> {
  const prices = await readPrices(api, ref);
  return monthlyPrice(prices, size ?? prices.size ?? defaultSize, diskGigabytes);
}

/** @throws ConfigurationError `over-budget` */
export function assertWithinBudget(dollars: number, most: number, what: string): void {
  if (dollars <= most) return;
  throw new ConfigurationError(
    "over-budget",
    `${what} costs about $${dollars.toFixed(2)} a month; the policy allows $${most.toFixed(2)} (recovery.mostUsdPerMonth). Nothing has been made.`,
    "Take a smaller size (recovery.instanceSize), or have recovery.mostUsdPerMonth raised by review.",
  );
}
