import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, answer } from "./answer.ts";
import { type GithubWorld, newGithubWorld } from "./world.ts";

/**
 * GitHub's REST API as far as a repository's settings go: environments with their limits, reviewers, secrets and variables, rulesets, the
 * subjects of tokens, plans and rights, over HTTP on this machine. Forms are those of the published description.
 */
export interface GithubApi extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly world: GithubWorld;
}

export async function startGithubApi(repository: string): Promise<GithubApi> {
  const token = "ghp_lab1234567890";
  const world = await newGithubWorld(repository, token);
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const given = String(request.headers.authorization ?? "").replace(/^\w+ /, "");
    const url = new URL(request.url ?? "/", "http://github");
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const answered = route(world, { method: request.method ?? "GET", url, body, token: given });
    response.writeHead(answered.status, {
      "content-type": "application/json",
      ...(answered.location && { location: answered.location }),
    });
    response.end(answered.body === undefined ? undefined : JSON.stringify(answered.body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    ...{ token, world, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

interface Sent {
  readonly method: string;
  readonly url: URL;
  readonly body: unknown;
  readonly token: string;
}

function route(world: GithubWorld, { method, url, body, token }: Sent): Answer {
  const rights = world.tokens.get(token);
  if (rights === undefined) return { status: 401, body: { message: "Bad credentials", status: "401" } };
  const missing: Answer = { status: 404, body: { message: "Not Found", status: "404" } };
  const path = decodeURIComponent(url.pathname);
  const user = /^\/users\/([^/]+)$/.exec(path)?.[1];
  if (user !== undefined) {
    const id = world.users.get(user);
    return id === undefined ? missing : { status: 200, body: { id, login: user, type: "User" } };
  }
  const [, organization, slug = ""] = /^\/orgs\/([^/]+)\/teams\/([^/]+)$/.exec(path) ?? [];
  if (organization !== undefined) {
    const id = organization === world.owner ? world.teams.get(slug) : undefined;
    return id === undefined ? missing : { status: 200, body: { id, slug, name: slug } };
  }
  const [, named = "", rest = ""] = /^\/repos\/([^/]+\/[^/]+)(\/.*)?$/.exec(path) ?? [];
  if (world.formerNames.has(named)) return { status: 301, location: `/repositories/${world.ids.repository}${rest}` };
  const byId = new RegExp(`^/repositories/${world.ids.repository}(/.*)?$`).exec(path);
  if (byId === null && named.toLowerCase() !== `${world.owner}/${world.name}`.toLowerCase()) return missing;
  const below = byId?.[1] ?? rest;
  world.asked.push(`${method} ${below}`);
  return answer(world, { method, path: below, query: url.searchParams, body, rights });
}

export { type GithubWorld, jobSettings, newEnvironment } from "./world.ts";
