import { z } from "zod";
import { type Call, empty, maySee, ofProject, ok, type ProjectCall, type Route, refuse } from "../request.ts";
import { type Organization, pacedBetween, plan } from "../world.ts";
import { accept } from "./body.ts";

export const organizationRoutes: readonly Route[] = [
  {
    ...{ method: "GET", path: "/v1/organizations", permission: "organizations_read" },
    answer: ({ world, token }) =>
      ok(world.organizations.filter(({ slug }) => token.organizations.includes(slug)).map(named)),
  },
  {
    ...{ method: "GET", path: "/v1/organizations/{slug}", permission: "organization_admin_read" },
    answer: (call) =>
      of(call, (organization) =>
        ok({
          ...{ id: organization.slug, name: organization.name, plan: organization.plan },
          ...{ opt_in_tags: [], allowed_release_channels: ["ga", "preview"] },
        }),
      ),
  },
  {
    ...{ method: "GET", path: "/v1/organizations/{slug}/entitlements", permission: "organization_admin_read" },
    answer: (call) => of(call, (organization) => ok({ entitlements: entitlementsOf(organization) })),
  },
  {
    ...{ method: "GET", path: "/v1/organizations/{slug}/projects", permission: "organization_projects_read" },
    answer: (call) =>
      of(call, ({ slug }) => {
        const projects = [...call.world.projects.values()]
          .filter((project) => project.organization === slug && maySee(call.token, project))
          .map(({ ref, name, region, status, createdAt, disk, addons }) => ({
            ...{ ref, name, region, status, cloud_provider: "AWS", is_branch: false },
            inserted_at: new Date(createdAt).toISOString(),
            databases: [
              {
                ...{ identifier: ref, type: "PRIMARY", region, status, cloud_provider: "AWS", disk_type: "gp3" },
                ...{ infra_compute_size: addons.compute.replace("ci_", ""), disk_volume_size_gb: disk.sizeGb },
              },
            ],
          }));
        return ok({ projects, pagination: { count: projects.length, limit: 100, offset: 0 } });
      }),
  },
  ofProject("GET", "/billing/addons", "infra_add_ons_read", ({ project }) => ok(addonsOf(project.addons))),
  ofProject("PATCH", "/billing/addons", "infra_add_ons_write", (call) =>
    accept(call, z.object({ addon_type: z.string(), addon_variant: z.string() }), (body) => addAddon(call, body)),
  ),
  ofProject("DELETE", "/billing/addons/{variant}", "infra_add_ons_write", (call) => {
    const { project, params, now } = call;
    if (now < project.addons.busyUntil) return refuse(429, "still processing addon changes");
    if (project.addons.pitr === params["variant"]) project.addons.pitr = undefined;
    else if (project.addons.compute === params["variant"]) resize(call, "ci_micro");
    project.addons.others = project.addons.others.filter((one) => one !== params["variant"]);
    return empty(200);
  }),
];

const named = ({ slug, name }: Organization) => ({ id: slug, slug, name });

function of({ world, token, params }: Call, answer: (organization: Organization) => ReturnType<Route["answer"]>) {
  const found = world.organizations.find(({ slug }) => slug === params["slug"]);
  if (found === undefined || !token.organizations.includes(found.slug)) return refuse(404, "Organization not found");
  return answer(found);
}

