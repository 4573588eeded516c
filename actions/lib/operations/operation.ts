import type { z } from "zod";
import type { RetryPolicy } from "../base/flow/retry.ts";
import { type Environment, lacksProjectStorage, optional } from "../config/environment.ts";
import type { Section } from "../config/load.ts";
import type { Policy } from "../config/policy/policy.ts";
import { hasFilesVault, hasReplica } from "../config/vault-location.ts";
import type { Page } from "../report/page.ts";
import type { Outcome } from "../report/run/run-report.ts";
import type { Context } from "./context.ts";

/** What a run came to, and how a person's terminal hears of it: as JSON, as lines. */
export interface Told extends Omit<Outcome, "page"> {
  /** Printed by `--json`. */
  readonly result: unknown;
  /** What people read. Without it the lines are all there is to say. */
  readonly page?: Page;
  /** What a terminal prints in the place of the page. */
  readonly lines?: readonly string[];
  /** When it is not what follows from a failure: the work was done, and its answer is no. */
  readonly exitCode?: 0 | 1 | 2;
}

/** How a verb's runs are called when they are told to people and watchers. */
export interface Reported {
  /** In run reports and in the name of the heartbeat; default: the verb's own name. */
  readonly as?: string;
  /** In alerts and charts, e.g. `Restore test`. Left out where another verb of the same name says it. */
  readonly label?: string;
  /** A watcher outside hears of each run: HEARTBEAT_URL, or HEARTBEAT_URL_<NAME>. */
  readonly watched?: true;
  /** False: a person's run only looks, and nobody hears of it. Default: it is told as a schedule's. */
  readonly byHand?: false;
  /**
   * Which of several works of the verb this run does, e.g. `weekly`, where the others must not be called well by it. Then
   * HEARTBEAT_URL_<NAME>_WEEKLY hears of it; where that is not set, the verb's own check hears of its failure alone.
   */
  aside?(inputs: Readonly<Record<string, unknown>>): string | undefined;
  /** File names of the workflows that do it, without ending: for runs that could not speak for themselves. */
  readonly workflows?: readonly string[];
}

/** Everything that holds for one verb. Both edges, the pages and the reports read it; nothing else lists verbs. */
export interface Operation<Inputs extends z.ZodObject = z.ZodObject> {
  /** `lifeboat <name>`. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Further lines of the help: the environment that it reads, examples. */
  readonly details?: string;
  readonly inputs: Inputs;
  /** What has to be set: all problems of it are told at once, before anything begins. */
  needs?(inputs: z.infer<Inputs>, env: Environment): readonly Section[];
  /** Name of the target that it works on; default: the input `target`. */
  target?(inputs: z.infer<Inputs>, policy: Policy): string;
  /** @throws ConfigurationError `usage` for inputs that do not go together */
  refuse?(inputs: z.infer<Inputs>): void;
  /** Another file than the usual policy. */
  policyFile?(inputs: z.infer<Inputs>): string | undefined;
  /** How long its vaults are asked before a request counts as failed; default: as every vault. */
  readonly retry?: Partial<RetryPolicy>;
  /** What it may change. Who changes something can be rehearsed: such a verb has `--dry-run`, or says why not. */
  readonly writes: readonly ("source" | "target" | "vault" | "folder" | "branch" | "account")[];
  readonly unrehearsed?: string;
  /**
   * What it removes or overwrites for these inputs, as the message begins after its name: `removes what the policy no longer keeps`;
   * undefined: nothing. While an incident is on, the edge refuses it before anything is touched; before each removal the
   * operation asks again (`Context.incidentGate`). A rehearsal forgets nothing. Its `needs` name a vault, which knows of incidents.
   */
  forgets?(inputs: z.infer<Inputs>): string | undefined;
  /** These inputs only look: such a run leaves no entry in the audit trail. Default: it follows from `needs`, `writes` and `dryRun`. */
  looks?(inputs: z.infer<Inputs>): boolean;
  /** What an interrupted run leaves, and what to do next; without it: nothing, it only reads. */
  readonly interrupted?: { readonly left: string; readonly next: string };
  /** Page below the repository's root for when it fails. */
  readonly runbook?: string;
  /** Another page for these inputs: each scenario of a recovery has its own. */
  runbookFor?(inputs: z.infer<Inputs>): string;
  /** Without it nobody is told of its runs. */
  readonly reported?: Reported;
  /** What an action hands to later steps, by name. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** With it the verb is an action too: `actions/<folder>`, written by `npm run readme`. */
  readonly action?: { readonly folder: string; readonly name: string };
  /** Why there is no such command. */
  readonly onlyAction?: string;
  /** Loads its code when it runs, so that help is quick. */
  run(context: Context, inputs: z.infer<Inputs>): Promise<Told>;
}

