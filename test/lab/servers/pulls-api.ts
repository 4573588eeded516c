import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

interface Pull {
  readonly number: number;
  state: "open" | "closed";
  readonly head: string;
  readonly title: string;
  readonly body: string;
}

/** GitHub's REST API, as far as files on branches and pull requests go, over HTTP on this machine. */
export interface LabPullsApi extends AsyncDisposable {
  readonly url: string;
  /** Text by path, by branch. */
  readonly branches: Map<string, Map<string, string>>;
  readonly pulls: Pull[];
  /** Requests that change something, `METHOD path`. */
  readonly writes: string[];
  /** Answers writes with this status. */
  broken: number | undefined;
}

export async function startPullsApi(repository: string, main: Readonly<Record<string, string>>): Promise<LabPullsApi> {
  const state: Omit<LabPullsApi, "url" | typeof Symbol.asyncDispose> = {
    branches: new Map([["main", new Map(Object.entries(main))]]),
    ...{ pulls: [], writes: [], broken: undefined },
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://api");
    const method = request.method ?? "GET";
    const path = decodeURIComponent(url.pathname).replace(`/repos/${repository}`, "");
    const body = method === "GET" ? {} : JSON.parse(await textOf(request));
    if (method !== "GET") state.writes.push(`${method} ${path}`);
    const refused = method !== "GET" && state.broken !== undefined;
    const answer = refused ? { status: state.broken ?? 403, body: {} } : answerTo(state, method, path, url, body);
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  });
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

const shaOf = (text: string): string => Buffer.from(String(text.length)).toString("hex").padStart(40, "0");
const missing = { status: 404, body: { message: "Not Found" } };

function answerTo(
  { branches, pulls }: Pick<LabPullsApi, "branches" | "pulls">,
  method: string,
  path: string,
  url: URL,
  body: Record<string, string>,
): { status: number; body: unknown } {
  const told = (pull: Pull) => ({ ...pull, html_url: `https://github.example/pull/${pull.number}` });
  const file = /^\/contents\/(.+)$/.exec(path)?.[1];
  if (method === "GET" && path === "/git/ref/heads/main") return { status: 200, body: { object: { sha: "main" } } };
  if (method === "GET" && file !== undefined) {
    const text = branches.get(url.searchParams.get("ref") ?? "main")?.get(file);
    if (text === undefined) return missing;
    return {
      status: 200,
      body: { sha: shaOf(text), encoding: "base64", content: Buffer.from(text).toString("base64") },
    };
  }
  if (method === "POST" && path === "/git/refs") {
    branches.set(body["ref"]?.replace("refs/heads/", "") ?? "", new Map(branches.get("main")));
    return { status: 201, body: {} };
  }
  if (method === "PUT" && file !== undefined) {
    const branch = branches.get(body["branch"] ?? "main");
    if (branch === undefined) return missing;
    if (shaOf(branch.get(file) ?? "") !== body["sha"]) return { status: 409, body: {} };
    branch.set(file, Buffer.from(body["content"] ?? "", "base64").toString("utf8"));
    return { status: 200, body: {} };
  }
  if (method === "GET" && path === "/pulls") {
    const head = url.searchParams.get("head")?.split(":")[1];
    return { status: 200, body: pulls.filter((pull) => pull.head === head).map(told) };
  }
  if (method === "POST" && path === "/pulls") {
    const { head = "", title = "", body: text = "" } = body;
    const pull: Pull = { number: pulls.length + 1, state: "open", head, title, body: text };
    pulls.push(pull);
    return { status: 201, body: told(pull) };
  }
  return missing;
}
