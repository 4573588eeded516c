import { createHash } from "node:crypto";
import { z } from "zod";
import type { Deployed, Project } from "../project.ts";
import { empty, ofProject, ok, type ProjectCall, type Route, refuse } from "../request.ts";
import { newId } from "../world.ts";
import { accept } from "./body.ts";

const slugForm = /^[A-Za-z][\w-]*$/;
const most: Readonly<Record<string, number>> = { free: 100, pro: 500, team: 1000 };
const metadata = z.object({
  entrypoint_path: z.string(),
  import_map_path: z.string().optional(),
  static_patterns: z.array(z.string()).optional(),
  verify_jwt: z.boolean().optional(),
  name: z.string().optional(),
});
const bulk = z.array(
  z.object({
    ...{ id: z.string(), slug: z.string().regex(slugForm), name: z.string(), status: z.string(), version: z.int() },
    ...{ verify_jwt: z.boolean().optional(), entrypoint_path: z.string().optional() },
  }),
);

export const functionRoutes: readonly Route[] = [
  ofProject("GET", "/functions", "edge_functions_read", ({ project }) =>
    ok([...project.functions.values()].map(shown)),
  ),
  ofProject("POST", "/functions", "edge_functions_write", (call) => {
    const { query, request, project } = call;
    if (!isBundle(request.headers["content-type"]))
      return accept(
        call,
        z.object({
          slug: z.string().regex(slugForm),
          name: z.string(),
          body: z.string(),
          verify_jwt: z.boolean().optional(),
        }),
        ({ slug, name, body, verify_jwt = true }) =>
          project.functions.has(slug)
            ? refuse(400, "Duplicated function slug")
            : deploy(call, slug, { name, verifyJwt: verify_jwt, body: Buffer.from(body), type: "text/plain" }),
      );
    const slug = query.get("slug") ?? "";
    if (!slugForm.test(slug)) return refuse(400, "slug: Invalid");
    if (project.functions.has(slug)) return refuse(400, "Duplicated function slug");
    return bundle(call, slug);
  }),
  ofProject("PUT", "/functions", "edge_functions_write", (call) =>
    accept(call, bulk, (list) => {
      for (const one of list) {
        const deployed = call.project.functions.get(one.slug);
        if (deployed !== undefined) Object.assign(deployed, { name: one.name, verifyJwt: one.verify_jwt ?? true });
      }
      return ok({ functions: [...call.project.functions.values()].map(shown) });
    }),
  ),
  ofProject("POST", "/functions/deploy", "edge_functions_write", deployForm),
  ofProject("GET", "/functions/{slug}", "edge_functions_read", (call) => one(call, (deployed) => ok(shown(deployed)))),
  ofProject("PATCH", "/functions/{slug}", "edge_functions_write", (call) =>
    one(call, ({ slug }) =>
      isBundle(call.request.headers["content-type"])
        ? { ...bundle(call, slug), status: 200 }
        : accept(call, z.object({ name: z.string().optional(), verify_jwt: z.boolean().optional() }), (body) => {
            const deployed = call.project.functions.get(slug);
            if (deployed !== undefined)
              Object.assign(deployed, {
                name: body.name ?? deployed.name,
                verifyJwt: body.verify_jwt ?? deployed.verifyJwt,
              });
            return ok(deployed && shown(deployed));
          }),
    ),
  ),
  ofProject("DELETE", "/functions/{slug}", "edge_functions_write", (call) =>
    one(call, ({ slug }) => {
      call.project.functions.delete(slug);
      return empty(200);
    }),
  ),
  ofProject("GET", "/functions/{slug}/body", "edge_functions_read", (call) =>
    one(call, ({ body, type }) => ({ status: 200, raw: body, headers: { "content-type": type } })),
  ),
];

const isBundle = (type: string | undefined): boolean => type?.startsWith("application/vnd.denoland.eszip") === true;

function one({ project, params }: ProjectCall, answer: (deployed: Deployed) => ReturnType<Route["answer"]>) {
  const deployed = project.functions.get(params["slug"] ?? "");
  return deployed === undefined ? refuse(404, "Function not found") : answer(deployed);
}

