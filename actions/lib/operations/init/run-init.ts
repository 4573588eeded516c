import { existsSync, readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { terminalAsker } from "../../base/ask.ts";
import { ConfigurationError } from "../../base/errors.ts";
import { loadConfig } from "../../config/load.ts";
import { readPolicyText, replacePolicyText } from "../../config/policy-file.ts";
import { replacePins } from "../../seal/keys/pins.ts";
import type { Context } from "../context.ts";
import { generateKeys } from "../keys/generate.ts";
import { outsideRepository } from "../keys/new-files.ts";
import type { Told } from "../operation.ts";
import { readOwners } from "../provision/github/owners.ts";
import { originOf } from "../provision/github/repository.ts";
import { type Answers, askAnswers, readAnswers, refuseAnswers } from "./answers.ts";
import { keysLeft } from "./missing-keys.ts";
import {
  envOf,
  envTextWith,
  isTemplateOwner,
  isTemplateProject,
  ownersWith,
  policyWith,
  presentAnswers,
  readEnvFile,
} from "./own-files.ts";
import { toldInit } from "./page.ts";

export interface InitRequest {
  readonly answers?: string | undefined;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
}

/**
 * @throws ConfigurationError `not-the-repository`, `answers`, `answers-nobody`, `would-overwrite`, `key-half-made`; as `generateKeys` and
 * `loadConfig`: all before anything is written
 */
export async function init(context: Context, request: InitRequest, asker = terminalAsker()): Promise<Told> {
  const { policy, policyPath } = context.config();
  const root = process.cwd();
  refuseElsewhere(root);
  const [envPath, ownersPath] = [join(root, ".env"), join(root, ".github", "CODEOWNERS")];
  const [env, owners] = [readEnvFile(envPath), readOwners(ownersPath).names];
  const there = presentAnswers({ policy, env, owners });
  const answers =
    request.answers === undefined ? await asked(there, asker) : readAnswers(fileOf(request.answers), there);
  refuseAnswers(answers);
  const keysFolder = outsideRepository(answers.keys, root);

  const text = readPolicyText(policyPath);
  const newText = policyWith(text, answers);
  await assertReads(newText, policyPath);
  const reviewers = answers.reviewers.split(" ");
  const values = envOf(answers, env["GITHUB_REPOSITORY"] || (await originOf()));
  const changed = Object.entries(values).filter(([name, value]) => value !== "" && env[name] !== value);
  if (!request.overwrite)
    refuseOverwriting([
      ...(newText === text || isTemplateProject(policy) ? [] : ["the answers in the policy"]),
      ...changed.filter(([name]) => (env[name] ?? "") !== "").map(([name]) => `${name} in .env`),
      ...(owners.join(" ") === answers.reviewers || isTemplateOwner(owners) ? [] : ["the owners in CODEOWNERS"]),
    ]);
  const { missing, pins } = await keysLeft(policy.keys, keysFolder, root);
  const newEnv = Object.fromEntries(
    Object.entries(values).filter(([name, value]) => env[name] !== value && (value !== "" || !(name in env))),
  );

  const done: string[] = [];
  const will = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    done.push(what);
    if (!request.dryRun) await work();
  };
  if (newText !== text)
    await will(`${relative(root, policyPath)}: your answers`, () => replacePolicyText(policyPath, newText));
  if (pins.signing !== policy.keys.signing || pins.recipients !== policy.keys.recipients)
    await will("pins of keys that an interrupted run had made", () =>
      replacePolicyText(policyPath, replacePins(readPolicyText(policyPath), pins)),
    );
  if (missing.length > 0)
    await will(`keys: ${missing.join(", ")}; private halves in ${keysFolder}`, () =>
      generateKeys({
        ...{ roles: missing, project: answers.project, repository: root, out: keysFolder, pins, env: context.env },
        pin: policyPath,
      }),
    );
  if (Object.keys(newEnv).length > 0) {
    const before = existsSync(envPath) ? readFileSync(envPath, "utf8") : "";
    await will(`.env: ${Object.keys(newEnv).length} settings`, () =>
      writeWhole(envPath, envTextWith(before, newEnv), 0o600),
    );
  }
  if (owners.join(" ") !== answers.reviewers) {
    const before = readFileSync(ownersPath, "utf8");
    await will(`CODEOWNERS: ${answers.reviewers}`, () =>
      writeWhole(ownersPath, ownersWith(before, owners, reviewers), 0o644),
    );
  }
  return toldInit(answers, { done, env: { ...values, ...env, ...newEnv }, keysFolder, dryRun: request.dryRun });
}

function refuseElsewhere(root: string): void {
  const manifest = join(root, "package.json");
  const name: unknown = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) : undefined;
  const ours = typeof name === "object" && name !== null && "name" in name && name.name === "lifeboat";
  if (ours && existsSync(join(root, ".github", "CODEOWNERS")) && existsSync(join(root, ".github", "workflows"))) return;
  throw new ConfigurationError(
    "not-the-repository",
    "This folder is not the root of a checkout of Lifeboat. Nothing was written.",
    "Make a repository of your own from the template, clone it, and run `npx lifeboat init` in it.",
  );
}

async function asked(
  there: ReturnType<typeof presentAnswers>,
  asker: ReturnType<typeof terminalAsker>,
): Promise<Answers> {
  if (asker !== undefined) return askAnswers(there, asker);
  throw new ConfigurationError(
    "answers-nobody",
    "Nobody can be asked: this is no terminal. Nothing was written.",
    "Give the answers with --answers FILE.",
  );
}

function fileOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    // What a parser says quotes the file.
    throw new ConfigurationError(
      "answers",
      `${path} cannot be read as JSON. Nothing was written.`,
      "Correct it.",
      error,
    );
  }
}

function refuseOverwriting(what: readonly string[]): void {
  if (what.length === 0) return;
  throw new ConfigurationError(
    "would-overwrite",
    `Other answers are set already: ${what.join(", ")}. Nothing was written.`,
    "Answer as it is, or add --overwrite.",
  );
}

/** The policy as it would be, read as every command reads it. */
async function assertReads(text: string, policyPath: string): Promise<void> {
  // Beside the other one: it imports by relative paths.
  const trial = policyPath.replace(/(\.\w+)$/, `.trial-${process.pid}$1`);
  try {
    await writeFile(trial, text);
    await loadConfig({ needs: [], env: { LIFEBOAT_POLICY: trial } });
  } finally {
    await rm(trial, { force: true });
  }
}

/** A reader sees the old file or the new one. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  await writeFile(beside, text, { mode });
  await rename(beside, path);
}
