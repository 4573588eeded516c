import type { Client } from "pg";
import { describeCode, OperationError, sqlState } from "../../../base/errors.ts";
import { doInBatches } from "../../../base/flow/bounded.ts";
import { pathStatement } from "../../../postgres/inventory/search-paths.ts";
import type { Step } from "./step.ts";

/** Steps that did not work, with the reason in our words: an SQLSTATE and its meaning, never the server's text. */
export type StepFailures = Map<Step, string>;

/** What a step found in place already: an interrupted run, or the platform, was there first. */
const alreadyThere = new Set(["42710", "42P07", "42P06", "42723", "42701"]);

export type AfterStep = (step: Step) => string | undefined;

/** Settings under which pg_dump's statements mean what they say. */
const dumpSession = `
  set search_path = '';
  set check_function_bodies = off;
  set standard_conforming_strings = on;
  set client_min_messages = error;
  set row_security = off;
  set default_tablespace = '';
  set xmloption = content`;

/** Opens a session in which pg_dump's statements mean what they say. */
export async function dumpClient(connect: () => Promise<Client>): Promise<Client> {
  const client = await connect();
  await client.query(dumpSession);
  return client;
}

/** The statement of one step, under the access method that its table had. */
export function statementOf({ entry }: Step): string {
  const method = entry.tableam === null || entry.tableam === "" ? "heap" : entry.tableam;
  const table = entry.desc === "TABLE" || entry.desc === "MATERIALIZED VIEW";
  const before = table ? `set default_table_access_method = '${method.replaceAll("'", "''")}';\n` : "";
  return `${before}${entry.defn.replace(/;?\s*$/, ";")}\n`;
}

/**
 * Runs steps in order, several a message (see `doInBatches`).
 *
 * @param afterStep a statement to be run with the step, in the same transaction
 * @param path search path in the place of the empty one
 */
export async function runSteps(
  client: Client,
  steps: readonly Step[],
  afterStep: AfterStep = () => undefined,
  path?: string,
): Promise<StepFailures> {
  const before = path === undefined ? "" : pathStatement(path);
  const text = (step: Step) => before + statementOf(step) + (afterStep(step) ?? "");
  return doInBatches(steps, {
    together: (batch) => worked(client, batch.map(text).join("")),
    alone: (step) => attempt(client, text(step)),
  });
}

async function worked(client: Client, sql: string): Promise<boolean> {
  try {
    await client.query(sql);
    return true;
  } catch (error) {
    reasonOf(error); // throws what no other statement could do
    return false;
  }
}

/** Runs one statement or several that belong together; undefined when it worked or was not needed. */
export async function attempt(client: Client, sql: string): Promise<string | undefined> {
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    const reason = reasonOf(error);
    return alreadyThere.has(sqlState(error)) ? undefined : reason;
  }
}

/**
 * Why a statement did not work. What no other statement could do either ends the restore: a lost session, and a lock that
 * somebody holds, for which each further attempt would wait as long again.
 * @throws OperationError `target-locked`; `error` itself when the session was lost
 */
export function reasonOf(error: unknown): string {
  const state = sqlState(error);
  if (state === "none") throw error;
  if (state !== "55P03") return describeCode(error);
  throw new OperationError(
    "target-locked",
    "Somebody holds a lock in the target for longer than the restore may wait (55P03).",
    "Keep everything else off the target and run the same command again: it takes up what is done already.",
  );
}

/** The same, and under other search paths as long as it does not work. */
export async function attemptUnder(client: Client, paths: readonly string[], sql: string): Promise<string | undefined> {
  let reason = await attempt(client, sql);
  for (const path of paths) {
    // Denied, or waiting for something else: no other path changes that.
    if (reason === undefined || /^(42501|55000)/.test(reason)) return reason;
    reason = await attempt(client, pathStatement(path) + sql);
  }
  return reason;
}

/** Runs statements one at a time and keeps, by key, why one did not work. */
export function attemptInto(
  client: Client,
  failures: Map<string, string>,
): (key: string, sql: string) => Promise<void> {
  return async (key, sql) => {
    const reason = await attempt(client, sql);
    if (reason !== undefined) failures.set(key, reason);
  };
}
