import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { authFields } from "../lab/supabase-api/auth-fields.ts";
import { handle, routes } from "../lab/supabase-api/handle.ts";
import { addFunction, addProject, addToken, createWorld, VirtualClock } from "../lab/supabase-api/index.ts";
import { statuses } from "../lab/supabase-api/project.ts";
import { authNames, described, projectStatuses } from "./supabase-api-described.ts";

/** The simulated API stays in step with what the real one says of itself. */

const lines = described
  .trim()
  .split("\n")
  .map((line) => {
    const [, method = "", path = "", permission = "", status = "", asks = "", answers = ""] =
      /^(\w+) (\S+) (\S+) (\d+)(?: < ([^>]*?))?(?: > (.*))?$/.exec(line) ?? [];
    return {
      method,
      path: path.replace("~", "/v1/projects/{ref}"),
      permission,
      status: Number(status),
      asks: asks.split(" ").filter(Boolean),
      answers: answers.split(" ").filter(Boolean),
    };
  });

const world = createWorld({ clock: new VirtualClock() });
world.limit = 10_000;
const [organization] = world.organizations;
if (organization !== undefined) organization.plan = "team";
const project = addProject(world);
project.auth["saml_enabled"] = true;
const { signingKeys } = project;
addFunction(
  project,
  "grade",
  { name: "grade", verifyJwt: true, body: Buffer.from("x"), type: "application/vnd.denoland.eszip" },
  0,
);
project.secrets.set("SMTP_KEY", { value: "x", updatedAt: 0 });
const token = world.tokens[0]?.value ?? "";

async function send(method: string, path: string, body?: string, bearer = token) {
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const { status, body: bytes } = await handle(world, { method, url: path, headers, body: Buffer.from(body ?? "") });
  const text = Buffer.from(bytes).toString("utf8");
  return { status, json: text === "" || !/^[[{]/.test(text) ? undefined : JSON.parse(text) };
}
const real = (path: string): string => {
  const query = path.endsWith("available-regions")
    ? "?organization_slug=org"
    : path.endsWith("/health")
      ? "?services=db,rest,auth,storage"
      : "";
  const last = path.includes("/functions/") ? "grade" : "org";
  const key = signingKeys[0]?.id ?? "";
  return (
    path.replace("{ref}", project.ref).replace("{slug}", last).replace("{id}", key).replace("{variant}", "ci_micro") +
    query
  );
};

test("every path that it plays is one of the API's, with its permission, and none is played twice", () => {
  const known = new Map(lines.map(({ method, path, permission }) => [`${method} ${path}`, permission]));
  for (const { method, path, permission } of routes)
    expect(`${known.get(`${method} ${path}`)} ${method} ${path}`).toBe(`${permission ?? "-"} ${method} ${path}`);
  expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length);
  expect(routes.length).toBe(lines.length);
});

test("what it answers has the fields that the API has: all that are always there, and no other", async () => {
  let looked = 0;
  for (const { method, path, answers, status } of lines) {
    // Live it is unavailable, whatever the description says.
    if (method !== "GET" || answers.length === 0 || path.endsWith("restore-point")) continue;
    const { status: got, json } = await send(method, real(path));
    expect(got, path).toBe(status);
    expect(Array.isArray(json), path).toBe(answers[0] === "[]");
    if (answers[0] === "(auth)") {
      expect(new Set(Object.keys(json))).toEqual(new Set(authFields.keys()));
      continue;
    }
    const names = answers.filter((name) => name !== "[]");
    for (const one of Array.isArray(json) ? json : [json]) {
      for (const name of Object.keys(one))
        expect(
          names.map((name) => name.replace("?", "")),
          path,
        ).toContain(name);
      for (const name of names) if (!name.endsWith("?")) expect(one, path).toHaveProperty(name);
      looked++;
    }
  }
  expect(looked).toBeGreaterThan(35);
});

test("a body that lacks what the API asks for is refused, and the field is named", async () => {
  for (const { method, path, asks } of lines) {
    const [first, second] = asks;
    if (first === undefined || first === "(auth)" || first === "form") continue;
    const list = first === "[]";
    const { status, json } = await send(method, real(path), list ? '[{"x":1}]' : "{}");
    expect(status, `${method} ${path}`).toBe(400);
    if (!list || second !== undefined) expect(json.message, `${method} ${path}`).toContain(list ? second : first);
  }
});

test("a token that lacks the permission is told which, on every path that needs one", async () => {
  const scoped = addToken(world, { permissions: ["nothing_read"] });
  for (const { method, path, permission } of lines) {
    if (permission === "-") continue;
    const { status, json } = await send(method, real(path), "{}", scoped.value);
    expect([status, json.missing_permissions], `${method} ${path}`).toEqual([403, [permission]]);
  }
});

test("auth has the 237 settings, and a project the statuses, that the API has", () => {
  expect(authFields.size).toBe(authNames.count);
  expect(
    createHash("sha256")
      .update([...authFields.keys()].sort().join("\n"))
      .digest("hex"),
  ).toBe(authNames.sha256);
  expect([...statuses].sort()).toEqual(projectStatuses.split(" ").sort());
});
