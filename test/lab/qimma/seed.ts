import { readFile } from "node:fs/promises";
import pg from "pg";
import { execute, withClient } from "../connection.ts";
import { createQimmaEventTrigger } from "./event-trigger.ts";
import { type QimmaSizes, qimmaSizes } from "./sizes.ts";

/** A personal datum in several rows of the seed (and in a table without a key). No log, report or error may ever carry it. */
export const PLANTED_EMAIL = "noura.planted.8c41@personal.example";

export interface QimmaSeed {
  /** About how large the database becomes: 1 MB to 10 GB. */
  readonly bytes: number;
  /** Same seed and bytes, same rows; only vault's ciphertext differs. */
  readonly seed: number;
  /** With it the project also gets Qimma's event trigger, which plain PostgreSQL keeps from `postgres`. */
  readonly superuserUrl?: string;
}

const folder = new URL("./sql/", import.meta.url);
const SLICE = 100_000;

/**
 * Fills an empty project with Qimma's schema and rows, as its `postgres`. Rows are made by the server; large tables in
 * slices by two sessions. Done in order: schema, rows, keys, then everything else in `sql/`.
 *
 * @throws the server's error when the project is not empty
 */
export async function seedQimma(postgresUrl: string, { bytes, seed, superuserUrl }: QimmaSeed): Promise<void> {
  const sizes = qimmaSizes(bytes);
  const run = (file: string, values: Record<string, number> = {}) =>
    runFile(postgresUrl, file, { ...sizes, seed, ...values });
  for (const file of ["10-types", "20-tables", "30-rows"]) await run(file);
  for (const { from, to } of slices(sizes.users)) await run("31-people", { from, to });
  await run("32-exams", { from: 1, to: sizes.exams });
  await inTwoSessions([
    ...slices(sizes.submissions).map((slice) => () => run("33-submissions", slice)),
    ...slices(sizes.transactions).map((slice) => () => run("34-transactions", slice)),
    ...slices(sizes.attachments, SLICE / 20).map((slice) => () => run("35-attachments", slice)),
  ]);
  for (const file of LATER) await run(file);
  if (superuserUrl !== undefined) await createQimmaEventTrigger(superuserUrl);
}

/** The roles that the seed makes, cluster-wide. */
export const QIMMA_ROLES = ["Qimma Grader", "qimma_reporting"] as const;

/**
 * Drops the seed's roles, so that a target on the same cluster starts without them. Drop the seeded projects first: a role
 * that still owns or may do something in any database stays.
 *
 * @throws the server's error 2BP01 when a role is still in use
 */
export async function dropQimmaRoles(superuserUrl: string): Promise<void> {
  await withClient(superuserUrl, async (client) => {
    for (const role of QIMMA_ROLES) await client.query(`drop role if exists ${pg.escapeIdentifier(role)}`);
  });
}

const LATER = ["40-keys", "50-views", "55-triggers", "60-security", "70-values", "75-odd-tables", "80-supabase"];

/** Placeholders are whole words after a colon, so that `::casts` and strings of the SQL stay as they are. */
async function runFile(url: string, file: string, values: Record<string, number> & QimmaSizes): Promise<void> {
  const text = await readFile(new URL(`${file}.sql`, folder), "utf8");
  const sql = text.replaceAll(/(?<!:):([a-z]+)\b/g, (whole, name: string) => {
    if (name === "planted") return pg.escapeLiteral(PLANTED_EMAIL);
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
  await execute(url, `set statement_timeout = 0; set client_min_messages = warning; ${sql}`);
}

function slices(rows: number, length = SLICE): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(rows / length) }, (_, index) => ({
    from: index * length + 1,
    to: Math.min(rows, (index + 1) * length),
  }));
}

async function inTwoSessions(tasks: (() => Promise<void>)[]): Promise<void> {
  const queue = tasks.values();
  const worker = async () => {
    for (const task of queue) await task();
  };
  await Promise.all([worker(), worker()]);
}
