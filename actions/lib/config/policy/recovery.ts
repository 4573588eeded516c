import { z } from "zod";
import { restoreCheckSchema } from "./restore-test.ts";

const minutes = z.number().positive();
const usd = z.number().nonnegative();
const words = z.string().min(1).max(500);

/** A program without a shell: each word is given as it is. */
const argv = z.array(z.string()).min(1);
const environmentName = z.string().regex(/^[A-Z][A-Z0-9_]*$/, "the name of an environment variable");

/** What a recovery brings up to date after it has restored a set: the changes of the schema made since. */
const migrationsSchema = z
  .strictObject({
    /** Folder of the Supabase CLI's migrations, below the repository's root or absolute. Null: there are none. */
    folder: z.string().min(1).nullable().default(null),
    /** Tables of the application's own that note what was applied, and the program that brings them up to date. */
    own: z
      .array(
        z.strictObject({
          /** `schema.table`. */
          table: z.string().regex(/^[^.]+\.[^.]+$/, "schema.table"),
          argv,
          /** Variables that the program gets beside PATH, HOME and DATABASE_URL (the restored database). */
          env: z.array(environmentName).default([]),
          timeoutSeconds: z.number().positive().max(3600).default(600),
        }),
      )
      .default([]),
  })
  .prefault({});

/** What each set notes of the project's settings, read with SUPABASE_ACCESS_TOKEN where one is given. */
const configurationSchema = z
  .strictObject({
    /** The bodies of Edge Functions are in the set. */
    functions: z.boolean().default(true),
    /** Folder of their sources, from which a recovery deploys those whose body a set has not. Null: none. */
    functionsFolder: z.string().min(1).nullable().default(null),
    /** Slugs of functions that a recovery does not call, not even by OPTIONS, when it tries what it has put back. */
    notCalled: z.array(z.string().min(1)).default([]),
    /** The root key of Vault is in the set, for operations and escrow alone. */
    vaultRootKey: z.boolean().default(false),
  })
  .prefault({});

/** `lifeboat recover`: where a lost project comes back, within which bounds, and what has to hold before it is handed over. */
export const recoveryPolicySchema = z
  .strictObject({
    /** Slug of the Supabase organisation in which new projects are made. Null: a recovery works on a target that somebody has made. */
    organization: z.string().min(1).nullable().default(null),
    /** Region of the new project after a complete loss. Null: `promises.supabase.region`. */
    region: z.string().min(1).nullable().default(null),
    /** Compute size of the new project, e.g. `small`. Null: the lost project's, as its set tells. */
    instanceSize: z.string().min(1).nullable().default(null),
    /** What the new project may cost a month at most, in US dollars, compute and disk. */
    mostUsdPerMonth: usd.default(100),
    /** Minutes after which a point-in-time recovery that has not come back makes way for plan B, which a person starts. */
    planBAfterMinutes: minutes.default(5),
    /** Checks of the application before the hand-over. Null: those of the restore test. */
    checks: z.array(restoreCheckSchema).nullable().default(null),
    migrations: migrationsSchema,
    configuration: configurationSchema,
    /** Who opens what `lifeboat escrow` has sealed: the escrow key alone, or that of operations as well. */
    escrow: z.enum(["escrow", "escrow and operations"]).default("escrow"),
    /** What a person has to change by hand when the project has another address, in words, each with its link. */
    handOver: z.array(words).max(40).default([]),
  })
  .prefault({});

/** `lifeboat drill`: the quarterly rehearsal of a complete loss. */
export const drillPolicySchema = z
  .strictObject({
    /** Name of the target that a drill restores into, and empties at its end. */
    target: z.string().default("staging"),
    /** With a slug of another organisation than production's: each drill makes a project of its own there, and removes it. */
    organization: z.string().min(1).nullable().default(null),
    /** What one drill may cost at most, in US dollars. */
    mostUsd: usd.default(5),
  })
  .prefault({});

export type RecoveryPolicy = z.output<typeof recoveryPolicySchema>;
