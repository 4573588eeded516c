import { z } from "zod";
import { refFrom } from "../../random.ts";
import { newProject, type Project } from "../project.ts";
import { type Call, empty, maySee, ofProject, ok, type Route, refuse } from "../request.ts";
import { paced, pacedBetween, plan, sinceThen, type World } from "../world.ts";
import { accept } from "./body.ts";
import { availableRegions, groups, isFullRegion, regions } from "./regions.ts";

export const projectRoutes: readonly Route[] = [
  {
    ...{ method: "GET", path: "/v1/projects", permission: "projects_read" },
    answer: ({ world, token }) =>
      ok([...world.projects.values()].filter((project) => maySee(token, project)).map(shown)),
  },
  { method: "GET", path: "/v1/projects/available-regions", permission: undefined, answer: availableRegions },
  { method: "POST", path: "/v1/projects", permission: "organization_projects_create", answer: create },
  ofProject("GET", "", "project_admin_read", ({ project }) => ok(shown(project))),
  ofProject("DELETE", "", "project_admin_write", async ({ world, project }) => {
    project.status = "REMOVED";
    world.projects.delete(project.ref);
    await world.backing?.remove(project);
    return ok({ id: project.id, ref: project.ref, name: project.name });
  }),
  ofProject("POST", "/pause", "project_admin_write", ({ world, project, organization }) => {
    if (organization.plan !== "free") return refuse(400, "Project is not free-tier");
    project.status = "PAUSING";
    plan(world, project, paced(world, 30), () => {
      project.status = "INACTIVE";
      project.database.startedAt = undefined;
    });
    return empty(200);
  }),
  ofProject("GET", "/restore", "project_admin_read", () =>
    ok({ available_versions: [{ version: "17.6.1", release_channel: "ga", postgres_engine: "17" }] }),
  ),
  ofProject("POST", "/restore", "project_admin_write", ({ world, project, now }) => {
    if (project.status !== "INACTIVE") return refuse(400, "Project is not paused");
    project.status = "COMING_UP";
    plan(world, project, pacedBetween(world, 20, 60), () => {
      project.status = "ACTIVE_HEALTHY";
      project.database.startedAt = now;
    });
    return empty(200);
  }),
  ofProject("POST", "/restore/cancel", "project_admin_write", () => refuse(400, "Project is not being restored")),
];

const shown = (project: Project) => ({
  ...made(project),
  database: { host: `db.${project.ref}.supabase.co`, version: "17.6.1", postgres_engine: "17", release_channel: "ga" },
});

const made = ({ ref, organization, name, region, createdAt, status }: Project) => ({
  ...{ id: ref, ref, organization_id: organization, organization_slug: organization, name, region, status },
  created_at: new Date(createdAt).toISOString(),
});

const sizes = [
  "nano",
  "micro",
  "small",
  "medium",
  "large",
  "xlarge",
  "2xlarge",
  "4xlarge",
  "8xlarge",
  "12xlarge",
  "16xlarge",
];

const creation = z.object({
  name: z.string().min(1).max(256),
  organization_slug: z.string(),
  db_pass: z.string().min(1),
  region: z.enum(regions).optional(),
  region_selection: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("specific"), code: z.enum(regions) }),
      z.object({ type: z.literal("smartGroup"), code: z.enum(["americas", "emea", "apac"]) }),
    ])
    .optional(),
  desired_instance_size: z.enum(sizes).optional(),
});

function create(call: Call) {
  const { world, token } = call;
  return accept(call, creation, (body) => {
    const organization = world.organizations.find(({ slug }) => slug === body.organization_slug);
    if (organization === undefined || !token.organizations.includes(organization.slug))
      return refuse(404, "Organization not found");
    if (organization.restricted)
      return refuse(402, "The organization has exceeded its fair use quota. Projects cannot be created.");
    const size = body.desired_instance_size ?? (organization.plan === "free" ? "nano" : "micro");
    if (size === "nano" && organization.plan !== "free")
      return refuse(400, "desired_instance_size: nano is not available for paid organizations");
    const { region_selection: selection } = body;
    const region =
      selection?.type === "smartGroup"
        ? groups[selection.code].find((code) => !isFullRegion(world, code))
        : (selection?.code ?? body.region);
    if (region === undefined) return refuse(400, "region_selection: Required");
    if (isFullRegion(world, region))
      return refuse(400, `Region ${region} has no capacity for new projects at the moment`);
    const project = begin(world, { name: body.name, organization: organization.slug, region, password: body.db_pass });
    project.addons.compute = `ci_${size}`;
    return ok(made(project), 201);
  });
}

function begin(world: World, facts: Pick<Project, "name" | "organization" | "region" | "password">): Project {
  const project = newProject(world, { ...facts, ref: refFrom(world.random), createdAt: world.clock.now() });
  world.projects.set(project.ref, project);
  const order = world.creationOrders.shift() ?? { ends: "healthy" };
  if (order.ends === "hangs") return project;
  const seconds = order.seconds === undefined ? pacedBetween(world, 126, 135) : paced(world, order.seconds);
  plan(world, project, seconds, async (at) => {
    if (order.ends === "fails") {
      project.status = "INIT_FAILED";
      return;
    }
    await world.backing?.create(project);
    const now = sinceThen(world, at);
    project.status = "ACTIVE_HEALTHY";
    project.database.startedAt = now;
    project.database.written.push({ from: now, to: undefined });
    const tenantAt = now + pacedBetween(world, 10, 40);
    project.storage = { tenantAt, slowUntil: tenantAt + pacedBetween(world, 60, 180) };
  });
  return project;
}
