import { z } from "zod";
import { isFull, rowsAsOf } from "../inside.ts";
import type { Project } from "../project.ts";
import { empty, ofProject, ok, type ProjectCall, type Route, refuse } from "../request.ts";
import { paced, pacedBetween, plan, type RestoreOrder, sinceThen, type World } from "../world.ts";
import { accept } from "./body.ts";

const day = 86_400_000;
const keptDays: Readonly<Record<string, number>> = { free: 0, pro: 7, team: 14, enterprise: 30, platform: 7 };
const unavailable = () => refuse(400, "This endpoint is unavailable at the moment");
const name = z.object({ name: z.string().min(1).max(20) });

export const backupRoutes: readonly Route[] = [
  ofProject("GET", "/database/backups", "backups_read", (call) => ok(backupsOf(call))),
  ofProject("POST", "/database/backups/restore-pitr", "backups_write", (call) =>
    accept(call, z.object({ recovery_time_target_unix: z.int().min(0) }), (body) =>
      restore(call, body.recovery_time_target_unix),
    ),
  ),
  // In the API's own description, and live only a check of the body.
  ofProject("POST", "/database/backups/restore", "backups_write", (call) =>
    accept(call, z.object({ id: z.int() }), unavailable),
  ),
  ofProject("POST", "/database/backups/restore-point", "backups_write", (call) => accept(call, name, unavailable)),
  ofProject("GET", "/database/backups/restore-point", "backups_read", unavailable),
  ofProject("POST", "/database/backups/undo", "backups_write", (call) => accept(call, name, unavailable)),
  ofProject("GET", "/database/backups/schedule", "backups_read", ({ organization, project }) =>
    organization.plan === "free" ? refuse(402, "Not available on this plan") : ok(scheduleOf(project)),
  ),
  ofProject("PATCH", "/database/backups/schedule", "backups_write", (call) => {
    const { organization, project, now } = call;
    if (organization.plan === "free" || organization.plan === "pro") return refuse(402, "Not available on this plan");
    return accept(call, z.object({ schedule_for: z.string().regex(/^\d\d:\d\d(?::\d\d)?$/) }), ({ schedule_for }) => {
      project.scheduleChanges = project.scheduleChanges.filter((at) => now - at < day);
      if (project.scheduleChanges.length >= 3) return refuse(400, "At most 3 changes in 24 hours");
      project.scheduleChanges.push(now);
      project.schedule = schedule_for;
      return ok(scheduleOf(project));
    });
  }),
];

const scheduleOf = ({ schedule, scheduleChanges, createdAt }: Project) => ({
  schedule_for: schedule,
  updated_at: new Date(scheduleChanges.at(-1) ?? createdAt).toISOString(),
});

function backupsOf({ world, project, organization, now }: ProjectCall) {
  const pitr = pitrDays(project) !== undefined;
  const window = windowOf(world, project);
  const days = keptDays[organization.plan] ?? 0;
  return {
    ...{ region: project.region, walg_enabled: true, pitr_enabled: pitr },
    // With PITR there are no daily ones any more.
    backups: pitr
      ? []
      : project.backups
          .filter(({ at }) => now - at <= days * day)
          .map(({ id, at, status }) => ({
            ...{ id, status, is_physical_backup: true, inserted_at: new Date(at).toISOString() },
          })),
    physical_backup_data: pitr
      ? { earliest_physical_backup_date_unix: window.earliest, latest_physical_backup_date_unix: window.latest }
      : {},
  };
}

/** Gives a project a daily backup of each of the last days, at its hour. */
export function addDailyBackups(world: World, project: Project, days: number): void {
  const today = Math.floor(world.clock.now() / day) * day + Number(project.schedule.slice(0, 2)) * 3_600_000;
  for (let back = 0; back < days; back++) {
    const at = today - back * day;
    if (at <= world.clock.now() && at >= project.createdAt)
      project.backups.push({ id: project.id + back, at, status: "COMPLETED" });
  }
}

const pitrDays = ({ addons }: Project): number | undefined =>
  addons.pitr === undefined ? undefined : Number(addons.pitr.replace("pitr_", ""));

/** Unix seconds. WAL leaves in pieces: the upper bound lags between 19 and 121 seconds, and jumps. Of an idle database none does. */
function windowOf(world: World, project: Project): { readonly earliest: number; readonly latest: number } {
  const now = world.clock.now();
  const [least, step] = [paced(world, 19), paced(world, 102)];
  const phase = project.walPhase * step;
  const archived = Math.floor((now - least - phase) / step) * step + phase;
  const latest = Math.min(archived, project.walStuckAt ?? now, project.database.written.at(-1)?.to ?? now);
  const earliest = Math.max(project.createdAt, now - (pitrDays(project) ?? 0) * day);
  return { earliest: Math.ceil(earliest / 1000), latest: Math.floor(latest / 1000) };
}

function restore({ world, project }: ProjectCall, target: number) {
  if (pitrDays(project) === undefined) return refuse(400, "PITR is not enabled for this project.");
  const { earliest, latest } = windowOf(world, project);
  if (target < earliest || target > latest)
    return refuse(400, `Recovery time target must be within range: ${earliest} <= t <= ${latest}`);
  // The real reason is that the database does not answer (57P03).
  if (isFull(project)) return refuse(400, "Failed to check for major version");
  if (project.status === "RESTORING") return refuse(400, "Project is being restored already");
  begin(world, project, target * 1000, world.restoreOrders.shift() ?? { ends: "healthy" });
  return empty(201);
}

function begin(world: World, project: Project, target: number, order: RestoreOrder): void {
  if (order.ends === "ignored") return;
  const { database } = project;
  const seconds = order.seconds === undefined ? pacedBetween(world, 30, 41) : paced(world, order.seconds);
  const blind = order.blindSeconds === undefined ? pacedBetween(world, 2, 8) : paced(world, order.blindSeconds);
  const moment = target + (order.offSeconds ?? 0) * 1000;
  plan(world, project, Math.min(blind, seconds), async () => {
    project.status = "RESTORING";
    database.startedAt = undefined;
    await world.backing?.stop(project);
  });
  if (order.ends === "hangs") return;
  plan(world, project, seconds, async (at) => {
    if (order.ends === "fails") {
      project.status = "RESTORE_FAILED";
      return;
    }
    await world.backing?.restore(project, moment, order.ends === "empty");
    comeBack(world, project, { moment, now: sinceThen(world, at) }, order);
  });
  if (order.failsAfter === undefined) return;
  plan(world, project, seconds + paced(world, order.failsAfter), async () => {
    project.status = "RESTORE_FAILED";
    database.startedAt = undefined;
    await world.backing?.stop(project);
  });
}

/** The database is there again; what stands around it takes some seconds more. */
function comeBack(
  world: World,
  project: Project,
  { moment, now }: { readonly moment: number; readonly now: number },
  order: RestoreOrder,
): void {
  const { database, down } = project;
  project.status = "ACTIVE_HEALTHY";
  // Started while it was being restored: some seconds ago.
  database.startedAt = now - Math.min(paced(world, 5), 5000);
  database.timeline++;
  if (order.ends === "empty") database.written = [];
  else rowsAsOf(project, moment, now);
  const then = database.passwords.filter(({ from }) => from <= moment).at(-1);
  if (order.oldPassword && then !== undefined) database.password = then.password;
  database.refusedUntil = now + pacedBetween(world, 0, 10);
  down.set("realtime", now + pacedBetween(world, 5, 20));
  down.set("storage", now + pacedBetween(world, 12, 24));
  down.set("pooler", now + pacedBetween(world, 5, 41));
}
