import { createHmac } from "node:crypto";
import { request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { withClient } from "../connection.ts";
import type { LabBacking } from "./lab-backing.ts";
import type { Project, ServiceName } from "./project.ts";
import { legacyKey } from "./routes/keys.ts";
import { settle, type World } from "./world.ts";

/** What a project serves itself, below `/project/<ref>`: Storage over S3 by session token, logins, the Data API's door, functions. */
export async function serveProject(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  await settle(world);
  const [, ref = "", service = "", rest = ""] = /^\/project\/([^/]+)\/(\w+)\/v1\/?(.*)$/.exec(request.url ?? "") ?? [];
  const project = world.projects.get(ref);
  const say = (status: number, json: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
  };
  const down = (name: ServiceName): boolean =>
    project?.database.startedAt === undefined || (project.down.get(name) ?? 0) > world.clock.now();
  if (project === undefined) return say(404, { message: "no such project" });
  if (service === "storage") return serveStorage(world, project, down("storage"), request, response);
  const name = service === "functions" ? undefined : (service as ServiceName);
  if (name !== undefined && down(name)) return say(503, { message: "name resolution failed" });
  if (!knows(project, request)) return say(401, { message: "Invalid API key" });
  if (service === "auth") return say(...(await login(world, project, rest, request)));
  if (service === "rest")
    return project.postgrest["db_schema"] === ""
      ? say(503, { code: "PGRST002", message: "Could not query the database for the schema cache. Retrying." })
      : say(200, {});
  const deployed = service === "functions" ? project.functions.get(rest.split(/[/?]/, 1)[0] ?? "") : undefined;
  return deployed === undefined
    ? say(404, { code: "NOT_FOUND", message: "Requested function was not found" })
    : say(200, { function: deployed.slug, version: deployed.version });
}

/** Any key of the project opens the door; what it may do behind it is not played. */
function knows(project: Project, { headers }: IncomingMessage): boolean {
  const keys = [
    project.keys.publishable,
    project.keys.secret,
    legacyKey(project, "anon"),
    legacyKey(project, "service_role"),
  ];
  return keys.includes(String(headers["apikey"]));
}

/** Passed on as it is, host and path included: both are signed. */
function serveStorage(
  world: World,
  { ref, storage }: Project,
  down: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const now = world.clock.now();
  const refused =
    now < storage.tenantAt
      ? ([404, "TenantNotFound"] as const)
      : now < storage.slowUntil
        ? ([429, "SlowDown"] as const)
        : down
          ? ([503, "ServiceUnavailable"] as const)
          : undefined;
  if (refused !== undefined || world.backing === undefined) {
    const [status, code] = refused ?? [503, "ServiceUnavailable"];
    response.writeHead(status, { "content-type": "application/xml", connection: "close" });
    response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    return;
  }
  const { port } = new URL((world.backing as LabBacking).storage(ref).endpoint);
  const onward = forward(
    { port, host: "127.0.0.1", method: request.method, path: request.url, headers: request.headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    },
  );
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}

/** By password or by refresh token, from the rows of auth: what survives a restore. */
async function login(
  world: World,
  project: Project,
  path: string,
  request: IncomingMessage,
): Promise<[number, object]> {
  if (path === "health") return [200, { name: "GoTrue", version: "v2.180.0" }];
  const grant = /^token\?grant_type=(password|refresh_token)$/.exec(path)?.[1];
  if (grant === undefined || world.backing === undefined) return [404, { message: "not found" }];
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, string>;
  const [sql, values] =
    grant === "password"
      ? [
          "select id from auth.users where email = $1 and encrypted_password = extensions.crypt($2, encrypted_password)",
          [body["email"], body["password"]],
        ]
      : ["select user_id as id from auth.refresh_tokens where token = $1 and not revoked", [body["refresh_token"]]];
  const { rows } = await withClient((world.backing as LabBacking).lab(project.ref).superuserUrl, (client) =>
    client.query(sql, values),
  );
  if (rows[0] === undefined) return [400, { error_code: "invalid_credentials", msg: "Invalid login credentials" }];
  return [200, { access_token: tokenOf(project, rows[0].id), token_type: "bearer", user: { id: rows[0].id } }];
}

/** Signed with the legacy secret. */
function tokenOf({ jwtSecret }: Project, subject: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: subject, role: "authenticated" })}`;
  return `${text}.${createHmac("sha256", jwtSecret).update(text).digest("base64url")}`;
}