function entitlementsOf({ plan: name }: Organization) {
  const paid = name !== "free";
  const days = { free: 0, pro: 7, team: 14, enterprise: 30, platform: 7 }[name];
  const yes = (key: string, enabled: boolean) => ({
    ...{ feature: { key, type: "boolean" }, hasAccess: enabled, type: "boolean", config: { enabled } },
  });
  const number = (key: string, value: number, unit: string) => ({
    ...{ feature: { key, type: "numeric" }, hasAccess: value > 0, type: "numeric" },
    config: { enabled: value > 0, value, unlimited: false, unit },
  });
  const variants = paid ? ["pitr_7", "pitr_14", "pitr_28"] : [];
  return [
    number("backup.retention_days", days, "days"),
    yes("backup.restore_to_new_project", paid),
    yes("backup.schedule", name === "team" || name === "enterprise"),
    {
      ...{ feature: { key: "pitr.available_variants", type: "set" }, hasAccess: paid, type: "set" },
      config: { enabled: paid, set: variants },
    },
    number("storage.max_file_size", paid ? 536_870_912_000 : 52_428_800, "bytes"),
    number(
      "function.max_count",
      { free: 100, pro: 500, team: 1000, enterprise: 1000, platform: 1000 }[name],
      "functions",
    ),
    number("security.audit_logs_days", { free: 0, pro: 7, team: 28, enterprise: 90, platform: 7 }[name], "days"),
    yes("custom_domain", paid),
    yes("project_pausing", !paid),
  ];
}

/** Dollars an hour of compute and of what is charged by the hour, a month of the rest. */
const computePrices = { ci_micro: 0.01344, ci_small: 0.0206, ci_medium: 0.0822, ci_large: 0.1517, ci_xlarge: 0.2877 };
const pitrPrices = { pitr_7: 0.137, pitr_14: 0.274, pitr_28: 0.55 };

const catalogue = [
  { type: "compute_instance", name: "Compute Instance", variants: priced(computePrices) },
  { type: "pitr", name: "Point in Time Recovery", variants: priced(pitrPrices) },
  { type: "custom_domain", name: "Custom Domain", variants: priced({ cd_default: 0.0137 }) },
  { type: "ipv4", name: "Dedicated IPv4", variants: priced({ ipv4_default: 0.0055 }) },
];

function priced(prices: Readonly<Record<string, number>>) {
  return Object.entries(prices).map(([id, amount]) => ({
    ...{ id, name: id, meta: {} },
    price: { description: `$${amount}/hour`, type: "usage", interval: "hourly", amount },
  }));
}

function addonsOf({ compute, pitr, others }: ProjectCall["project"]["addons"]) {
  const on = new Set([compute, pitr, ...others]);
  return {
    selected_addons: catalogue.flatMap(({ type, variants }) =>
      variants.filter(({ id }) => on.has(id)).map((variant) => ({ type, variant })),
    ),
    available_addons: catalogue,
  };
}

function addAddon(call: ProjectCall, body: { readonly addon_type: string; readonly addon_variant: string }) {
  const { world, project, organization, now } = call;
  const { addons } = project;
  if (now < addons.busyUntil) return refuse(429, "still processing addon changes");
  const known = catalogue
    .find(({ type }) => type === body.addon_type)
    ?.variants.some(({ id }) => id === body.addon_variant);
  if (known !== true) return refuse(400, "addon_variant: Invalid");
  if (organization.plan === "free") return refuse(402, "Add-ons need a paid plan");
  if (body.addon_type === "pitr") {
    if (addons.compute === "ci_micro" || addons.compute === "ci_nano")
      return refuse(400, "Point in Time Recovery needs at least the Small compute instance");
    addons.pitr = body.addon_variant;
    addons.busyUntil = now + pacedBetween(world, 30, 90);
  } else if (body.addon_type === "compute_instance") resize(call, body.addon_variant);
  else addons.others.push(body.addon_variant);
  return empty(200);
}

/** Takes Auth and the pooler away for a while. */
function resize({ world, project, now }: ProjectCall, variant: string): void {
  const seconds = pacedBetween(world, 99, 131);
  project.addons.busyUntil = now + seconds;
  project.status = "RESIZING";
  project.down.set("auth", now + seconds);
  project.down.set("pooler", now + pacedBetween(world, 180, 200));
  plan(world, project, seconds, () => {
    project.status = "ACTIVE_HEALTHY";
    project.addons.compute = variant;
  });
}
