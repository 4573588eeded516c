import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** What the stand-in for Supabase's Management API knows of one project; tests change it as they go. */
export interface FakeProject {
  status: string;
  /** Left out of the answer where it is not told. */
  region?: string;
  plan: string;
  availableBytes: number;
  auth: Record<string, unknown>;
  /** Of the Data API; the JWT secret is in the answer, as it is in the real one's. */
  postgrest: Record<string, unknown>;
  /** Takes settings with status 200 and keeps the old ones. */
  stubborn: boolean;
  /** Told of each request, and waited for, before it is answered. */
  heard?: ((request: string) => Promise<void>) | undefined;
  /** Statuses that the next answers have instead, e.g. 429. */
  trouble: number[];
  /** How often it is asked before a project that is being woken is healthy. */
  slowness: number;
}

export interface FakeManagementApi extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly project: FakeProject;
  /** `METHOD path`, in order. */
  readonly requests: readonly string[];
}

/** Answers as the API does, for one project in one organisation. */
export async function startManagementApi(ref: string): Promise<FakeManagementApi> {
  const token = "sbp_0123456789abcdef0123456789abcdef01234567";
  const requests: string[] = [];
  const project: FakeProject = {
    ...{ status: "ACTIVE_HEALTHY", plan: "pro", availableBytes: 8e9, trouble: [], slowness: 2 },
    stubborn: false,
    postgrest: {
      ...{ db_schema: "public, graphql_public ,api", max_rows: 1000, db_extra_search_path: "public, extensions" },
      ...{ db_pool: null, jwt_secret: "super-secret-jwt-token-of-the-fake-project" },
    },
    auth: {
      smtp_host: null,
      external_phone_enabled: false,
      hook_send_email_enabled: false,
      site_url: "http://staging",
    },
  };
  const server = createServer(async (request, response) => {
    const body = await textOf(request);
    const path = request.url ?? "";
    requests.push(`${request.method} ${path}`);
    await project.heard?.(`${request.method} ${path}`);
    const say = (status: number, json: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(json));
    };
    if (request.headers.authorization !== `Bearer ${token}`) return say(401, { message: "Unauthorized" });
    const status = project.trouble.shift();
    if (status !== undefined) return say(status, { message: "trouble" }, { "retry-after": "0" });
    const answer = answerOf(project, ref, `${request.method} ${path}`, body);
    return answer === undefined ? say(404, { message: "Not found" }) : say(answer.status, answer.json);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    ...{ token, project, requests },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerOf(project: FakeProject, ref: string, asked: string, body: string) {
  const place = `/v1/projects/${ref}`;
  switch (asked) {
    case `GET ${place}`:
      if (project.status === "COMING_UP" && --project.slowness <= 0) project.status = "ACTIVE_HEALTHY";
      return {
        status: 200,
        json: { id: ref, organization_id: "org", name: "staging", status: project.status, region: project.region },
      };
    case `POST ${place}/restore`:
      project.status = "COMING_UP";
      return { status: 200, json: undefined };
    case "GET /v1/organizations/org":
      return { status: 200, json: { id: "org", name: "Org", plan: project.plan } };
    case `GET ${place}/config/disk/util`: {
      const size = 1e10;
      const metrics = { fs_size_bytes: size, fs_avail_bytes: project.availableBytes, fs_used_bytes: size / 2 };
      return { status: 200, json: { timestamp: "2026-11-24T00:00:00Z", metrics } };
    }
    case `GET ${place}/config/auth`:
      return { status: 200, json: project.auth };
    case `PATCH ${place}/config/auth`:
      Object.assign(project.auth, JSON.parse(body));
      return { status: 200, json: project.auth };
    case `GET ${place}/postgrest`:
      return { status: 200, json: project.postgrest };
    case `PATCH ${place}/postgrest`:
      if (!project.stubborn) Object.assign(project.postgrest, JSON.parse(body));
      return { status: 200, json: project.postgrest };
    default:
      return undefined;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
