import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigurationError } from "../base/errors.ts";
import { type ConnectionSettings, regionOfPooler } from "./connection-url.ts";
import {
  type Environment,
  type KeyMaterial,
  optional,
  type ProjectStorage,
  type PublicKeys,
  readConnection,
  readKey,
  readProjectStorage,
  readPublicKeyTexts,
  readRef,
  readTarget,
  type Target,
} from "./environment.ts";
import { type Policy, policySchema } from "./policy/policy.ts";
import { type Problem, Problems } from "./problems.ts";
import {
  readReplica,
  readVault,
  regionOfStorage,
  regionProblem,
  runnerRegion,
  type VaultLocation,
} from "./vault-location.ts";

/** What a command needs to be set. What it doesn't need is not read, so nothing holds secrets it has no use for. */
interface Sections {
  readonly source: ConnectionSettings;
  readonly vault: VaultLocation;
  /** The bucket of the files' snapshots. */
  readonly storageVault: VaultLocation;
  /** The bucket to which both are replicated. */
  readonly replica: VaultLocation;
  /** The files of the project that is backed up. */
  readonly sourceStorage: ProjectStorage;
  /** The files of the target that `target` names. */
  readonly targetStorage: ProjectStorage;
  readonly signing: KeyMaterial;
  readonly opening: KeyMaterial;
  readonly target: Target;
}
export type Section = keyof Sections;

interface Always {
  readonly policy: Policy;
  /** Where the policy was read from. */
  readonly policyPath: string;
  readonly publicKeys: PublicKeys;
  readonly projectRef: string | null;
  /** Version of Lifeboat, for manifests. */
  readonly version: string;
  /** For child processes and the tools that are looked for in it. */
  readonly env: Environment;
}

/** The policy, the environment and the inputs in one: complete, checked, frozen. */
export type Config<Needed extends Section = never> = Always & Pick<Sections, Needed>;

export interface LoadOptions<Needed extends Section> {
  readonly needs: readonly Needed[];
  readonly env?: Environment;
  readonly cwd?: string;
  /** Name of the restore target in the policy; default: `default`. */
  readonly target?: string | ((policy: Policy) => string);
  /** `replica`: what is asked of the vault is read from there, and nothing is written. */
  readonly from?: "vault" | "replica";
}

/**
 * Reads the policy (LIFEBOAT_POLICY, else `lifeboat.config.ts` in `cwd`) and the sections of the environment that the
 * command needs.
 *
 * @throws ConfigurationError `configuration` that lists every problem at once, and no setting's value
 */
export async function loadConfig<Needed extends Section = never>(
  options: LoadOptions<Needed>,
): Promise<Config<Needed>> {
  const { config, problems } = await read(options);
  problems.throwIfAny();
  return config();
}

/** What is missing or wrong in an environment, without the values: all of it, setting by setting. @throws ConfigurationError when the policy cannot be read */
export async function configProblems(options: LoadOptions<Section>): Promise<readonly Problem[]> {
  return (await read(options)).problems.list();
}

