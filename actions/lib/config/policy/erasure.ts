import { z } from "zod";

const table = z.string().regex(/^[^.\s"]+\.[^.\s"]+$/, "schema.table");
const column = z.string().min(1).max(63);
/** An expression of the row, or null. What it may hold is judged by PostgreSQL's own reading of it. */
const value = z.string().min(1).max(1000).nullable();

/** Rows with another value there are nobody's: a bucket's files, say. */
const only = z.strictObject({ column, value: z.string() }).optional();

/** How the rows of a person are found. The value that is looked for is the person's id, or another of their `identifiers`. */
export const findSchema = z.union([
  /** A column that holds it; with `path` a place in a JSON column, e.g. `["user", "id"]`. */
  z.strictObject({ column, path: z.array(z.string()).min(1).optional(), only, is: z.string().optional() }),
  /** Any of the values that a jsonpath finds in a JSON column, e.g. `$.participants[*].id`. */
  z.strictObject({ column, each: z.string().min(1), only, is: z.string().optional() }),
  /** Rows that refer by `column` to rows of another table, whose own rule finds them. */
  z.strictObject({ column, of: table, key: column }),
  /** A part of a text, e.g. of a file's name: `submissions/{subject}/`. Nothing but the person's value stands between the others. */
  z.strictObject({
    column,
    pattern: z.string().regex(/^[^{}]*\{subject\}[^{}]*$/, "a text with {subject} in it once"),
    only,
    is: z.string().optional(),
  }),
]);
export type Find = z.output<typeof findSchema>;

const because = z
  .string()
  .trim()
  .min(10)
  .max(300)
  .regex(/\d/, "the article that says so, e.g. Art. 17(3)(b) GDPR, and why");

const eraseRule = z.strictObject({
  table,
  find: findSchema,
  /** `delete`, or what columns become: null, or an expression of constants, columns and PostgreSQL's own immutable functions. */
  erase: z.union([z.literal("delete"), z.record(column, value).refine((set) => Object.keys(set).length > 0)]),
});
const keepRule = z.strictObject({ table, find: findSchema, keep: because });

/** Files of a person in a bucket: by a part of the path, or because the person has uploaded them (`owner_id`). */
const fileRule = z.union([
  z.strictObject({
    bucket: z.string().min(1),
    path: z.string().regex(/^[^{}]*\{subject\}[^{}]*$/, "a text with {subject} in it once"),
    is: z.string().optional(),
  }),
  z.strictObject({ bucket: z.string().min(1), owner: z.literal(true) }),
]);
export type FileRule = z.output<typeof fileRule>;

/** `lifeboat erase`: where a person is in the data, and what erasing means there. */
export const erasurePolicySchema = z
  .strictObject({
    /** Where people are: the table with one row a person, and its column of the id. Null: nobody can be erased. */
    subjects: z.strictObject({ table, column }).nullable().default(null),
    /** Further values that stand for a person, by name: columns of that table, e.g. `{ email: "email" }`. */
    identifiers: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), column).default({}),
    /** What happens where. The order does not matter. */
    rules: z.array(z.union([eraseRule, keepRule])).default([]),
    files: z.array(fileRule).default([]),
    /** Consents that can be withdrawn, by name: what the withdrawal sets. It counts for sets that are older than it. */
    revocations: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), z.array(eraseRule).min(1)).default({}),
    /** A person who is found in more rows of a table, or in more files, is more likely a mistake of the policy. */
    mostRows: z.number().int().positive().default(10_000),
    /** Older sets may hold more rows of a person than the database does now: so many more, or twice as many, may be taken. */
    slackRows: z.number().int().nonnegative().default(1000),
    /** Days from the receipt of a request within which it has to be done: a month (Art. 12(3) GDPR). */
    termDays: z.number().int().min(1).max(90).default(30),
  })
  .superRefine((policy, context) => {
    const problem = (message: string) => context.addIssue({ code: "custom", message });
    const all = [...policy.rules, ...Object.values(policy.revocations).flat()];
    if (policy.subjects === null && all.length + policy.files.length > 0)
      problem("rules need `subjects`: the table that says who is there");
    for (const { table: name, find } of all) {
      if (
        "of" in find &&
        !policy.rules.some((rule) => rule.table === find.of && !("of" in rule.find && rule.find.of === name))
      )
        problem(`${name} refers to ${find.of}, which has no rule of its own`);
      if ("is" in find && find.is !== undefined && policy.identifiers[find.is] === undefined)
        problem(`${name}: there is no identifier ${find.is}`);
    }
    for (const rule of policy.files)
      if ("is" in rule && rule.is !== undefined && policy.identifiers[rule.is] === undefined)
        problem(`${rule.bucket}: there is no identifier ${rule.is}`);
  })
  .prefault({});

export type ErasurePolicy = z.output<typeof erasurePolicySchema>;
export type EraseRule = z.output<typeof eraseRule>;
export type KeepRule = z.output<typeof keepRule>;
