import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { CreateOpenIDConnectProviderCommand, IAMClient } from "@aws-sdk/client-iam";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readEnvFile } from "../../actions/lib/operations/init/own-files.ts";
import { lifeboat } from "../lab/command-line.ts";
import { type GithubApi, jobSettings, startGithubApi } from "../lab/github-api/index.ts";
import { createProject, dropProject, seedQimma } from "../lab/index.ts";
import { type RunningGlacier, startGlacier } from "../lab/servers/glacier.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { fillRows, type RunningStorage, startStorage, storageSettings } from "../lab/storage/index.ts";
import { type LabCheckout, openCheckout, writeAnswers } from "./checkout-lab.ts";

/** README.md, "Set up", followed from an empty account and an empty repository to a proven set: its commands, in its order. */

const page =
  readFileSync(join(import.meta.dirname, "../../README.md"), "utf8")
    .split("\n## Set up\n")[1]
    ?.split("\n## ")[0] ?? "";
const actions = page.match(/^\d+\. /gm) ?? [];
const commands = [...page.matchAll(/^ *(?:npx lifeboat|gh workflow run) .*$/gm)].map(([line]) => line.trim());
const stagingRef = "bcdefghijklmnopqrstu";
const server = sharedPostgres(17);
const names = ["source", "staging"].map((name) => `set_up_${name}_${process.pid}`);

let aws: RunningGlacier;
let github: GithubApi;
let storage: RunningStorage;
let checkout: LabCheckout;
/** What a person types into .env, and the addresses of the simulators: moto is the account, and the lab's S3 server, which locks as S3 does, its buckets. */
let typed: Record<string, string>;

beforeAll(async () => {
  [aws, github] = await Promise.all([startGlacier(), startGithubApi("ada/backups")]);
  const [source, staging] = await Promise.all(names.map((name) => createProject(server.superuserUrl(), name)));
  if (source === undefined || staging === undefined) throw new Error("no projects");
  await seedQimma(source.postgresUrl, { bytes: 300_000, seed: 3 });
  storage = await startStorage(source);
  await fillRows(source, storage);
  typed = {
    ...{ DATABASE_URL: source.backupUrl, STAGING_DATABASE_URL: staging.postgresUrl, ...storageSettings(storage) },
    ...{ GITHUB_API_URL: github.url, AWS_ENDPOINT_URL: sharedS3().endpoint },
    ...{ BACKUP_AWS_ENDPOINT_URL: sharedS3().endpoint, PROVING_AWS_ENDPOINT_URL: sharedS3().endpoint },
    MONITOR_AWS_ENDPOINT_URL: sharedS3().endpoint,
  };
  checkout = openCheckout("ada/backups");
});
afterAll(async () => {
  checkout?.[Symbol.dispose]();
  await storage?.stop();
  for (const name of names) await dropProject(server.superuserUrl(), name);
  await github?.[Symbol.asyncDispose]();
  await aws?.stop();
});

const machine = () => ({
  ...{ PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" },
  LIFEBOAT_BASELINES: process.env["LIFEBOAT_BASELINES"] ?? "",
  LIFEBOAT_PG_BIN: [server.binDir, sharedPostgres(15).binDir].join(delimiter),
});
/** Of the account's administrator, then of a role: moto takes any. */
const credentials = () => ({
  ...{ AWS_ACCESS_KEY_ID: sharedS3().accessKeyId, AWS_SECRET_ACCESS_KEY: sharedS3().secretAccessKey },
});

/** What GitHub's jobs do: the environment's own settings, and nothing of the person's. */
const workflows: Readonly<Record<string, { environment: string; runs: readonly (readonly string[])[] }>> = {
  backup: { environment: "backup", runs: [["backup", "--tier", "daily"], ["sync"]] },
  "restore-test": { environment: "proving", runs: [["test-restore"]] },
};

async function follow(command: string): Promise<void> {
  const [, workflow] = /^gh workflow run (\S+)$/.exec(command) ?? [];
  if (workflow !== undefined) {
    const { environment, runs } = workflows[workflow] ?? { environment: "", runs: [] };
    const job = { ...machine(), ...jobSettings(github.world, environment), ...credentials() };
    for (const args of runs) {
      const ended = await lifeboat(args, job);
      expect(ended.code, `${workflow}: ${args.join(" ")}\n${ended.stderr}\n${ended.stdout}`).toBe(0);
    }
    return;
  }
  const line = command.replace("<folder of the keys>", checkout.keys).replace("<staging ref>", stagingRef);
  const args = line.split(" ").slice(2);
  const more = args[0] === "init" ? ["--answers", writeAnswers(checkout, { stagingRef })] : [];
  const person = { ...machine(), ...readEnvFile(join(checkout.folder, ".env")), ...typed, ...credentials() };
  const account = args[0] === "provision" ? { AWS_ENDPOINT_URL: aws.endpoint } : {};
  const ended = await lifeboat([...args, ...more], { ...person, ...account, GITHUB_TOKEN: github.token });
  expect(ended.code, `${line}\n${ended.stderr}\n${ended.stdout}`).toBe(0);
}

test("five actions of a person lead from nothing to a proven set", async () => {
  expect(actions.length).toBeLessThanOrEqual(5);
  expect(commands.map((line) => line.split(" ").slice(0, 4).join(" "))).toEqual([
    ...["npx lifeboat init", "npx lifeboat provision aws", "npx lifeboat provision github"],
    ...["npx lifeboat test-restore --mark-staging", "gh workflow run backup", "gh workflow run restore-test"],
  ]);
  await adoptProvider();
  for (const command of commands) {
    await follow(command);
    if (command.endsWith("provision aws")) await makeBuckets();
  }
  const seen = { ...machine(), ...jobSettings(github.world, "monitor"), ...credentials() };
  const { sets } = JSON.parse((await lifeboat(["list", "--json"], seen)).stdout);
  expect(sets).toEqual([
    expect.objectContaining({ tier: "daily", provenAt: expect.any(String), signature: "verified" }),
  ]);
  for (const [name, { policies }] of github.world.environments)
    expect(
      policies.map((one) => one.name),
      name,
    ).toEqual(["main"]);
}, 240_000);

/** moto's CloudFormation knows no OIDC providers: the account has one already, which is adopted. */
async function adoptProvider(): Promise<void> {
  const iam = new IAMClient({ region: aws.region, endpoint: aws.endpoint, credentials: credentialsOf() });
  const Url = "https://token.actions.githubusercontent.com";
  await iam.send(new CreateOpenIDConnectProviderCommand({ Url, ClientIDList: ["sts.amazonaws.com"] }));
  iam.destroy();
}

/** The buckets of the template, where they can lock. */
async function makeBuckets(): Promise<void> {
  for (const name of ["database", "files"])
    await sharedS3().createBucket(`ada-abcdefghijklmnopqrst-${name}`, { lock: true });
}

function credentialsOf() {
  return { accessKeyId: aws.accessKeyId, secretAccessKey: aws.secretAccessKey };
}
