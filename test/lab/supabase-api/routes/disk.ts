import { z } from "zod";
import { isFull } from "../inside.ts";
import { sizeOfDisk } from "../project.ts";
import { empty, ofProject, ok, type ProjectCall, type Route, refuse } from "../request.ts";
import { pacedBetween, plan } from "../world.ts";
import { accept } from "./body.ts";

const attributes = z.object({
  type: z.enum(["gp3", "io2"]),
  size_gb: z.int().min(1),
  iops: z.int().min(1),
  throughput_mibps: z.int().optional(),
});
const fourHours = 4 * 3_600_000;

export const diskRoutes: readonly Route[] = [
  ofProject("GET", "/config/disk", "infra_disk_config_read", ({ project: { disk } }) =>
    ok({
      attributes: { type: "gp3", size_gb: disk.sizeGb, iops: disk.iops, throughput_mibps: 125 },
      ...(disk.modifiedAt === undefined ? {} : { last_modified_at: new Date(disk.modifiedAt).toISOString() }),
    }),
  ),
  ofProject("POST", "/config/disk", "infra_disk_config_write", (call) =>
    accept(call, z.object({ attributes }), (body) => resize(call, body.attributes.size_gb, body.attributes.iops)),
  ),
  ofProject("GET", "/config/disk/util", "infra_disk_config_read", async ({ world, project, now }) => {
    project.disk.usedBytes = (await world.backing?.usedBytes(project)) ?? project.disk.usedBytes;
    const size = sizeOfDisk(project);
    const { usedBytes } = project.disk;
    const metrics = { fs_size_bytes: size, fs_avail_bytes: Math.max(0, size - usedBytes), fs_used_bytes: usedBytes };
    return ok({ timestamp: new Date(now).toISOString(), metrics });
  }),
  ofProject("GET", "/config/disk/autoscale", "infra_disk_config_read", ({ project }) => ok(project.autoscale)),
  ofProject("GET", "/readonly", "database_readonly_config_read", ({ project, now }) => {
    const override = project.disk.overrideUntil > now;
    return ok({
      ...{ enabled: isFull(project) && !override, override_enabled: override },
      override_active_until: new Date(project.disk.overrideUntil).toISOString(),
    });
  }),
  ofProject("POST", "/readonly/temporary-disable", "database_readonly_config_write", ({ project, now }) => {
    project.disk.overrideUntil = now + 15 * 60_000;
    return empty(201);
  }),
];

function resize({ world, project, now }: ProjectCall, sizeGb: number, iops: number) {
  const { disk } = project;
  if (disk.modifiedAt !== undefined && now - disk.modifiedAt < fourHours)
    return refuse(429, "Database disk can only be modified once per four hours. Please try again later.");
  if (sizeGb < disk.sizeGb) return refuse(400, "attributes.size_gb: The disk cannot be made smaller");
  if (sizeGb !== disk.sizeGb && sizeGb < 6) return refuse(400, "attributes.size_gb: must not be less than 6");
  disk.modifiedAt = now;
  plan(world, project, pacedBetween(world, 20, 60), () => {
    disk.sizeGb = sizeGb;
    disk.iops = iops;
  });
  return empty(201);
}
