import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runAccess } from "../../actions/lib/operations/access/run-access.ts";
import type { Told } from "../../actions/lib/operations/operation.ts";
import type { Grant } from "../../actions/lib/policy/access/access.ts";
import { type GithubApi, newEnvironment, startGithubApi } from "../lab/github-api/index.ts";
import { openProvisionLab, type ProvisionLab } from "./provision-github-lab.ts";

let lab: ProvisionLab;
let api: GithubApi;
let folder: string;
beforeAll(async () => {
  lab = await openProvisionLab();
  api = await startGithubApi("qimma/backups");
  folder = await mkdtemp(join(tmpdir(), "lifeboat-access-"));
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await api?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Result {
  readonly grants: readonly Grant[];
  readonly added?: readonly Grant[];
  readonly removed?: readonly Grant[];
  readonly unknown: readonly string[];
}
const resultOf = (told: Told): Result => told.result as Result;
const asked = async (since?: string, env: Record<string, string> = {}) => {
  const github = { GITHUB_TOKEN: api.token, GITHUB_API_URL: api.url, GITHUB_REPOSITORY: "qimma/backups" };
  return runAccess(await lab.context({ ...github, ...env }), since);
};

test("who approves, administers and holds keys is read at GitHub and from the policy, and a later review tells what has changed", async () => {
  const restore = newEnvironment(api.world);
  restore.reviewers = [{ type: "User", id: 1 }];
  api.world.environments.set("restore", restore);
  const first = resultOf(await asked());
  expect(first.unknown).toEqual([]);
  expect(first.grants.filter(({ can }) => can === "approve")).toMatchObject([{ who: "ada" }]);
  expect(first.grants.filter(({ can }) => can === "administer")).toMatchObject([{ who: "ada" }]);
  expect(first.grants.filter(({ can }) => can === "open")).toHaveLength(3);

  const file = join(folder, "access.json");
  await writeFile(file, JSON.stringify(first));
  expect(resultOf(await asked(file))).toMatchObject({ added: [], removed: [] });
  restore.reviewers = [];
  api.world.collaborators.set("mallory", "admin").delete("grace");
  const later = resultOf(await asked(file));
  expect(later.added?.map(({ can, who }) => `${can} ${who}`)).toEqual([
    "approve nobody is asked",
    "administer mallory",
  ]);
  expect(later.removed?.map(({ can, who }) => `${can} ${who}`)).toEqual(["approve ada", "change grace"]);
});

test("what cannot be asked is named, and the rest is told", async () => {
  const { grants, unknown } = resultOf(await asked(undefined, { GITHUB_TOKEN: "nobody" }));
  expect(unknown.join(" ")).toMatch(/environments.*collaborators/);
  expect(grants.some(({ can }) => can === "remove")).toBe(true);
  await writeFile(join(folder, "other.json"), "{}");
  await expect(asked(join(folder, "other.json"))).rejects.toMatchObject({ code: "access-unreadable" });
});
