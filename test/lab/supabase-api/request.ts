import type { Project } from "./project.ts";
import type { Organization, Token, World } from "./world.ts";

/** A request as it came over the wire. */
export interface ApiRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface ApiAnswer {
  readonly status: number;
  /** Sent as JSON; undefined: an empty body. */
  readonly json?: unknown;
  /** Instead of JSON: sent as it is, with the type that `headers` say. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that has a route, with whom it is about. */
export interface Call {
  readonly world: World;
  readonly request: ApiRequest;
  readonly token: Token;
  /** What stands in the braces of the route's path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** JSON of the body; undefined where it is none. */
  readonly body: unknown;
}

/** A call about one project that the token may see. */
export interface ProjectCall extends Call {
  readonly project: Project;
  readonly organization: Organization;
  /** Milliseconds since 1970. */
  readonly now: number;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Route {
  readonly method: Method;
  /** E.g. `/v1/projects/{ref}/config/auth`. */
  readonly path: string;
  /** What a scoped token needs, by Supabase's name; undefined: nothing. */
  readonly permission: string | undefined;
  answer(call: Call): ApiAnswer | Promise<ApiAnswer>;
}

/** A route of a project: `path` is what follows `/v1/projects/{ref}`. */
export function ofProject(
  method: Method,
  path: string,
  permission: string,
  answer: (call: ProjectCall) => ApiAnswer | Promise<ApiAnswer>,
): Route {
  return {
    ...{ method, permission, path: `/v1/projects/{ref}${path}` },
    answer(call) {
      const { world, params, token } = call;
      const project = world.projects.get(params["ref"] ?? "");
      const organization = world.organizations.find(({ slug }) => slug === project?.organization);
      if (project === undefined || organization === undefined || !maySee(token, project))
        return refuse(404, "Project not found");
      return answer({ ...call, project, organization, now: world.clock.now() });
    },
  };
}

export const maySee = ({ organizations, projects }: Token, { organization, ref }: Project): boolean =>
  organizations.includes(organization) && (projects?.includes(ref) ?? true);

export const ok = (json: unknown, status = 200): ApiAnswer => ({ status, json });
export const empty = (status: number): ApiAnswer => ({ status });
export const refuse = (status: number, message: string, more: object = {}): ApiAnswer => ({
  status,
  json: { message, ...more },
});
