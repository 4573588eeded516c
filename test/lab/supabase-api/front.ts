import { request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { serveAuth } from "./front-auth.ts";
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
  if (service === "functions") return void call(world, project, rest, request, response);
  if (service === "auth" && rest === ".well-known/jwks.json")
    return say(200, { keys: world.frontFaults.keysHidden ? [] : publishedKeys(project) });
  if (!knows(project, request)) return say(401, { message: "Invalid API key" });
  if (service === "auth") return say(...(await serveAuth(world, project, rest, request)));
  if (service === "rest")
    return project.postgrest["db_schema"] === ""
      ? say(503, { code: "PGRST002", message: "Could not query the database for the schema cache. Retrying." })
      : say(200, {});
  return say(404, { message: "no such service" });
}

/**
 * A function behind its gateway, which lets a browser's OPTIONS through; whatever the function itself does is not played.
 * Codes: supabase.com/docs/guides/functions/error-codes.
 */
function call(
  world: World,
  project: Project,
  rest: string,
  { method, headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const slug = rest.split(/[/?]/, 1)[0] ?? "";
  const fail = (status: number, code: string): void => {
    const type = { "content-type": "application/json", "sb-error-code": code };
    response.writeHead(status, type).end(JSON.stringify({ code, message: "of the platform" }));
  };
  world.requests.push(`${method} /functions/v1/${slug}`);
  const deployed = project.functions.get(slug);
  if (deployed === undefined) return void fail(404, "NOT_FOUND");
  const tokens = [legacyKey(project, "anon"), legacyKey(project, "service_role")].map((key) => `Bearer ${key}`);
  if (deployed.verifyJwt && method !== "OPTIONS" && !tokens.includes(headers.authorization ?? ""))
    return void fail(401, "UNAUTHORIZED_NO_AUTH_HEADER");
  const fault = world.frontFaults.functions.get(slug);
  if (fault !== undefined) return void fail(...fault);
  const json = { "content-type": "application/json" };
  response.writeHead(200, json).end(JSON.stringify({ function: slug, version: deployed.version }));
}

/** Public halves of all that may check a token. */
function publishedKeys({ signingKeys }: Project): object[] {
  return signingKeys
    .filter(({ status, algorithm }) => status !== "revoked" && algorithm !== "HS256")
    .map(({ id, publicJwk }) => ({ ...(publicJwk as object), kid: id, use: "sig" }));
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