/** @returns `config`, to be called when there are no problems */
async function read<Needed extends Section>(
  options: LoadOptions<Needed>,
): Promise<{ readonly config: () => Config<Needed>; readonly problems: Problems }> {
  const env = options.env ?? process.env;
  const cwd = options.cwd ?? process.cwd();
  const problems = new Problems();
  const policyPath = resolve(cwd, optional(env, "LIFEBOAT_POLICY") ?? "lifeboat.config.ts");
  const policy = checkPolicy(await readPolicy(policyPath), problems);

  const { target: named = "default" } = options;
  const target = typeof named === "string" || policy === undefined ? named : named(policy);
  const regions = policy?.regions;
  const readFrom = (bucket: string): VaultLocation | undefined => {
    if (options.from !== "replica") return readVault(env, bucket, problems, regions);
    const replica = readReplica(env, problems, regions);
    return replica && { ...replica, readOnly: true };
  };
  const read: { [S in Section]: () => Sections[S] | undefined } = {
    source: () => readConnection(env, "DATABASE", problems),
    vault: () => readFrom("S3_BACKUP_BUCKET"),
    storageVault: () => readFrom("S3_STORAGE_BUCKET"),
    replica: () => readReplica(env, problems, regions),
    sourceStorage: () => readProjectStorage(env, "SUPABASE", problems),
    targetStorage: () => {
      // A name that the policy does not know is told once, by `target`.
      const known = policy?.targets[String(target)];
      const storage = known && readProjectStorage(env, known.env, problems);
      const elsewhere = storage && regionProblem(regionOfStorage(storage), regions);
      return elsewhere === undefined ? storage : problems.add(`${storage?.prefix}_STORAGE_REGION`, elsewhere);
    },
    signing: () =>
      readKey(
        env,
        {
          key: "BACKUP_SIGNING_KEY",
          passphrase: "BACKUP_SIGNING_PASSPHRASE",
          what: "the armored private key that signs",
        },
        problems,
      ),
    opening: () =>
      readKey(
        env,
        {
          key: "RESTORE_PRIVATE_KEY",
          passphrase: "RESTORE_PASSPHRASE",
          what: "the armored private key that opens the set",
        },
        problems,
      ),
    target: () => {
      if (policy === undefined) return undefined;
      const found = readTarget(env, policy, String(target), problems);
      const elsewhere = found && regionProblem(regionOfPooler(found.database), regions);
      return elsewhere === undefined ? found : problems.add("target", `the project of ${found?.name} ${elsewhere}`);
    },
  };
  const elsewhere = regionProblem(optional(env, runnerRegion), regions);
  if (elsewhere !== undefined) problems.add(runnerRegion, elsewhere);
  const sections = Object.fromEntries(options.needs.map((need) => [need, read[need]()]));
  const config = (): Config<Needed> => {
    const always = {
      policy,
      policyPath,
      publicKeys: readPublicKeyTexts(env, cwd),
      projectRef: readRef(env, "SUPABASE_PROJECT_REF"),
      version: lifeboatVersion(),
      env,
    };
    // Complete, because every section that came out undefined has added a problem.
    return Object.freeze({ ...always, ...sections }) as Config<Needed>;
  };
  return { config, problems };
}

async function readPolicy(path: string): Promise<unknown> {
  let modified: number;
  try {
    modified = statSync(path).mtimeMs;
  } catch {
    throw new ConfigurationError(
      "policy-missing",
      `The policy ${path} does not exist.`,
      "Run from the repository's root, or name the policy file in LIFEBOAT_POLICY.",
    );
  }
  try {
    if (path.endsWith(".json")) return JSON.parse(readFileSync(path, "utf8"));
    // The time in the URL: a policy that was just pinned must not come from the module cache.
    const module: unknown = await import(/* @vite-ignore */ `${pathToFileURL(path).href}?modified=${modified}`);
    return defaultOf(module);
  } catch (error) {
    // What a parser says may quote the file; its kind is enough to know where to look.
    const kind = error instanceof Error ? error.name : "unknown error";
    throw new ConfigurationError(
      "policy-unreadable",
      `The policy ${path} cannot be read: ${kind}.`,
      path.endsWith(".json")
        ? "Correct it: it has to be a JSON document."
        : "Correct it: `npx tsc --noEmit` says in which line.",
      error,
    );
  }
}

function defaultOf(module: unknown): unknown {
  return typeof module === "object" && module !== null && "default" in module ? module.default : undefined;
}

function checkPolicy(policy: unknown, problems: Problems): Policy | undefined {
  const result = policySchema.safeParse(policy);
  if (result.success) return deepFreeze(result.data);
  for (const issue of result.error.issues) problems.add(`policy ${issue.path.join(".") || "file"}`, issue.message);
  return undefined;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

function lifeboatVersion(): string {
  const text: unknown = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  return typeof text === "object" && text !== null && "version" in text ? String(text.version) : "unknown";
}
