import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Transport } from "../../../actions/lib/supabase/management-api.ts";
import { serveProject } from "./front.ts";
import { handle } from "./handle.ts";
import type { ApiRequest } from "./request.ts";
import { createWorld, settle, type World, type WorldOptions } from "./world.ts";

/** A simulated Management API on the loopback. */
export interface SupabaseApi extends AsyncDisposable {
  readonly url: string;
  /** For SUPABASE_PROJECT_URL: where each project serves Storage, logins and functions, with `{ref}` in it. */
  readonly projectUrl: string;
  /** For SUPABASE_STATUS_URL: the public status page. */
  readonly statusUrl: string;
  /** May do everything in the world's first organisation. */
  readonly token: string;
  readonly world: World;
  /** `METHOD path?query`, in order. */
  readonly requests: readonly string[];
}

/** @param options of a new world, or a world that is there already */
export async function startSupabaseApi(options: WorldOptions | { readonly world: World } = {}): Promise<SupabaseApi> {
  const world = "world" in options ? options.world : createWorld(options);
  const server = createServer(async (request, response) => {
    try {
      if (request.url?.startsWith("/project/")) return await serveProject(world, request, response);
      if (request.url === "/status/api/v2/summary.json") return void response.end(JSON.stringify(publicStatus(world)));
      const { status, headers, body, cut } = await handle(world, await readRequest(request));
      if (cut) return void request.socket.destroy();
      response.writeHead(status, headers).end(body);
    } catch (error) {
      // A mistake of the lab's own: the test must not take it for a fault that it has ordered.
      console.error("supabase-api:", error);
      response.writeHead(500).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // What has a time happens at it, whether somebody asks or not.
  const ticking = setInterval(() => void settle(world), 250).unref();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url, projectUrl: `${url}/project/{ref}`, statusUrl: `${url}/status` },
    ...{ token: world.tokens[0]?.value ?? "", world, requests: world.requests },
    async [Symbol.asyncDispose]() {
      clearInterval(ticking);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await world.backing?.[Symbol.asyncDispose]();
    },
  };
}

const publicStatus = ({ publicTroubles, publicSeverity }: World) => ({
  status:
    publicTroubles.length === 0
      ? { indicator: "none", description: "All Systems Operational" }
      : { indicator: publicSeverity, description: "Partial System Outage" },
  incidents: publicTroubles.map((name) => ({ name, impact: publicSeverity })),
  components: [{ name: "Database", status: publicTroubles.length === 0 ? "operational" : "partial_outage" }],
});

async function readRequest(request: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  return {
    ...{ method: request.method ?? "GET", url: request.url ?? "/", headers: Object.fromEntries(headers) },
    body: Buffer.concat(chunks),
  };
}

/** The same world without a socket, for the client's `transport`; any address will do as `url`. */
export const transportTo =
  (world: World): Transport =>
  async (url, init) => {
    const request = new Request(url, { ...init, signal: null });
    const { pathname, search } = new URL(request.url);
    const { status, headers, body, cut } = await handle(world, {
      ...{ method: request.method, url: pathname + search, headers: Object.fromEntries(request.headers) },
      body: new Uint8Array(await request.arrayBuffer()),
    });
    if (cut) throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
    const bodiless = status === 204 || status === 304;
    return new Response(bodiless ? null : Buffer.from(body), { status, headers });
  };
