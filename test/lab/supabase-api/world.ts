import { randomUUID } from "node:crypto";
import { type Clock, realClock } from "../../../actions/lib/base/flow/clock.ts";
import { between, hexFrom, randomFrom, refFrom } from "../random.ts";
import type { Backing } from "./backing.ts";
import { ApiFaults } from "./faults.ts";
import { newProject, type Project, type ProjectFacts } from "./project.ts";

/** What Supabase charges for, and refuses by. */
export interface Organization {
  readonly slug: string;
  readonly name: string;
  plan: "free" | "pro" | "team" | "enterprise" | "platform";
  /** Over its quota: everything new is refused with 402. */
  restricted: boolean;
}

/** An access token. */
export interface Token {
  readonly value: string;
  /** Requests are counted by the user, over all tokens of his. */
  readonly user: string;
  /** Slugs. What is in others is not found. */
  organizations: readonly string[];
  /** Refs of a scoped token; undefined: all of its organisations. */
  projects?: readonly string[] | undefined;
  /** Of a scoped token, by Supabase's names (`backups_write`); undefined: all. */
  permissions?: readonly string[] | undefined;
  /** Milliseconds since 1970. */
  expiresAt?: number | undefined;
}

/** How the next restore to a point in time ends; seconds are the world's. */
export interface RestoreOrder {
  readonly ends:
    | "healthy"
    /** RESTORING for ever. */
    | "hangs"
    /** RESTORE_FAILED; the database does not answer. */
    | "fails"
    /** Healthy, and nothing in it. */
    | "empty"
    /** Accepted, and nothing happens: healthy throughout, the same data. */
    | "ignored";
  /** From the request to its end; default 30 to 41, by seed. */
  readonly seconds?: number;
  /** For so long after the request the status still says that it is healthy; default 2 to 8, by seed. */
  readonly blindSeconds?: number;
  /** Restores to so many seconds after (or before) what was asked for. */
  readonly offSeconds?: number;
  /** The password is again the one of then. */
  readonly oldPassword?: boolean;
  /** So many seconds after it was healthy the project becomes RESTORE_FAILED after all. */
  readonly failsAfter?: number;
}

/** How the next new project comes up. */
export interface CreationOrder {
  readonly ends: "healthy" | "hangs" | "fails";
  /** Default 126 to 135, by seed. */
  readonly seconds?: number;
}

/** What the Management API shows and takes, and is not so at the project itself. */
export interface FrontFaults {
  /** By name: the value that Auth works by, whatever was set. */
  readonly auth: Map<string, unknown>;
  /** By slug: status and code of the platform's answer instead of the function's. */
  readonly functions: Map<string, readonly [status: number, code: string]>;
  /** Auth publishes no key. */
  keysHidden: boolean;
}

/** Everything that the simulated Supabase is. Tests change it as they go. */
export interface World {
  readonly clock: Clock;
  /** Every wait of the world is divided by it: 60 makes a new project healthy in two seconds. What has a date keeps it. */
  pace: number;
  readonly random: () => number;
  readonly organizations: Organization[];
  readonly projects: Map<string, Project>;
  readonly tokens: Token[];
  /** Regions without room for a new project. */
  readonly fullRegions: Set<string>;
  readonly faults: ApiFaults;
  /** For the next restores, in order; afterwards all end well. */
  readonly restoreOrders: RestoreOrder[];
  readonly creationOrders: CreationOrder[];
  /** What projects do otherwise than they were told, all of them. */
  readonly frontFaults: FrontFaults;
  /** Requests a minute and user. */
  limit: number;
  /** What the public status page says is not well, by name; it knows nothing of single projects. */
  readonly publicTroubles: string[];
  /** How bad it calls that. */
  publicSeverity: "minor" | "major" | "critical";
  /** `METHOD path?query`, in order, those that were refused too. */
  readonly requests: string[];
  /** Told of each request, and waited for, before it is answered. */
  heard?: ((request: string) => Promise<void>) | undefined;
  /** Real databases behind projects; without it they are only thought. */
  backing?: Backing | undefined;
  /** When each user asked, for the limit. */
  readonly asked: Map<string, number[]>;
}

