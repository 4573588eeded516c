import { type Call, ok, refuse } from "../request.ts";
import type { World } from "../world.ts";

/** The regions that a project can be made in. */
export const regions = [
  ...(["us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-east-1", "ap-southeast-1"] as const),
  ...(["ap-northeast-1", "ap-northeast-2", "ap-southeast-2", "eu-west-1", "eu-west-2", "eu-west-3"] as const),
  ...(["eu-north-1", "eu-central-1", "eu-central-2", "ca-central-1", "ap-south-1", "sa-east-1"] as const),
] as const;

/** Supabase chooses within a group by itself: also a region that somebody's policy forbids. */
export const groups = {
  americas: regions.filter((code) => /^(?:us|ca|sa)-/.test(code)),
  emea: regions.filter((code) => code.startsWith("eu-")),
  apac: regions.filter((code) => code.startsWith("ap-")),
};

export const isFullRegion = ({ fullRegions }: World, code: string): boolean => fullRegions.has(code);

export function availableRegions({ world, query, token }: Call) {
  const slug = query.get("organization_slug");
  if (slug === null) return refuse(400, "organization_slug: Required");
  if (!token.organizations.includes(slug)) return refuse(404, "Organization not found");
  const specific = regions.map((code) => ({
    ...{ name: code, code, type: "specific", provider: "AWS" },
    ...(isFullRegion(world, code) ? { status: "capacity" } : {}),
  }));
  const smartGroup = Object.keys(groups).map((code) => ({ name: code, code, type: "smartGroup" }));
  const free = specific.filter(({ code }) => !isFullRegion(world, code));
  return ok({
    recommendations: { smartGroup: smartGroup[1], specific: free.slice(0, 3) },
    all: { smartGroup, specific },
  });
}
