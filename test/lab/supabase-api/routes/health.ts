import type { ServiceName } from "../project.ts";
import { ofProject, ok, type ProjectCall, type Route, refuse } from "../request.ts";

const names: readonly string[] = [
  ...([
    "auth",
    "db",
    "db_postgres_user",
    "pooler",
    "realtime",
    "rest",
    "storage",
    "pg_bouncer",
  ] satisfies ServiceName[]),
];

export const healthRoutes: readonly Route[] = [
  ofProject("GET", "/health", "project_admin_read", (call) => {
    const asked = call.query.getAll("services").flatMap((one) => one.split(","));
    if (asked.length === 0) return refuse(400, "services: Required");
    const unknown = asked.find((name) => !names.includes(name));
    if (unknown !== undefined) return refuse(400, `services: Invalid enum value, received '${unknown.slice(0, 40)}'`);
    const patience = Number(call.query.get("timeout_ms") ?? 0);
    if (!(patience >= 0 && patience <= 10_000)) return refuse(400, "timeout_ms: must not be greater than 10000");
    return ok(asked.map((name) => healthOf(call, name as ServiceName)));
  }),
];

function healthOf({ project, now }: ProjectCall, name: ServiceName) {
  const comingUp = (error: string) => ({ name, healthy: false, status: "COMING_UP", error });
  if (project.database.startedAt === undefined)
    return project.status === "COMING_UP" || project.status === "RESTORING"
      ? comingUp("the database is starting")
      : { name, healthy: false, status: "UNHEALTHY", error: "the database does not answer" };
  if (name === "storage" && now < project.storage.tenantAt) return comingUp("TenantNotFound");
  if (name === "storage" && now < project.storage.slowUntil) return comingUp("SlowDown");
  if ((project.down.get(name) ?? 0) > now) return comingUp("the service is starting");
  if (name === "rest" && project.postgrest["db_schema"] === "")
    return { name, healthy: false, status: "UNHEALTHY", error: "PGRST002" };
  const info =
    name === "rest"
      ? { info: { db_schema: project.postgrest["db_schema"] } }
      : name === "auth"
        ? {
            info: {
              name: "GoTrue",
              version: "v2.180.0",
              description: "GoTrue is a user registration and authentication API",
            },
          }
        : {};
  return { name, healthy: true, status: "ACTIVE_HEALTHY", ...info };
}