export interface WorldOptions {
  /** Same seed, same world. Default 1. */
  readonly seed?: number;
  readonly clock?: Clock;
  readonly pace?: number;
}

/** A world with one organisation (`org`, pro), a token that may do everything there, and no project. */
export function createWorld({ seed = 1, clock = realClock, pace = 1 }: WorldOptions = {}): World {
  const random = randomFrom(seed);
  return {
    ...{ clock, pace, random, limit: 120 },
    organizations: [{ slug: "org", name: "Org", plan: "pro", restricted: false }],
    tokens: [{ value: `sbp_${hexFrom(random, 40)}`, user: "owner", organizations: ["org"] }],
    ...{ projects: new Map(), fullRegions: new Set(), faults: new ApiFaults(), asked: new Map() },
    frontFaults: { auth: new Map(), functions: new Map(), keysHidden: false },
    ...{ restoreOrders: [], creationOrders: [], requests: [], publicTroubles: [], publicSeverity: "major" },
  };
}

/** Adds a project that has been there for a while: healthy, its data complete. */
export function addProject(world: World, facts: Partial<ProjectFacts> = {}): Project {
  const now = world.clock.now();
  const project = newProject(world, {
    ref: refFrom(world.random),
    ...{ name: "production", organization: "org", region: "eu-central-1", password: "first password" },
    createdAt: now - 30 * 86_400_000,
    ...facts,
  });
  project.status = "ACTIVE_HEALTHY";
  project.storage = { tenantAt: 0, slowUntil: 0 };
  project.disk.sizeGb = 8;
  project.database.startedAt = project.createdAt;
  project.database.written.push({ from: project.createdAt, to: undefined });
  world.projects.set(project.ref, project);
  return project;
}

/** The only project of most tests. @throws where there is none */
export function onlyProject(world: World): Project {
  const [project] = world.projects.values();
  if (project === undefined) throw new Error("The world has no project.");
  return project;
}

/** Adds a token. */
export function addToken(world: World, facts: Partial<Token> = {}): Token {
  const scoped = facts.permissions !== undefined || facts.projects !== undefined;
  const token: Token = {
    value: `${scoped ? "sbp_fc" : "sbp_"}${hexFrom(world.random, scoped ? 38 : 40)}`,
    ...{ user: "owner", organizations: ["org"] },
    ...facts,
  };
  world.tokens.push(token);
  return token;
}

/** Milliseconds of so many seconds, at the world's pace. */
export const paced = (world: World, seconds: number): number => (seconds * 1000) / world.pace;

/** The same, between two bounds by seed. */
export const pacedBetween = (world: World, low: number, high: number): number =>
  paced(world, between(world.random, low, high));

/** @param at milliseconds since 1970: when it happens, however late somebody looks */
type Happening = (at: number) => void | Promise<void>;

/** Lets happen in a project `after` milliseconds what `does` says. */
export function plan(world: World, project: Project, after: number, does: Happening): void {
  project.due.push({ at: world.clock.now() + after, does });
  project.due.sort((one, other) => one.at - other.at);
}

/** Lets happen everything whose time has come, in its order. Called before each answer and each look from outside. */
export async function settle(world: World): Promise<void> {
  const now = world.clock.now();
  for (const project of [...world.projects.values()]) {
    // What takes its time with a real database is waited for by whoever came first; others see the project as it is.
    if (project.happening) continue;
    project.happening = true;
    try {
      for (let next = project.due[0]; next !== undefined && next.at <= now; next = project.due[0]) {
        project.due.shift();
        await next.does(next.at);
      }
    } finally {
      project.happening = false;
    }
  }
}

/** From when on something counts that was to happen at `at`: with real databases, from when it really was done. */
export const sinceThen = ({ backing, clock }: World, at: number): number => (backing === undefined ? at : clock.now());

/** An id of the API's; nothing hangs on it. */
export const newId = (): string => randomUUID();
