import { z } from "zod";

export const fingerprint = z
  .string()
  .transform((text) => text.replaceAll(/\s/g, "").toUpperCase())
  .pipe(z.string().regex(/^[0-9A-F]{40}$/, "a 40-digit OpenPGP fingerprint"));
const environmentName = z.string().regex(/^[A-Z][A-Z0-9_]*$/, "the name of an environment variable");
const name = z.string().min(1).max(80);
const sql = z.string().min(1);
const timeoutSeconds = z.number().positive().max(3600).default(60);
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** What a query must give. `value`, `matches`, `min`, `max`: of its first column in its only row, as Postgres prints it. */
const sqlExpectation = z.union([
  z.strictObject({ value: z.union([z.string(), z.number(), z.boolean(), z.null()]) }),
  z.strictObject({ matches: z.string().refine(isPattern, "a regular expression") }),
  z
    .strictObject({ min: z.number().optional(), max: z.number().optional() })
    .refine(({ min, max }) => min !== undefined || max !== undefined, "min, max or both"),
  z.strictObject({
    rows: z.union([
      z.number().int().nonnegative(),
      z
        .strictObject({ min: z.number().int().optional(), max: z.number().int().optional() })
        .refine(({ min, max }) => min !== undefined || max !== undefined, "min, max or both"),
    ]),
  }),
]);

/** An assertion: run as the role that restores, read-only. */
const sqlCheck = z.strictObject({ kind: z.literal("sql"), name, query: sql, expect: sqlExpectation, timeoutSeconds });

/** The same query as nobody, as one person and as another: row level security must still keep them apart. */
const rlsCheck = z.strictObject({
  kind: z.literal("rls"),
  name,
  query: sql,
  /** Gives the ids of at least two people in its first column; the first two different ones are taken. */
  people: sql,
  /** More claims of their tokens; `sub` and `role` are set by the check. */
  claims: z.record(z.string(), z.unknown()).default({}),
  expect: z
    .strictObject({
      /** What each of the two sees. */
      each: z.enum(["some", "none", "any"]).default("some"),
      /** `disjoint`: no row is seen by both. `same`: both see the very same rows. */
      between: z.enum(["disjoint", "same", "any"]).default("disjoint"),
      /** What a visitor without a token sees; a refusal is seeing nothing. */
      anon: z.enum(["none", "some", "any"]).default("none"),
    })
    .default({ each: "some", between: "disjoint", anon: "none" }),
  timeoutSeconds,
});

/** A request to the staging project's API, whose address is in `<prefix>_API_URL` of the target. */
const httpCheck = z.strictObject({
  kind: z.literal("http"),
  name,
  method: z.enum(["GET", "HEAD", "POST"]).default("GET"),
  /** Below the API's address, e.g. `/rest/v1/exams?select=id&limit=1`. */
  path: z.string().startsWith("/"),
  /** A text, or the environment variable that holds it: `{ env: "STAGING_ANON_KEY" }`, after `prefix` where that is given. */
  headers: z
    .record(z.string(), z.union([z.string(), z.strictObject({ env: environmentName, prefix: z.string().optional() })]))
    .default({}),
  /** Sent as JSON. */
  body: z.unknown().optional(),
  expect: z
    .strictObject({
      status: z.number().int().min(100).max(599).default(200),
      /** Places in the JSON answer, e.g. `["0", "id"]`, and what stands there. */
      json: z
        .array(z.strictObject({ path: z.array(z.string()), equals: scalar.optional(), length: z.number().optional() }))
        .default([]),
    })
    .default({ status: 200, json: [] }),
  timeoutSeconds,
});

/** Any program; exit code 0 is a pass. No shell: each word is given as it is. Its output is not kept: it may hold rows. */
const commandCheck = z.strictObject({
  kind: z.literal("command"),
  name,
  argv: z.array(z.string()).min(1),
  /** Variables that it gets beside PATH and HOME. */
  env: z.array(environmentName).default([]),
  timeoutSeconds,
});

export const restoreCheckSchema = z.discriminatedUnion("kind", [sqlCheck, rlsCheck, httpCheck, commandCheck]);
export type RestoreCheck = z.infer<typeof restoreCheckSchema>;
export type SqlCheck = z.infer<typeof sqlCheck>;
export type RlsCheck = z.infer<typeof rlsCheck>;
export type HttpCheck = z.infer<typeof httpCheck>;
export type CommandCheck = z.infer<typeof commandCheck>;

const performanceSchema = z.strictObject({
  /** Measured as they are. */
  queries: z.array(z.strictObject({ name, query: sql })).default([]),
  /** Rows fetched by one key each, the keys taken from the restored table. */
  lookups: z
    .array(z.strictObject({ name, schema: z.string().default("public"), table: z.string(), column: z.string() }))
    .default([]),
  /** Runs that count, after some that warm up. */
  runs: z.number().int().min(5).max(1000).default(20),
  /** Slower is what takes more than so many times as long as the earlier tests' median … */
  tolerance: z.number().min(1.1).default(2),
  /** … and at least so many milliseconds more: a query of a millisecond doubles by chance. */
  minimumMs: z.number().nonnegative().default(50),
  /** Whether slower than before is a failure of the test or a warning. */
  failWhenSlower: z.boolean().default(false),
  timeoutSeconds: z.number().positive().max(3600).default(120),
});

/** The monthly restore test: where it restores to, what it looks at afterwards, what becomes of the copy. */
export const restoreTestPolicySchema = z
  .strictObject({
    /** Name of the target; its environment variables give the way there. */
    target: z.string().default("staging"),
    /** Ref of the staging project. Null: there is none yet, and no restore test runs. */
    projectRef: z.string().min(1).nullable().default(null),
    /** As what the set of each test is chosen, one after the other, then from the beginning. */
    turns: z
      .array(z.enum(["newest", "older", "archive"]))
      .min(1)
      .default(["newest", "older", "newest", "archive"]),
    /** Whether an archive's turn may ask Glacier for it, which costs money. */
    thaw: z.boolean().default(true),
    checks: z.array(restoreCheckSchema).default([]),
    performance: performanceSchema.prefault({}),
    /** The copy holds the students' data: it is wiped at the end (0), or so many hours later by the next run or `--wipe`. */
    keepHours: z.number().nonnegative().max(720).default(0),
    /** Provers whose proofs still count after the key was changed; their public keys stay in `.github/keys`. */
    formerProvers: z.array(fingerprint).default([]),
  })
  .prefault({});

export type RestoreTestPolicy = z.output<typeof restoreTestPolicySchema>;

function isPattern(text: string): boolean {
  try {
    new RegExp(text, "u");
    return true;
  } catch {
    return false;
  }
}