const shown = (deployed: Deployed) => ({
  ...{ id: deployed.id, slug: deployed.slug, name: deployed.name, status: "ACTIVE", version: deployed.version },
  ...{ created_at: deployed.createdAt, updated_at: deployed.updatedAt, verify_jwt: deployed.verifyJwt },
  ...{ import_map: deployed.importMap !== undefined, entrypoint_path: deployed.entrypoint },
  ...(deployed.importMap === undefined ? {} : { import_map_path: deployed.importMap }),
  ezbr_sha256: hashOf(deployed),
});

/** The same sources give the same hash: of a form, its files alone count, not the boundary that somebody chose. */
function hashOf({ body, type }: Deployed): string {
  const boundary = /boundary="?([^";]+)/.exec(type)?.[1];
  const text = Buffer.from(body).toString("latin1");
  return createHash("sha256")
    .update(boundary === undefined ? text : text.replaceAll(boundary, "boundary"), "latin1")
    .digest("hex");
}

interface Source {
  readonly name: string;
  readonly verifyJwt: boolean;
  readonly body: Uint8Array;
  readonly type: string;
  readonly entrypoint?: string;
  readonly importMap?: string | undefined;
}

function bundle(call: ProjectCall, slug: string) {
  const { query, request } = call;
  return deploy(call, slug, {
    ...{ name: query.get("name") ?? slug, verifyJwt: query.get("verify_jwt") !== "false", body: request.body },
    ...{ type: "application/vnd.denoland.eszip", entrypoint: query.get("entrypoint_path") ?? "index.ts" },
    importMap: query.get("import_map_path") ?? undefined,
  });
}

async function deployForm(call: ProjectCall) {
  const { query, request } = call;
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/form-data")) return refuse(400, "Expected multipart/form-data");
  const form = await new Response(Buffer.from(request.body), { headers: { "content-type": type } }).formData();
  const facts = metadata.safeParse(jsonOf(form.get("metadata")));
  if (!facts.success) return refuse(400, "metadata: Invalid");
  const slug = query.get("slug") ?? facts.data.name ?? "";
  if (!slugForm.test(slug)) return refuse(400, "slug: Invalid");
  const files = form.getAll("file").filter((file) => file instanceof File);
  if (files.length === 0) return refuse(400, "file: Required");
  if (!files.some(({ name }) => name === facts.data.entrypoint_path))
    return refuse(400, "Entrypoint path does not exist");
  const stored = new FormData();
  for (const file of files) stored.append("file", file, file.name);
  const response = new Response(stored);
  return deploy(call, slug, {
    ...{ name: facts.data.name ?? slug, verifyJwt: facts.data.verify_jwt ?? true },
    ...{ entrypoint: facts.data.entrypoint_path, importMap: facts.data.import_map_path },
    ...{ type: response.headers.get("content-type") ?? "", body: new Uint8Array(await response.arrayBuffer()) },
  });
}

function jsonOf(part: File | string | null): unknown {
  try {
    return typeof part === "string" ? JSON.parse(part) : undefined;
  } catch {
    return undefined;
  }
}

function deploy({ project, organization, now }: ProjectCall, slug: string, source: Source) {
  const before = project.functions.get(slug);
  if (before === undefined && project.functions.size >= (most[organization.plan] ?? Number.POSITIVE_INFINITY))
    return refuse(402, "The plan's number of functions is reached");
  const deployed = addFunction(project, slug, source, now);
  return ok(shown(deployed), 201);
}

/** Puts a function into a project as a deployment would. @param now milliseconds since 1970 */
export function addFunction(project: Project, slug: string, source: Source, now: number): Deployed {
  const before = project.functions.get(slug);
  const deployed: Deployed = {
    ...{ id: before?.id ?? newId(), slug, version: (before?.version ?? 0) + 1, name: source.name },
    ...{ verifyJwt: source.verifyJwt, entrypoint: source.entrypoint ?? "index.ts", importMap: source.importMap },
    ...{ createdAt: before?.createdAt ?? now, updatedAt: now, body: source.body, type: source.type },
  };
  project.functions.set(slug, deployed);
  return deployed;
}