/** Declares a verb: the default export of `operations/<folder>/operation.ts`. */
export function defineOperation<Inputs extends z.ZodObject>(operation: Operation<Inputs>): Operation {
  return operation;
}

/** Sections that are needed only then. */
export function when(condition: boolean, ...sections: readonly Section[]): readonly Section[] {
  return condition ? sections : [];
}

/** The buckets of the vault that are set: one of them is enough, and where none is, the database's is asked for. */
export function vaultNeeds(env: Environment): readonly Section[] {
  const files = hasFilesVault(env);
  return [...when(files, "storageVault"), ...when(!files || optional(env, "S3_BACKUP_BUCKET") !== undefined, "vault")];
}

/** What a backup with its files reads; the files' as soon as one of their settings is there: half of them is a mistake, none a choice. */
export function backupNeeds(env: Environment): readonly Section[] {
  const files = hasFilesVault(env) || !lacksProjectStorage(env, "SUPABASE");
  return [
    ...(["source", "vault", "signing"] as const),
    ...when(files, "storageVault", "sourceStorage"),
    ...when(hasReplica(env), "replica"),
  ];
}

/** What people read of a run. */
export function pageOf({ name, summary }: Pick<Operation, "name" | "summary">, { page, lines = [] }: Told): Page {
  return page ?? { title: `lifeboat ${name}`, sentence: lines.at(-1) ?? summary, tables: [] };
}

/** Whether a person's run of it leaves a report, an alert and a heartbeat. */
export function isToldByHand({ reported }: Pick<Operation, "reported">): boolean {
  return reported !== undefined && reported.byHand !== false;
}

/** In reports and heartbeats. */
export function reportName({ name, reported }: Pick<Operation, "name" | "reported">): string {
  return reported?.as ?? name;
}

/** What a run means for the audit trail, by what its verb declares. */
export interface Audited {
  /** It opens what is sealed, writes to the source, a target, the vault or the account that holds it, or removes something. */
  readonly counts: boolean;
  /** Without its entry it is refused: it removes something, or restores. In words: `removes what the policy no longer keeps`. */
  readonly refused: string | undefined;
  /** A person has to say why. */
  readonly needsReason: boolean;
  readonly rehearsal: boolean;
}

export function auditOf(operation: Operation, inputs: z.infer<Operation["inputs"]>, env: Environment): Audited {
  const rehearsal = inputs["dryRun"] === true;
  const opens = operation.needs?.(inputs, env).includes("opening") === true;
  const changes = !rehearsal && operation.looks?.(inputs) !== true && operation.writes.some((one) => recorded.has(one));
  const removes = rehearsal ? undefined : operation.forgets?.(inputs);
  const restores = changes && operation.writes.includes("target") ? "writes to a target" : undefined;
  return {
    counts: opens || changes || removes !== undefined,
    refused: removes ?? restores,
    needsReason: "reason" in operation.inputs.shape && !rehearsal && (opens || removes !== undefined),
    rehearsal,
  };
}

const recorded: ReadonlySet<string> = new Set(["source", "target", "vault", "account"]);
